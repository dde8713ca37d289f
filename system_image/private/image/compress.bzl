"""Stage compress: a flat base is compressed once, in blocks that every image on it can take over."""

load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:resource_set.bzl", "two_cpu_resource_set")
load("//system_image/private/core:tool.bzl", "target_args", "tool_attr")
load("//system_image/providers:compressed_base_info.bzl", "CompressedBaseInfo")
load(":compression.bzl", "COMPRESSION_ATTRS", "SUFFIXES", "compressor", compression_of = "compression")
load(":flat_base.bzl", "FLAT_BASE")

def _compress_impl(ctx):
    compression = compression_of(ctx)
    compressed = ctx.actions.declare_file(ctx.label.name + ".tar" + SUFFIXES[compression])
    index = ctx.actions.declare_file(ctx.label.name + ".index.json")
    args = ctx.actions.args()
    args.add("--base", ctx.file.base)
    args.add("--output", compressed)
    args.add("--index", index)
    inputs = compressor(ctx, args)
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._compress,
        arguments = [target_args(ctx), args],
        inputs = [ctx.file.base] + inputs,
        outputs = [compressed, index],
        mnemonic = "SystemImageCompress",
        progress_message = "Compressing the base %{label}",
        resource_set = two_cpu_resource_set,
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([compressed])),
        CompressedBaseInfo(
            compressed = compressed,
            compression = compression,
            index = index,
        ),
    ]

compress = rule(
    implementation = _compress_impl,
    doc = """Compresses a flat base, `NAME.tar.xz`, for `emit` to splice images out of.

    It takes as long as compressing the whole image; after a change of what is injected, it is not run again.
    """,
    attrs = dict(
        BUILD_ATTRS | COMPRESSION_ATTRS,
        base = FLAT_BASE,
        _compress = tool_attr(Label("//tools/sysimage/image:compress")),
    ),
    provides = [CompressedBaseInfo],
)
