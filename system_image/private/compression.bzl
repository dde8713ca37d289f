"""What the stages compress and emit have in common: the compressor, from the lock."""

load(":manifest.bzl", "write_manifest")
load(":program.bzl", "LockedProgramInfo")

SUFFIXES = {"none": "", "xz": ".xz", "zstd": ".zst"}

COMPRESSION_ATTRS = {
    "compression": attr.string(
        doc = "`xz` (one stream, plain LZMA2), `zstd` or `none`.",
        default = "xz",
        values = SUFFIXES.keys(),
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
}

def compressor(ctx, args):
    """Tells a tool how to compress.

    Args:
      ctx: the context of a rule with COMPRESSION_ATTRS.
      args: the Args of its action, to which it adds.

    Returns:
      A list of Files that the action needs as inputs.
    """
    args.add("--compression", ctx.attr.compression)
    if ctx.attr.compression == "none":
        return []
    program = {"xz": ctx.attr._xz, "zstd": ctx.attr._zstd}[ctx.attr.compression][LockedProgramInfo]
    tool = write_manifest(ctx, {"argv": program.argv})
    args.add("--tool", tool)
    return [tool, program.folder]

def two_cores(_os, _inputs):
    """The resources of an action that compresses: two compressors at a time, 95 MiB each.

    Args:
      _os: the operating system.
      _inputs: the number of inputs.

    Returns:
      A dict for `resource_set`; memory in MiB.
    """
    return {"cpu": 2, "memory": 300}
