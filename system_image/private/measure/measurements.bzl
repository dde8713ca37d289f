"""Stage measurements: what a verifier has to expect of a boot."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "attributes_of_parts", "exec_program")
load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/private/kernel:stage1.bzl", _stage1 = "stage1")
load("//system_image/providers:disk_info.bzl", "DiskInfo")
load("//system_image/providers:firmware_info.bzl", "FirmwareInfo")
load("//system_image/providers:kernel_info.bzl", "KernelInfo")
load("//system_image/providers:measurements_info.bzl", "MeasurementsInfo")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")

_KERNEL = Label("//system_image:kernel")

# What `system_image_vm` starts the kernel with.
_CMDLINE = [
    "console=ttyS0",
    "panic=-1",
    "quiet",
    "stage1.size={size}",
    "stage1.sha256={sha256}",
]

# Technology → attribute, and this module's firmware for it.
_FIRMWARE = {
    "sev-snp": ("snp_firmware", Label("//system_image:ovmf_amdsev")),
    "tdx": ("tdx_firmware", Label("//system_image:ovmf_tdx")),
    "tpm": ("tpm_firmware", Label("//system_image:ovmf")),
}

def _fields(ctx, path):
    """What the tool reads, and the files that are in it; `path` is a function of a File."""
    fields = {
        "cmdline": ctx.attr.cmdline,
        "cpu_types": ctx.attr.cpu_types,
        "family_id": ctx.attr.family_id,
        "firmware": {},
        "guest_features": ctx.attr.guest_features,
        "guest_svn": ctx.attr.guest_svn,
        "image_id": ctx.attr.image_id,
        "kernel_hashes": ctx.attr.kernel_hashes,
        "oak": ctx.attr.oak,
        "policy": ctx.attr.policy,
        "vcpus": ctx.attr.vcpus,
    }
    files = []

    def name(file):
        files.append(file)
        return path(file)

    for technology, (attribute, _) in _FIRMWARE.items():
        target = getattr(ctx.attr, attribute)
        if target:
            fields["firmware"][technology] = name(target[FirmwareInfo].image)
    if ctx.attr.kernel:
        kernel = ctx.attr.kernel
        fields["kernel"] = name(kernel[KernelInfo].image if KernelInfo in kernel else ctx.files.kernel[0])
    if ctx.file.initrd:
        fields["initrd"] = name(ctx.file.initrd)
    if ctx.file.uki:
        fields["uki"] = name(ctx.file.uki)
    if ctx.attr.disk:
        disk = ctx.attr.disk[DiskInfo]
        fields["disk"] = name(disk.raw)
        fields["uki"] = name(disk.uki)
    if ctx.attr.image:
        image = ctx.attr.image[SystemImageInfo]
        fields["image"] = {
            "image": name(image.image),
            "sha256": name(image.digest),
            "sha384": name(image.sha384),
        }
    return fields, files

def _measurements_impl(ctx):
    fields, inputs = _fields(ctx, lambda file: file.path)
    manifest = write_manifest(ctx, fields, ctx.label.name + "_inputs")
    measured = ctx.actions.declare_file(ctx.label.name + ".json")
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add("--output", measured)
    ctx.actions.run(
        executable = ctx.executable._measurements,
        arguments = [args],
        inputs = inputs + [manifest],
        outputs = [measured],
        mnemonic = "SystemImageMeasurements",
        progress_message = "Measuring %{label}",
        toolchain = None,
    )

    # The same for a program, which is started in its runfiles.
    fields, files = _fields(ctx, lambda file: file.short_path)
    program = write_manifest(ctx, fields, ctx.label.name + "_program", target = False)
    return [
        DefaultInfo(files = depset([measured])),
        MeasurementsInfo(measurements = measured),
        OutputGroupInfo(program = depset([program]), program_files = depset([program] + files)),
    ]

_measurements = rule(
    implementation = _measurements_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `measurements`.",
    attrs = {
        "cmdline": attr.string_list(doc = "Words of the kernel's command line."),
        "cpu_types": attr.string_list(doc = "Processors under SEV-SNP."),
        "disk": attr.label(doc = "A disk.", providers = [DiskInfo]),
        "family_id": attr.string(doc = "16 bytes of the ID block, in hexadecimal."),
        "guest_features": attr.int_list(doc = "SEV_FEATURES."),
        "guest_svn": attr.int(doc = "Version of the guest in the ID block."),
        "image": attr.label(doc = "The system image.", providers = [SystemImageInfo]),
        "image_id": attr.string(doc = "16 bytes of the ID block, in hexadecimal."),
        "initrd": attr.label(doc = "The initramfs.", allow_single_file = True),
        "kernel": attr.label(doc = "The kernel: a `kernel`, or a file.", allow_files = True),
        "kernel_hashes": attr.bool(doc = "Whether SEV-SNP launches are measured with the kernel's hashes, too."),
        "oak": attr.bool(doc = "Whether Oak's layers are measured."),
        "policy": attr.int(doc = "Guest policy in the ID block."),
        "snp_firmware": attr.label(doc = "Firmware under SEV-SNP.", providers = [FirmwareInfo]),
        "tdx_firmware": attr.label(doc = "Firmware under TDX.", providers = [FirmwareInfo]),
        "tpm_firmware": attr.label(doc = "Firmware with a TPM.", providers = [FirmwareInfo]),
        "uki": attr.label(doc = "A unified kernel image.", allow_single_file = True),
        "vcpus": attr.int_list(doc = "Numbers of processors under SEV-SNP."),
        "_measurements": tool_attr(Label("//tools/sysimage/measure:measurements")),
    },
    provides = [MeasurementsInfo],
)

_program = exec_program(
    Label("//tools/sysimage/measure:measurements"),
    doc = "See the macro `measure_program`.",
)

def measurements(
        *,
        name,
        image = None,
        kernel = None,
        stage1 = None,
        uki = None,
        disk = None,
        cmdline = None,
        firmware = None,
        vcpus = [1, 2, 4, 8],
        cpu_types = ["EPYC-Milan", "EPYC-Genoa", "EPYC-Turin"],
        guest_features = [1],
        policy = 0x30000,
        family_id = "",
        image_id = "",
        guest_svn = 0,
        kernel_hashes = True,
        oak = True,
        **kwargs):
    """Predicts what a boot measures, `NAME.json`: the values that a verifier has to expect.

    It has the launch digests of AMD SEV-SNP, with the kernel's hashes (QEMU's `kernel-hashes=on`) and without, and for
    each the ID block to sign; MRTD, RTMR1 and RTMR2 of Intel TDX; PCRs 4, 5, 7, 9, 11 and 12 of a TPM, with the events
    that they are made of; and Oak's layers. Each value names its inputs. The values are those of guests that QEMU and
    KVM launch.

    Args:
      name: name of the target.
      image: label of a `system_image`. It is measured through the command line, and as Oak's system layer.
      kernel: label of a `kernel`, or of a file that is one; without it, this module's.
      stage1: label of the initramfs; without it, this module's `stage1`, or, of a `kernel` of your own, one is made.
      uki: label of a unified kernel image, in place of kernel, stage1 and cmdline: measured as it is booted by QEMU's
        `-kernel`, and from the path \\EFI\\BOOT of a disk without partitions.
      disk: label of a `disk_image`, in place of these: measured as firmware boots it from its EFI system partition, raw or as
        qcow2. The disk that Compute Engine takes is larger, and has another partition table, PCR 5 and RTMR1.
      cmdline: list of words of the kernel's command line; `{size}` and `{sha256}` stand for those of the image. Without it,
        that of `system_image_vm`.
      firmware: dict, `sev-snp`, `tdx` or `tpm` → label of a `firmware`. What is not in it is not measured. Without it,
        this module's OVMF of each.
      vcpus: list of numbers of processors, for SEV-SNP.
      cpu_types: list of QEMU's types of processors, for SEV-SNP.
      guest_features: list of values of SEV_FEATURES, for SEV-SNP: 1 is SNP alone.
      policy: guest policy, in SEV-SNP's ID block.
      family_id: 16 bytes in hexadecimal, in SEV-SNP's ID block.
      image_id: 16 bytes in hexadecimal, in SEV-SNP's ID block.
      guest_svn: version of the guest, in SEV-SNP's ID block.
      kernel_hashes: whether SEV-SNP launches are measured with the kernel's hashes, too. The firmware has to have them.
      oak: whether Oak's layers are measured, for which the kernel has to be one for x86-64.
      **kwargs: attributes that every rule has.
    """
    if uki and disk:
        fail("disk: {} has its UKI on it; leave uki out".format(disk))
    unified = uki or disk
    if unified and (kernel or stage1 or cmdline):
        fail("{}: {} has its kernel, initramfs and command line in it; leave kernel, stage1 and cmdline out".format(
            "uki" if uki else "disk",
            unified,
        ))
    firmware = {technology: default for technology, (_, default) in _FIRMWARE.items()} if firmware == None else firmware
    for technology in firmware:
        if technology not in _FIRMWARE:
            fail("firmware: {} is not one of {}".format(repr(technology), ", ".join(_FIRMWARE)))
    if not unified and not stage1 and kernel:
        stage1 = name + "_stage1"
        _stage1(
            name = stage1,
            kernel = kernel,
            tags = ["manual"],
            **attributes_of_parts(kwargs)
        )
    if cmdline == None:
        cmdline = [word for word in _CMDLINE if image or "{" not in word]
    _measurements(
        name = name,
        cmdline = [] if unified else cmdline,
        cpu_types = cpu_types,
        disk = disk,
        family_id = family_id,
        guest_features = guest_features,
        guest_svn = guest_svn,
        image = image,
        image_id = image_id,
        initrd = None if unified else stage1 or Label("//system_image:stage1"),
        kernel = None if unified else kernel or _KERNEL,
        kernel_hashes = kernel_hashes,
        oak = oak,
        policy = policy,
        uki = uki,
        vcpus = vcpus,
        **dict(kwargs, **{_FIRMWARE[technology][0]: label for technology, label in firmware.items()})
    )

def measure_program(*, name, measurements = MANDATORY, **kwargs):
    """Makes a program, `bazel run NAME -- --cmdline … --vcpus 8`, that prints measurements for inputs that are in no target.

    Args:
      name: name of the target.
      measurements: label of `measurements`; its inputs are used where the options name no others.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "measure_program",
        name,
        kwargs,
        mandatory = {"measurements": measurements},
    )
    parts = attributes_of_parts(kwargs)
    for group in ("program", "program_files"):
        native.filegroup(
            name = "{}_{}".format(name, group),
            srcs = [measurements],
            output_group = group,
            tags = ["manual"],
            **parts
        )
    _program(
        name = name,
        args = ["--manifest", "$(rootpath {}_program)".format(name)],
        data = [name + "_program", name + "_program_files"],
        **dict(kwargs, tags = kwargs.get("tags", []) + ["manual"])
    )
