"""Stage verity: a system image becomes a file system of which every block can be checked."""

load("//system_image/private/core:resource_set.bzl", "two_cpu_resource_set")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/private/toolchain:program.bzl", "start_program")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")
load("//system_image/providers:rootfs_info.bzl", "RootfsInfo")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")
load("//system_image/providers:verity_info.bzl", "VerityInfo")

def _layers(ctx):
    if bool(ctx.attr.image) == bool(ctx.attr.rootfs):
        fail("{}: give one of image and rootfs".format(ctx.label))
    if ctx.attr.image:
        return ctx.attr.image[SystemImageInfo].layers
    if RootfsInfo in ctx.attr.rootfs:
        return [ctx.attr.rootfs[RootfsInfo].whole]
    return ctx.files.rootfs

def _verity_image_impl(ctx):
    layers = _layers(ctx)
    data = ctx.actions.declare_file(ctx.label.name + ".erofs")
    hash_tree = ctx.actions.declare_file(ctx.label.name + ".verity")
    root_hash = ctx.actions.declare_file(ctx.label.name + ".roothash")
    args = ctx.actions.args()
    args.add_all(layers, before_each = "--layer")
    args.add("--compression", ctx.attr.compression)
    args.add("--data", data)
    args.add("--hash-tree", hash_tree)
    args.add("--root-hash", root_hash)
    mkfs = start_program(ctx, args, "--mkfs", ctx.attr._mkfs[LockedProgramInfo])
    ctx.actions.run(
        executable = ctx.executable._verity,
        arguments = [target_args(ctx), args],
        inputs = layers + mkfs,
        outputs = [data, hash_tree, root_hash],
        mnemonic = "SystemImageVerity",
        progress_message = "Making the file system %{label}",
        resource_set = two_cpu_resource_set,
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([data, hash_tree, root_hash])),
        VerityInfo(data = data, hash_tree = hash_tree, root_hash = root_hash),
    ]

verity_image = rule(
    implementation = _verity_image_impl,
    exec_compatible_with = EXECUTION,
    doc = """Makes the read-only file system of a measured disk: `NAME.erofs`, its hash tree and its root hash.

    The erofs has all that the image's tar has, with owners, attributes and hard links. `NAME.verity` is the hash tree
    of dm-verity, with the superblock that veritysetup(8) and systemd-dissect(1) read; `NAME.roothash` is the root hash,
    64 hexadecimal digits; on a measured command line it stands for the whole file system. UUID and salt follow from the
    content.
    """,
    attrs = {
        "compression": attr.string(
            doc = "`lz4hc`, which halves the size, or `none`, which takes no time.",
            default = "lz4hc",
            values = ["lz4hc", "none"],
        ),
        "image": attr.label(
            doc = "A `system_image`, of any compression.",
            providers = [SystemImageInfo],
        ),
        "rootfs": attr.label(
            doc = "In place of `image`: a `rootfs`, or a flat tar.",
            allow_single_file = [".tar"],
        ),
        "_mkfs": attr.label(
            default = Label("//system_image/tools:mkfs_erofs"),
            cfg = "exec",
            providers = [LockedProgramInfo],
        ),
        "_verity": tool_attr(Label("//tools/sysimage/disk:verity")),
    },
    provides = [VerityInfo],
)
