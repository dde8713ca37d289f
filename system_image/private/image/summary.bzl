"""Stage summary: the program that says where an image is, how large it is, and its digests."""

load("//system_image/private/core:runfiles.bzl", "runfiles_path", "tool_launcher")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")

def _summary_impl(ctx):
    info = ctx.attr.image[SystemImageInfo]
    arguments = '--image "$runfiles/{}" --contents "$runfiles/{}"'.format(
        runfiles_path(ctx, info.image),
        runfiles_path(ctx, info.contents),
    )
    return [DefaultInfo(
        executable = tool_launcher(ctx, arguments),
        runfiles = ctx.runfiles([info.image, info.contents]).merge(ctx.attr._program[DefaultInfo].default_runfiles),
    )]

summary = rule(
    implementation = _summary_impl,
    exec_compatible_with = EXECUTION,
    doc = "Makes a program that says where a system image is, how large it is, and its digests.",
    attrs = {
        "image": attr.label(doc = "The system image.", mandatory = True, providers = [SystemImageInfo]),
        "_program": tool_attr(Label("//tools/sysimage/image:summary")),
    },
    executable = True,
)
