"""Stage dstack: the parts of a measured disk, as dstack takes them."""

load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:firmware_info.bzl", "FirmwareInfo")
load("//system_image/providers:kernel_info.bzl", "KernelInfo")
load("//system_image/providers:verity_info.bzl", "VerityInfo")

def _dstack_manifest_impl(ctx):
    verity = ctx.attr.verity[VerityInfo]
    parts = {
        "firmware": ctx.attr.firmware[FirmwareInfo].image,
        "initrd": ctx.file.initrd,
        "kernel": ctx.attr.kernel[KernelInfo].image,
        "status": ctx.info_file,
    }
    if ctx.attr.firmware_sev:
        parts["firmware_sev"] = ctx.attr.firmware_sev[FirmwareInfo].image
    if ctx.file.uki:
        parts["uki"] = ctx.file.uki
    manifest = write_manifest(ctx, dict(
        {name: file.path for name, file in parts.items()},
        development = ctx.attr.development,
        flavor = ctx.attr.flavor,
        name = ctx.attr.image_name or ctx.label.name,
        ovmf_variant = ctx.attr.ovmf_variant,
        verity = {
            "data": verity.data.path,
            "hash_tree": verity.hash_tree.path,
            "root_hash": verity.root_hash.path,
        },
        version = ctx.attr.version,
    ), ctx.label.name + ".in")
    folder = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add_all("--output", [folder], expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._dstack,
        arguments = [args],
        inputs = [manifest, verity.data, verity.hash_tree, verity.root_hash] + parts.values(),
        outputs = [folder],
        mnemonic = "SystemImageDstack",
        progress_message = "Laying out %{label} for dstack",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([folder]))]

dstack_manifest = rule(
    implementation = _dstack_manifest_impl,
    exec_compatible_with = EXECUTION,
    doc = """Makes a folder, `NAME`, with the parts of a measured disk and `manifest.json`, dstack's artifact manifest, version 1.

    dstack's os/image/assemble.sh makes the image from the folder, with what its verifiers expect. The commit in the
    manifest is STABLE_GIT_COMMIT of `--workspace_status_command`.
    """,
    attrs = {
        "development": attr.bool(doc = "Whether it is an image for development, which verifiers refuse."),
        "firmware": attr.label(doc = "The `firmware` under TDX.", mandatory = True, providers = [FirmwareInfo]),
        "firmware_sev": attr.label(doc = "The `firmware` under SEV-SNP.", providers = [FirmwareInfo]),
        "flavor": attr.string(doc = "What dstack calls the kind of image.", default = "prod"),
        "image_name": attr.string(doc = "The image's name; without it, the target's."),
        "initrd": attr.label(doc = "The initramfs, such as a `stage1`.", mandatory = True, allow_single_file = True),
        "kernel": attr.label(doc = "The `kernel`.", mandatory = True, providers = [KernelInfo]),
        "ovmf_variant": attr.string(
            doc = "What dstack calls the order of the firmware's events: that of trixie's OVMF is `pre202505`.",
            default = "pre202505",
        ),
        "uki": attr.label(doc = "The `uki`.", allow_single_file = [".efi"]),
        "verity": attr.label(
            doc = "The file system: a `verity_image`. In the folder, its hash tree follows its data.",
            mandatory = True,
            providers = [VerityInfo],
        ),
        "version": attr.string(doc = "The image's version.", mandatory = True),
        "_dstack": tool_attr(Label("//tools/sysimage/measure:dstack")),
    },
)
