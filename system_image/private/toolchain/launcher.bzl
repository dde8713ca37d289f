"""Stage launcher: the program that starts a sysroot's programs, compiled by locked packages."""

load("//system_image/private/core:architecture.bzl", "ARCHITECTURE_ATTRS", "target_architecture")
load("//system_image/private/core:manifest.bzl", "packages_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")

def _launcher_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    manifest = packages_manifest(ctx, packages)
    program = ctx.actions.declare_file(ctx.label.name)
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    args.add("--architecture", target_architecture(ctx))
    args.add("--source", ctx.file.src)
    args.add("--output", program)
    ctx.actions.run(
        executable = ctx.executable._launcher,
        arguments = [args],
        inputs = manifest.inputs + [ctx.file.src],
        outputs = [program],
        mnemonic = "SystemImageLauncher",
        progress_message = "Compiling %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([program]))]

launcher = rule(
    implementation = _launcher_impl,
    exec_compatible_with = EXECUTION,
    doc = """The program that starts a sysroot's programs, for the target platform.

    It is made without a toolchain, since the toolchain is made of it.
    """,
    attrs = dict(
        ARCHITECTURE_ATTRS,
        packages = attr.label(
            doc = "A set with a compiler that runs on the execution platform and compiles for the target.",
            mandatory = True,
            cfg = "exec",
            providers = [DebianPackagesInfo],
        ),
        src = attr.label(
            doc = "The source in C.",
            mandatory = True,
            allow_single_file = [".c"],
        ),
        _launcher = tool_attr(Label("//tools/sysimage/toolchain:launcher")),
    ),
)
