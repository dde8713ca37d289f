"""What differs between the two builds of `image_repro_test`."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")

# The environment of the second build's actions, ours and those of others. A folder, an order of actions and an output
# base of its own come with its configuration.
OTHER_ENVIRONMENT = {
    # Jobs: of Cargo, Go, nproc(1) and OpenMP, and of Python, which our tools ask.
    "CARGO_BUILD_JOBS": "1",
    "GOMAXPROCS": "1",
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "PYTHON_CPU_COUNT": "1",
    "SOURCE_DATE_EPOCH": "86400",
    "TZ": "Pacific/Kiritimati",
    "USER": "somebody",
}

_UMASK = "077"

# Bash reads this file before a script or `-c`, and expands its name first (bash(1), INVOCATION): it makes the file, which
# then takes itself away. There is no other way to give an action a umask than to have its program set it.
BASH_ENVIRONMENT = {
    "BASH_ENV": "$(f=$(mktemp) && echo \"umask {}; rm -f $f\" > \"$f\" && echo \"$f\")".format(_UMASK),
}

BUILD_ATTRS = {
    "_build": attr.label(
        default = Label("//system_image/settings:build"),
        providers = [BuildSettingInfo],
    ),
}

def build_environment(ctx):
    """The environment of a tool of ours: none, but in the second build of `image_repro_test`.

    Args:
      ctx: the context of a rule with BUILD_ATTRS.

    Returns:
      A dict, for `env` of `ctx.actions.run`.
    """
    if ctx.attr._build[BuildSettingInfo].value != "second":
        return {}
    return dict(OTHER_ENVIRONMENT, SYSTEM_IMAGE_UMASK = _UMASK)
