"""What the stages compress and emit have in common: the compressor, from the lock."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//system_image/private/toolchain:program.bzl", "start_program")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")

SUFFIXES = {"none": "", "xz": ".xz", "zstd": ".zst"}

def _compression_flag_impl(ctx):
    value = ctx.build_setting_value
    if value and value not in SUFFIXES:
        fail("{}: {} is no compression; there are {}".format(ctx.label, repr(value), ", ".join(SUFFIXES)))
    return [BuildSettingInfo(value = value)]

compression_flag = rule(
    implementation = _compression_flag_impl,
    build_setting = config.string(flag = True),
    doc = "A compression that counts instead of the targets' own; nothing by default.",
)

COMPRESSION_ATTRS = {
    "compression": attr.string(
        doc = "`xz` (one stream, plain LZMA2), `zstd` (frames, seekable) or `none`.",
        default = "xz",
        values = SUFFIXES.keys(),
    ),
    "_compression": attr.label(
        default = Label("//system_image/settings:compression"),
        providers = [BuildSettingInfo],
    ),
    "_xz": attr.label(
        default = Label("//system_image/tools:xz"),
        cfg = "exec",
        providers = [LockedProgramInfo],
    ),
    "_zstd": attr.label(
        default = Label("//system_image/tools:zstd"),
        cfg = "exec",
        providers = [LockedProgramInfo],
    ),
}

def compression(ctx):
    """The compression of a rule with COMPRESSION_ATTRS.

    Args:
      ctx: its context.

    Returns:
      A key of SUFFIXES.
    """
    return ctx.attr._compression[BuildSettingInfo].value or ctx.attr.compression

def compressor(ctx, args):
    """Tells a tool how to compress.

    Args:
      ctx: the context of a rule with COMPRESSION_ATTRS.
      args: the Args of its action, to which it adds.

    Returns:
      A list of Files that the action needs as inputs.
    """
    name = compression(ctx)
    args.add("--compression", name)
    if name == "none":
        return []
    program = {"xz": ctx.attr._xz, "zstd": ctx.attr._zstd}[name][LockedProgramInfo]
    return start_program(ctx, args, "--tool", program)
