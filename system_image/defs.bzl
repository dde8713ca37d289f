"""The public rules and macros, in the order of the pipeline."""

load("//system_image/private/boot:boot.bzl", _boot_test = "boot_test", _system_image_vm = "system_image_vm")
load("//system_image/private/disk:disk.bzl", _disk_image = "disk_image")
load("//system_image/private/disk:uki.bzl", _uki = "uki")
load("//system_image/private/disk:verity.bzl", _verity_image = "verity_image")
load("//system_image/private/evidence:diff.bzl", _image_diff = "image_diff", _image_diff_test = "image_diff_test")
load("//system_image/private/evidence:explain.bzl", _image_explain = "image_explain")
load("//system_image/private/evidence:image_facts.bzl", _image_facts = "image_facts")
load("//system_image/private/evidence:policy.bzl", _image_policy_test = "image_policy_test")
load("//system_image/private/evidence:provenance.bzl", _image_provenance = "image_provenance")
load("//system_image/private/evidence:report.bzl", _image_report = "image_report")
load("//system_image/private/evidence:repro.bzl", _image_repro_test = "image_repro_test")
load("//system_image/private/evidence:sbom.bzl", _image_sbom = "image_sbom")
load("//system_image/private/evidence:sign.bzl", _sign_image = "sign_image")
load("//system_image/private/evidence:size.bzl", _image_size_test = "image_size_test")
load("//system_image/private/evidence:vex.bzl", _image_vex = "image_vex")
load("//system_image/private/image:bundle.bzl", _app_bundle = "app_bundle")
load("//system_image/private/image:cdi.bzl", _cdi = "cdi")
load("//system_image/private/image:compress.bzl", _compress = "compress")
load("//system_image/private/image:cut.bzl", _cut = "cut")
load("//system_image/private/image:emit.bzl", _emit = "emit")
load("//system_image/private/image:flatten.bzl", _flatten = "flatten")
load("//system_image/private/image:guest_base.bzl", _guest_base = "guest_base")
load("//system_image/private/image:inject.bzl", _inject = "inject")
load("//system_image/private/image:system_image.bzl", _system_image = "system_image")
load("//system_image/private/kernel:kernel.bzl", _kernel = "kernel")
load("//system_image/private/kernel:kernel_config_test.bzl", _kernel_config_test = "kernel_config_test")
load("//system_image/private/kernel:kernel_module.bzl", _kernel_module = "kernel_module")
load("//system_image/private/kernel:module_layer.bzl", _module_layer = "module_layer")
load("//system_image/private/kernel:stage1.bzl", _stage1 = "stage1")
load("//system_image/private/measure:dstack.bzl", _dstack_manifest = "dstack_manifest")
load("//system_image/private/measure:firmware.bzl", _firmware = "firmware")
load("//system_image/private/measure:measurements.bzl", _measure_program = "measure_program", _measurements = "measurements")
load("//system_image/private/measure:measurements_golden_test.bzl", _measurements_golden_test = "measurements_golden_test")
load("//system_image/private/measure:reference_values.bzl", _reference_values = "reference_values")
load("//system_image/private/publish:pin.bzl", _base_image = "base_image", _pin_program = "pin_program")
load("//system_image/private/publish:push.bzl", _push_image = "push_image", _push_system_image = "push_system_image")
load("//system_image/private/rootfs:rootfs.bzl", _rootfs = "rootfs")
load("//system_image/private/toolchain:elf_dependencies_test.bzl", _elf_dependencies_test = "elf_dependencies_test")
load("//system_image/private/toolchain:program.bzl", _locked_program = "locked_program")
load("//system_image/private/toolchain:sysroot.bzl", _sysroot = "sysroot")

locked_program = _locked_program
rootfs = _rootfs
guest_base = _guest_base
base_image = _base_image
flatten = _flatten
cut = _cut
compress = _compress
inject = _inject
emit = _emit
system_image = _system_image
image_facts = _image_facts
image_sbom = _image_sbom
image_explain = _image_explain
image_diff = _image_diff
image_diff_test = _image_diff_test
image_provenance = _image_provenance
sign_image = _sign_image
image_vex = _image_vex
image_report = _image_report
image_policy_test = _image_policy_test
image_repro_test = _image_repro_test
image_size_test = _image_size_test
verity_image = _verity_image
kernel_module = _kernel_module
module_layer = _module_layer
cdi = _cdi
push_image = _push_image
push_system_image = _push_system_image
pin_program = _pin_program
sysroot = _sysroot
elf_dependencies_test = _elf_dependencies_test
kernel = _kernel
kernel_config_test = _kernel_config_test
stage1 = _stage1
uki = _uki
disk_image = _disk_image
app_bundle = _app_bundle
system_image_vm = _system_image_vm
boot_test = _boot_test
firmware = _firmware
measurements = _measurements
measure_program = _measure_program
measurements_golden_test = _measurements_golden_test
reference_values = _reference_values
dstack_manifest = _dstack_manifest
