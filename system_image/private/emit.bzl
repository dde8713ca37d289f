"""Stage emit: base and overlay become the system image, with its digest and its manifest."""

load(":compress.bzl", "CompressedBaseInfo")
load(":compression.bzl", "COMPRESSION_ATTRS", "SUFFIXES", "compressor", "two_cores")
load(":flatten.bzl", "FLAT_BASE")

SystemImageInfo = provider(
    doc = "A system image.",
    fields = {
        "compression": "string: `xz`, `zstd` or `none`.",
        "digest": "File: SHA-256 of the image, in the format of sha256sum(1).",
        "image": "File: the tarball.",
        "mtree": "File: what is in it, after mtree(5).",
    },
)

def _emit_impl(ctx):
    image = ctx.actions.declare_file(ctx.label.name + ".tar" + SUFFIXES[ctx.attr.compression])
    digest = ctx.actions.declare_file(image.basename + ".sha256")
    mtree = ctx.actions.declare_file(ctx.label.name + ".mtree")
    args = ctx.actions.args()
    args.add("--base", ctx.file.base)
    args.add("--overlay", ctx.file.overlay)
    args.add("--output", image)
    args.add("--digest", digest)
    args.add("--mtree", mtree)
    inputs = [ctx.file.base, ctx.file.overlay] + compressor(ctx, args)
    if ctx.attr.compressed:
        compressed = ctx.attr.compressed[CompressedBaseInfo]
        if compressed.compression != ctx.attr.compression:
            fail("compressed: {} is compressed with {}, but compression is {}; give both the same".format(
                ctx.attr.compressed.label,
                compressed.compression,
                ctx.attr.compression,
            ))
        args.add("--compressed", compressed.compressed)
        args.add("--index", compressed.index)
        inputs.extend([compressed.compressed, compressed.index])
    ctx.actions.run(
        executable = ctx.executable._emit,
        arguments = [args],
        inputs = inputs,
        outputs = [image, digest, mtree],
        mnemonic = "SystemImageEmit",
        progress_message = "Emitting the system image %{label}",
        resource_set = two_cores,
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([image])),
        OutputGroupInfo(
            digest = depset([digest]),
            mtree = depset([mtree]),
        ),
        SystemImageInfo(
            compression = ctx.attr.compression,
            digest = digest,
            image = image,
            mtree = mtree,
        ),
    ]

emit = rule(
    implementation = _emit_impl,
    doc = """Writes the system image, `NAME.tar.xz`, and beside it its digest and its manifest.

    The bytes depend on base and overlay alone: the compressor comes from the lock, and `compressed` saves
    time but changes nothing.
    """,
    attrs = dict(
        COMPRESSION_ATTRS,
        base = FLAT_BASE,
        compressed = attr.label(
            doc = "The same base from `compress`; without it all of the base is compressed here.",
            providers = [CompressedBaseInfo],
        ),
        overlay = attr.label(
            doc = "The overlay, from `inject`.",
            mandatory = True,
            allow_single_file = [".tar"],
        ),
        _emit = attr.label(
            default = Label("//tools/sysimage:emit"),
            cfg = "exec",
            executable = True,
        ),
    ),
    provides = [SystemImageInfo],
)
