"""Stage compress: the blocks of a base are compressed, for every image on it to take over."""

load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:resource_set.bzl", "one_compressor_resource_set")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/providers:compressed_base_info.bzl", "CompressedBaseInfo")
load("//system_image/providers:cut_base_info.bzl", "CutBaseInfo")
load(":compression.bzl", "COMPRESSION_ATTRS", "SUFFIXES", "compressor", compression_of = "compression")

def _compress_impl(ctx):
    compression = compression_of(ctx)
    base = ctx.attr.base[CutBaseInfo]
    common = ctx.actions.args()
    inputs = compressor(ctx, common)
    slots = []
    for number, slot in enumerate(base.slots):
        compressed = ctx.actions.declare_file("{}.{}.blocks{}".format(ctx.label.name, number, SUFFIXES[compression]))
        args = ctx.actions.args()
        args.add("--slot", slot)
        args.add("--output", compressed)

        # Nothing but its own blocks: what did not change is found in Bazel's cache.
        ctx.actions.run(
            env = build_environment(ctx),
            executable = ctx.executable._compress,
            arguments = [target_args(ctx), common, args],
            inputs = [slot] + inputs,
            outputs = [compressed],
            mnemonic = "SystemImageCompress",
            progress_message = "Compressing the base %{label}, part " + str(number),
            resource_set = one_compressor_resource_set,
            toolchain = None,
        )
        slots.append(compressed)
    return [
        DefaultInfo(files = depset(slots)),
        CompressedBaseInfo(
            compression = compression,
            index = base.index,
            slots = slots,
        ),
    ]

compress = rule(
    implementation = _compress_impl,
    exec_compatible_with = EXECUTION,
    doc = """Compresses a base that is cut into blocks, for `emit` to splice images out of.

    The first time, this takes as long as compressing the whole image. A change of what is injected does not run it
    again. A change of the base runs it only for the blocks that changed.
    """,
    attrs = dict(
        BUILD_ATTRS | COMPRESSION_ATTRS,
        base = attr.label(
            doc = "The base, from `cut`.",
            mandatory = True,
            providers = [CutBaseInfo],
        ),
        _compress = tool_attr(Label("//tools/sysimage/image:compress")),
    ),
    provides = [CompressedBaseInfo],
)
