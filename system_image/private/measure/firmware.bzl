"""Stage firmware: the firmware of virtual machines, from a package set."""

load("//system_image/private/core:manifest.bzl", "packages_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")
load("//system_image/providers:firmware_info.bzl", "FirmwareInfo")

def _firmware_impl(ctx):
    manifest = packages_manifest(ctx, ctx.attr.packages[DebianPackagesInfo], {
        "path": ctx.attr.path,
        "require": ctx.attr.require,
    }, name = ctx.label.name + "_packages")
    image = ctx.actions.declare_file(ctx.label.name + ".fd")
    description = ctx.actions.declare_file(ctx.label.name + ".json")
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    args.add("--image", image)
    args.add("--description", description)
    ctx.actions.run(
        executable = ctx.executable._firmware,
        arguments = [args],
        inputs = manifest.inputs,
        outputs = [image, description],
        mnemonic = "SystemImageFirmware",
        progress_message = "Taking the firmware %{label} out of its package",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([image])),
        FirmwareInfo(description = description, image = image),
        OutputGroupInfo(description = depset([description])),
    ]

firmware = rule(
    implementation = _firmware_impl,
    exec_compatible_with = EXECUTION,
    doc = """Takes the firmware of virtual machines, `NAME.fd`, out of a package set.

    The output group `description` is `NAME.json`: what its SEV and TDX metadata say, and what can be measured with it.
    """,
    attrs = {
        "packages": attr.label(
            doc = "A package set with the firmware, such as `@debian//:ovmf`.",
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "path": attr.string(
            doc = "Where it is in the packages, without a leading slash: `usr/share/ovmf/OVMF.fd`.",
            mandatory = True,
        ),
        "require": attr.string_list(
            doc = "What the firmware must have, or the build fails: `sev-snp`, `sev-snp-kernel-hashes` (it measures the " +
                  "kernel of a direct boot), `tdx`, `direct-boot` (a kernel by QEMU's -kernel), `measured-boot` (it has a " +
                  "driver that measures), `tdx-measured-boot` (into a TD's registers), `secure-boot` (it has keys, and " +
                  "starts only what they have signed).",
        ),
        "_firmware": tool_attr(Label("//tools/sysimage/measure:firmware")),
    },
    provides = [FirmwareInfo],
)
