"""The program that says where a path of an image is from."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:runfiles.bzl", "runfiles_path", "tool_launcher")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:image_facts_info.bzl", "ImageFactsInfo")
load(":image_facts.bzl", "FACTS", "facts_of")

def _explain_impl(ctx):
    info = ctx.attr.facts[ImageFactsInfo]
    arguments = ['--facts "$runfiles/{}"'.format(runfiles_path(ctx, info.facts))]
    arguments += ['--effects "$runfiles/{}"'.format(runfiles_path(ctx, file)) for file in info.effects]
    return [DefaultInfo(
        executable = tool_launcher(ctx, " ".join(arguments)),
        runfiles = ctx.runfiles([info.facts] + info.effects).merge(ctx.attr._program[DefaultInfo].default_runfiles),
    )]

_explain = rule(
    implementation = _explain_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `image_explain`.",
    attrs = {
        "facts": FACTS,
        "_program": tool_attr(Label("//tools/sysimage/evidence:explain")),
    },
    executable = True,
)

def image_explain(*, name, image = MANDATORY, **kwargs):
    """Makes a program, `bazel run NAME -- PATH…`, that says where paths of an image come from, through all stages.

    It names the package and its .deb, each maintainer script with line and command, the target whose file it is, and
    what would change it. `-- --package NAME` says why a package is in the image, and what it costs.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "image_explain",
        name,
        kwargs,
        mandatory = {"image": image},
    )
    _explain(name = name, facts = facts_of(image), **kwargs)
