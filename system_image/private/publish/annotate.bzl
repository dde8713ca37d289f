"""Stage annotate: what an image or an artifact in a registry says about where it comes from."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")

def _annotate_impl(ctx):
    annotations = ctx.actions.declare_file(ctx.label.name + ".txt")
    created = ctx.actions.declare_file(ctx.label.name + ".created.txt")
    args = ctx.actions.args()
    args.add("--lock", ctx.file.lock)
    args.add("--status", ctx.info_file)
    args.add("--source", ctx.attr._source[BuildSettingInfo].value)
    inputs = [depset([ctx.file.lock, ctx.info_file])]
    if ctx.file.base:
        args.add_all("--base", [ctx.file.base], expand_directories = False)
        inputs += [depset([ctx.file.base]), ctx.attr.base[DefaultInfo].default_runfiles.files]
    args.add("--output", annotations)
    args.add("--created", created)
    ctx.actions.run(
        executable = ctx.executable._annotate,
        arguments = [target_args(ctx), args],
        inputs = depset(transitive = inputs),
        outputs = [annotations, created],
        mnemonic = "SystemImageAnnotate",
        progress_message = "Annotating %{label}",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([annotations])),
        OutputGroupInfo(created = depset([created])),
    ]

annotate = rule(
    implementation = _annotate_impl,
    exec_compatible_with = EXECUTION,
    doc = """Writes annotations, a `name=value` a line, as `oci_image` takes them.

    Revision and source come from the workspace status command, which prints `STABLE_GIT_COMMIT` and
    `STABLE_GIT_URL`; what it does not print is left out. The output group `created` has the time alone.
    """,
    attrs = {
        "base": attr.label(
            doc = "The image that this one is based on, as it is in the registry: an OCI image layout.",
            allow_single_file = True,
        ),
        "lock": attr.label(
            doc = "The lock that it is made of.",
            mandatory = True,
            allow_single_file = [".json"],
        ),
        "_annotate": tool_attr(Label("//tools/sysimage/publish:annotate")),
        "_source": attr.label(default = Label("//system_image/settings:source")),
    },
)
