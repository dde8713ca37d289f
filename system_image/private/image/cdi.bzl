"""Stage cdi: what a root filesystem with NVIDIA's driver has for containers."""

load("//system_image/private/core:architecture.bzl", "ARCHITECTURE_ATTRS", "target_architecture")
load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")

def _cdi_impl(ctx):
    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    args = ctx.actions.args()
    args.add("--rootfs", ctx.file.rootfs)
    args.add("--architecture", target_architecture(ctx))
    args.add("--output", tar)
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._cdi,
        arguments = [target_args(ctx), args],
        inputs = [ctx.file.rootfs],
        outputs = [tar],
        mnemonic = "SystemImageCdi",
        progress_message = "Describing the GPU driver of %{label} for containers",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([tar]))]

cdi = rule(
    implementation = _cdi_impl,
    exec_compatible_with = EXECUTION,
    doc = """A layer, `NAME.tar`, with /usr/share/nvidia/cdi.json: the part of a CDI specification that an image determines.

    The specification mounts each library of the driver into a container, under the names that programs load it by. The
    devices depend on the machine, and are added when it boots.
    """,
    attrs = dict(
        BUILD_ATTRS | ARCHITECTURE_ATTRS,
        rootfs = attr.label(
            doc = "A `rootfs`, or its layer, that has the driver's libraries.",
            mandatory = True,
            allow_single_file = [".tar"],
        ),
        _cdi = tool_attr(Label("//tools/sysimage/image:cdi")),
    ),
)
