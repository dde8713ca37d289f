"""Stage busybox: the shell and tools that a host lays into a guest, whatever the guest's image has."""

load("//system_image/private/core:manifest.bzl", "packages_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")

def _busybox_impl(ctx):
    manifest = packages_manifest(ctx, ctx.attr.packages[DebianPackagesInfo])

    # By another name it would be another program.
    program = ctx.actions.declare_file(ctx.label.name + "/busybox")
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    args.add("--output", program)
    ctx.actions.run(
        executable = ctx.executable._busybox,
        arguments = [args],
        inputs = manifest.inputs,
        outputs = [program],
        mnemonic = "SystemImageBusybox",
        progress_message = "Taking busybox %{label} out of its package",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([program]))]

busybox = rule(
    implementation = _busybox_impl,
    exec_compatible_with = EXECUTION,
    doc = "Takes the static busybox, `NAME/busybox`, out of a package set.",
    attrs = {
        "packages": attr.label(
            doc = "A package set with busybox-static.",
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "_busybox": tool_attr(Label("//tools/sysimage/boot:busybox")),
    },
)
