"""Stage emit: base and overlay become the system image, with its digest and its manifest."""

load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:resource_set.bzl", "two_cpu_resource_set")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/providers:compressed_base_info.bzl", "CompressedBaseInfo")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")
load(":compression.bzl", "COMPRESSION_ATTRS", "SUFFIXES", "compressor", compression_of = "compression")
load(":flat_base.bzl", "FLAT_BASE")

def _emit_impl(ctx):
    compression = compression_of(ctx)
    image = ctx.actions.declare_file(ctx.label.name + ".tar" + SUFFIXES[compression])
    digest = ctx.actions.declare_file(image.basename + ".sha256")
    sha384 = ctx.actions.declare_file(image.basename + ".sha384")
    mtree = ctx.actions.declare_file(ctx.label.name + ".mtree")
    contents = ctx.actions.declare_file(ctx.label.name + ".contents.json")
    args = ctx.actions.args()
    args.add("--base", ctx.file.base)
    args.add("--overlay", ctx.file.overlay)
    args.add("--output", image)
    args.add("--sha256", digest)
    args.add("--sha384", sha384)
    args.add("--mtree", mtree)
    args.add("--contents", contents)
    args.add("--losses", ctx.attr.losses)
    inputs = [ctx.file.base, ctx.file.overlay] + compressor(ctx, args)

    # Without compression there is nothing to save.
    if ctx.attr.compressed and compression != "none":
        compressed = ctx.attr.compressed[CompressedBaseInfo]
        if compressed.compression != compression:
            fail("compressed: {} is compressed with {}, but compression is {}; give both the same".format(
                ctx.attr.compressed.label,
                compressed.compression,
                compression,
            ))
        args.add("--index", compressed.index)
        args.add_all("--compressed", compressed.slots)
        inputs.extend(compressed.slots + [compressed.index])
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._emit,
        arguments = [target_args(ctx), args],
        inputs = inputs,
        outputs = [image, digest, sha384, mtree, contents],
        mnemonic = "SystemImageEmit",
        progress_message = "Emitting the system image %{label}",
        resource_set = two_cpu_resource_set,
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([image])),
        OutputGroupInfo(
            contents = depset([contents]),
            digest = depset([digest, sha384]),
            mtree = depset([mtree]),
        ),
        SystemImageInfo(
            compression = compression,
            contents = contents,
            digest = digest,
            image = image,
            layers = [ctx.file.base, ctx.file.overlay],
            mtree = mtree,
            sha384 = sha384,
        ),
    ]

emit = rule(
    implementation = _emit_impl,
    exec_compatible_with = EXECUTION,
    doc = """Writes the system image, `NAME.tar.xz`, with its digests, its manifest and its contents.

    The files beside the image are `NAME.tar.xz.sha256` and `.sha384`, the manifest `NAME.mtree`, and
    `NAME.contents.json` with sizes and the package of each path. They are the output groups `digest`, `mtree` and
    `contents`.

    The bytes depend on base and overlay alone: the compressor comes from the lock, and `compressed` saves
    time but changes nothing.
    """,
    attrs = dict(
        BUILD_ATTRS | COMPRESSION_ATTRS,
        base = FLAT_BASE,
        compressed = attr.label(
            doc = "The same base from `compress`; without it all of the base is compressed here.",
            providers = [CompressedBaseInfo],
        ),
        losses = attr.string(
            # Which loader unpacks the image is not known here.
            default = "warn",
            doc = "What to do if a loader that knows plain tar alone would lose something: extended attributes such as file " +
                  "capabilities; owners; setuid and setgid bits.",
            values = ["warn", "error", "ignore"],
        ),
        overlay = attr.label(
            doc = "The overlay, from `inject`.",
            mandatory = True,
            allow_single_file = [".tar"],
        ),
        _emit = tool_attr(Label("//tools/sysimage/image:emit")),
    ),
    provides = [SystemImageInfo],
)
