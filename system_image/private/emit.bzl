"""Stage emit: base and overlay become the system image, with its digest and its manifest."""

load(":manifest.bzl", "write_manifest")
load(":program.bzl", "LockedProgramInfo")

SystemImageInfo = provider(
    doc = "A system image.",
    fields = {
        "compression": "string: `xz`, `zstd` or `none`.",
        "digest": "File: SHA-256 of the image, in the format of sha256sum(1).",
        "image": "File: the tarball.",
        "mtree": "File: what is in it, after mtree(5).",
    },
)

_SUFFIXES = {"none": "", "xz": ".xz", "zstd": ".zst"}

def _emit_impl(ctx):
    image = ctx.actions.declare_file(ctx.label.name + ".tar" + _SUFFIXES[ctx.attr.compression])
    digest = ctx.actions.declare_file(image.basename + ".sha256")
    mtree = ctx.actions.declare_file(ctx.label.name + ".mtree")
    programs = {
        "xz": ctx.attr._xz[LockedProgramInfo],
        "zstd": ctx.attr._zstd[LockedProgramInfo],
    }
    program = programs.get(ctx.attr.compression)
    args = ctx.actions.args()
    args.add("--base", ctx.file.base)
    args.add("--overlay", ctx.file.overlay)
    args.add("--compression", ctx.attr.compression)
    args.add("--output", image)
    args.add("--digest", digest)
    args.add("--mtree", mtree)
    inputs = [ctx.file.base, ctx.file.overlay]
    if program:
        tool = write_manifest(ctx, {"argv": program.argv})
        args.add("--tool", tool)
        inputs.extend([tool, program.folder])
    ctx.actions.run(
        executable = ctx.executable._emit,
        arguments = [args],
        inputs = inputs,
        outputs = [image, digest, mtree],
        mnemonic = "SystemImageEmit",
        progress_message = "Emitting the system image %{label}",
        # The compressor runs on two cores.
        resource_set = _two_cores,
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

def _two_cores(_os, _inputs):
    return {"cpu": 2, "memory": 300}

emit = rule(
    implementation = _emit_impl,
    doc = """Writes the system image, `NAME.tar.xz`, and beside it its digest and its manifest.

    The bytes depend on base and overlay alone: the compressor comes from the lock.
    """,
    attrs = {
        "base": attr.label(
            doc = "The flat base, from `flatten`.",
            mandatory = True,
            allow_single_file = [".tar"],
        ),
        "compression": attr.string(
            doc = "`xz` (one stream, plain LZMA2), `zstd` or `none`.",
            default = "xz",
            values = ["none", "xz", "zstd"],
        ),
        "overlay": attr.label(
            doc = "The overlay, from `inject`.",
            mandatory = True,
            allow_single_file = [".tar"],
        ),
        "_emit": attr.label(
            default = Label("//tools/sysimage:emit"),
            cfg = "exec",
            executable = True,
        ),
        "_xz": attr.label(
            default = Label("//system_image:xz"),
            cfg = "exec",
            providers = [LockedProgramInfo],
        ),
        "_zstd": attr.label(
            default = Label("//system_image:zstd"),
            cfg = "exec",
            providers = [LockedProgramInfo],
        ),
    },
    provides = [SystemImageInfo],
)
