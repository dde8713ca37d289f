"""The test that an image, built twice, is the same."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:build.bzl", "BASH_ENVIRONMENT", "OTHER_ENVIRONMENT")
load("//system_image/private/core:runfiles.bzl", "runfiles_path", "tool_launcher")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:image_origins_info.bzl", "ImageOriginsInfo")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")
load(":origins.bzl", "origins_aspect")

_BUILD = str(Label("//system_image/settings:build"))
_COMPRESSION = str(Label("//system_image/settings:compression"))
_ENVIRONMENT = "//command_line_option:action_env"

# For each action that reads the environment; those of these rules don't, and get it from `build_environment`. Bazel's own
# transition to the execution platform sets the option so, too, as a list of NAME=VALUE.
_OTHER = ["{}={}".format(name, value) for name, value in (OTHER_ENVIRONMENT | BASH_ENVIRONMENT).items()]

def _twice_impl(settings, attr):
    compression = "none" if attr.compression == "none" else settings[_COMPRESSION]
    return {
        "first": {_BUILD: "first", _COMPRESSION: compression, _ENVIRONMENT: settings[_ENVIRONMENT]},
        "second": {_BUILD: "second", _COMPRESSION: compression, _ENVIRONMENT: settings[_ENVIRONMENT] + _OTHER},
    }

_twice = transition(
    implementation = _twice_impl,
    inputs = [_COMPRESSION, _ENVIRONMENT],
    outputs = [_BUILD, _COMPRESSION, _ENVIRONMENT],
)

def _repro_test_impl(ctx):
    first = _stages(ctx.split_attr.image["first"])
    second = _stages(ctx.split_attr.image["second"])
    pairs = [(label, first[label], second[label]) for label in first if label in second]
    paths = {}
    for path, label in ctx.split_attr.image["first"][ImageOriginsInfo].labels.items():
        paths.setdefault(label, []).append(path)
    manifest = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(manifest, json.encode_indent({
        "image": str(ctx.split_attr.image["first"].label).removeprefix("@@"),
        "stages": [
            {"first": "first/" + one.short_path, "label": label, "paths": paths.get(label, []), "second": "second/" + other.short_path}
            for label, one, other in pairs
        ],
    }))

    # Both builds have the same paths below the runfiles, hence folders of their own.
    links = {}
    for _, one, other in pairs:
        links["first/" + one.short_path] = one
        links["second/" + other.short_path] = other
    return [DefaultInfo(
        executable = tool_launcher(ctx, '--runfiles "$runfiles" --manifest "{}"'.format(runfiles_path(ctx, manifest))),
        runfiles = ctx.runfiles([manifest], root_symlinks = links).merge(ctx.attr._program[DefaultInfo].default_runfiles),
    )]

def _stages(target):
    return dict(target[ImageOriginsInfo].stages, **{
        str(target.label).removeprefix("@@"): target[SystemImageInfo].image,
    })

_repro_test = rule(
    implementation = _repro_test_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `image_repro_test`.",
    attrs = {
        "compression": attr.string(doc = "`none`: the image is not compressed."),
        "image": attr.label(
            doc = "The image.",
            mandatory = True,
            aspects = [origins_aspect],
            cfg = _twice,
            providers = [SystemImageInfo],
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
        "_program": tool_attr(Label("//tools/sysimage/evidence:repro")),
    },
    test = True,
    exec_groups = {"test": exec_group(exec_compatible_with = EXECUTION)},
)

def image_repro_test(*, name, image = MANDATORY, compression = "none", size = "medium", **kwargs):
    """Proves that an image depends on its sources alone: builds it twice, and compares stage by stage.

    The second build has another output folder, time zone, language, user, umask, number of jobs and SOURCE_DATE_EPOCH.
    Actions of these rules and actions that read the environment get all of it. Actions that start Bash, such as a
    genrule's, get the umask. The message names the first stage that differs, from what is injected to the image, and
    the paths and bytes there. Both builds run on one machine, with the same kernel and clock: to find what depends on
    these, build on two machines and compare digests.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      compression: "none" leaves out compression, which takes most of the time and is done by a locked program; "" keeps
        the image's compression.
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "image_repro_test",
        name,
        kwargs,
        mandatory = {"image": image},
        others = ["compression"],
    )
    _repro_test(
        name = name,
        size = size,
        compression = compression,
        image = image,
        **kwargs
    )
