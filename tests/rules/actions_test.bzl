"""Each stage is one action with its own name, hermetic, of the outputs that users build on."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")

# buildifier: disable=bzl-visibility
load("//system_image/private/toolchain:sysroot.bzl", "SYSROOT_PROGRAMS")

# How many files a base is cut into, if nothing is said.
_SLOTS = 48

def _action_impl(ctx):
    env = analysistest.begin(ctx)
    actions = [action for action in analysistest.target_actions(env) if action.mnemonic == ctx.attr.mnemonic]
    asserts.equals(env, ctx.attr.count, len(actions), "actions called " + ctx.attr.mnemonic)
    if actions:
        asserts.equals(
            env,
            sorted(ctx.attr.outputs),
            sorted([output.basename for action in actions for output in action.outputs.to_list()]),
        )
    for action in actions:
        asserts.equals(env, {}, action.env, "the environment that reaches the tool")
        asserts.true(
            env,
            "--target" in action.argv or "--manifest" in action.argv,
            "the tool is told the target, with which its messages begin",
        )
    return analysistest.end(env)

_action_test = analysistest.make(
    _action_impl,
    attrs = {
        "count": attr.int(default = 1),
        "mnemonic": attr.string(mandatory = True),
        "outputs": attr.string_list(mandatory = True),
    },
)

_uncompressed_action_test = analysistest.make(
    _action_impl,
    attrs = {
        "count": attr.int(default = 1),
        "mnemonic": attr.string(mandatory = True),
        "outputs": attr.string_list(mandatory = True),
    },
    config_settings = {str(Label("//system_image/settings:compression")): "none"},
)

def _second_build_impl(ctx):
    env = analysistest.begin(ctx)
    actions = [action for action in analysistest.target_actions(env) if action.mnemonic == ctx.attr.mnemonic]
    asserts.true(env, len(actions) > 0, "there are such actions")
    for action in actions:
        for variable in ["LANG", "PYTHON_CPU_COUNT", "SYSTEM_IMAGE_UMASK", "TZ"]:
            asserts.true(env, variable in action.env, variable + " is another one in the second build")
    return analysistest.end(env)

_second_build_test = analysistest.make(
    _second_build_impl,
    attrs = {"mnemonic": attr.string(mandatory = True)},
    config_settings = {str(Label("//system_image/settings:build")): "second"},
)

# What an image is made by: stages whose environment `image_repro_test` varies.
_VARIED = ["Cdi", "Compress", "Cut", "Emit", "Flatten", "Inject", "Install", "KernelModule", "ModuleLayer", "Rootfs"]

def actions_test_suite(name):
    """The actions behind `//system_image:vanilla`.

    Args:
      name: name of the suite.
    """
    cases = {
        "Annotate": (
            "//system_image:push_vanilla_annotations",
            ["push_vanilla_annotations.created.txt", "push_vanilla_annotations.txt"],
        ),
        "Artifact": (
            "//system_image:push_system_image_vanilla_artifact",
            ["push_system_image_vanilla_artifact"],
        ),
        "Bundle": ("//tests/boot:app", ["app.tar"]),
        "Busybox": ("//system_image/tools:guest_busybox", ["busybox"]),
        "Cdi": ("//system_image:cdi_nvidia", ["cdi_nvidia.tar"]),
        "Compress": (
            "//system_image:vanilla_compressed",
            ["vanilla_compressed.{}.blocks.xz".format(number) for number in range(_SLOTS)],
        ),
        "Cut": (
            "//system_image:vanilla_cut",
            ["vanilla_cut.index.json"] + ["vanilla_cut.{}.blocks".format(number) for number in range(_SLOTS)],
        ),
        "Disk": ("//tests/disk:disk", ["disk.raw", "disk.raw.sha256"]),
        "DiskGcp": ("//tests/disk:disk", ["disk.tar.gz", "disk.tar.gz.sha256"]),
        "DiskQcow2": ("//tests/disk:disk", ["disk.qcow2", "disk.qcow2.sha256"]),
        "DiskVhd": ("//tests/disk:disk", ["disk.vhd", "disk.vhd.sha256"]),
        "Dstack": ("//system_image:vanilla_dstack", ["vanilla_dstack"]),
        "Emit": ("//system_image:vanilla", ["vanilla.contents.json", "vanilla.mtree", "vanilla.tar.xz", "vanilla.tar.xz.sha256", "vanilla.tar.xz.sha384"]),
        "Firmware": ("//system_image:ovmf", ["ovmf.fd", "ovmf.json"]),
        "Flatten": ("//system_image:vanilla_flat", ["vanilla_flat.tar"]),
        "ImageFacts": ("//system_image:vanilla_facts", ["vanilla_facts.json"]),
        "Inject": ("//system_image:vanilla_overlay", ["vanilla_overlay.tar"]),
        "Install": (
            "//system_image:built_vanilla_rootfs",
            ["built_vanilla_rootfs.effects.json", "built_vanilla_rootfs_installed.owners.json", "built_vanilla_rootfs_installed.tar"],
        ),
        "Kernel": ("//system_image:kernel", ["kernel"]),
        "KernelConfig": ("//system_image:kernel", ["kernel.config"]),
        "KernelModule": ("//tests/kernel/kernel_module:tiny", ["Module.symvers", "tiny.ko", "tiny_user.ko"]),
        "KernelModules": ("//system_image:kernel", ["kernel_modules"]),
        "Launcher": ("//system_image/tools:launcher", ["launcher"]),
        "LockFits": ("@debian//:vanilla_amd64", ["vanilla_amd64.checked"]),
        "Measurements": ("//system_image:vanilla_measurements", ["vanilla_measurements.json"]),
        "ModuleLayer": ("//tests/kernel/kernel_module:tiny_layer", ["tiny_layer.tar"]),
        "PackageFacts": ("//system_image:vanilla_facts", ["vanilla_facts.vanilla.packages.json"]),
        "Program": ("//system_image/tools:xz", ["xz"]),
        "Provenance": (
            "//system_image:vanilla_provenance",
            ["vanilla_provenance.endorsement.json", "vanilla_provenance.intoto.json"],
        ),
        "ReferenceValues": (
            "//system_image:vanilla_reference_values",
            [
                "vanilla_reference_values.corim.cbor",
                "vanilla_reference_values.intoto.json",
                "vanilla_reference_values.oak.textproto",
                "vanilla_reference_values.rvps.json",
            ],
        ),
        "Report": ("//system_image:vanilla_report", ["vanilla_report.html"]),
        "Rootfs": ("//system_image:built_vanilla_rootfs", ["built_vanilla_rootfs.mtree", "built_vanilla_rootfs.tar"]),
        "Sbom": ("//system_image:vanilla_sbom", ["vanilla_sbom.cdx.json", "vanilla_sbom.spdx.json", "vanilla_sbom.spdx3.json"]),
        "Stage1": ("//system_image:stage1", ["stage1.cpio"]),
        "Sysroot": (
            "//system_image:sysroot",
            ["include", "libexec"] + 2 * ["x86_64-linux-gnu"] + SYSROOT_PROGRAMS,
        ),
        "SysrootTar": ("//system_image:sysroot", ["sysroot.tar"]),
        "Uki": ("//tests/disk:uki", ["uki.efi"]),
        "Verity": ("//system_image:vanilla_verity", ["vanilla_verity.erofs", "vanilla_verity.roothash", "vanilla_verity.verity"]),
        "Vex": ("//tests/evidence:statements", ["statements.vex.json"]),
    }
    for stage, (target, outputs) in cases.items():
        _action_test(
            name = "{}_{}_test".format(name, stage.lower()),
            size = "small",
            # Each block is compressed by an action of its own; any other stage is one action.
            count = len(outputs) if stage == "Compress" else 1,
            mnemonic = "SystemImage" + stage,
            outputs = outputs,
            target_under_test = target,
        )
    _uncompressed_action_test(
        name = name + "_flag_test",
        size = "small",
        mnemonic = "SystemImageEmit",
        outputs = ["vanilla.contents.json", "vanilla.mtree", "vanilla.tar", "vanilla.tar.sha256", "vanilla.tar.sha384"],
        target_under_test = "//system_image:vanilla",
    )
    for stage in _VARIED:
        _second_build_test(
            name = "{}_second_{}_test".format(name, stage.lower()),
            size = "small",
            mnemonic = "SystemImage" + stage,
            target_under_test = cases[stage][0],
        )
    native.test_suite(
        name = name,
        tests = [name + "_flag_test"] + ["{}_second_{}_test".format(name, stage.lower()) for stage in _VARIED] + ["{}_{}_test".format(name, stage.lower()) for stage in cases],
    )
