"""oci_push and oci_load: programs for `bazel run`."""

def _runfiles_path(ctx, file):
    if file.short_path.startswith("../"):
        return file.short_path[len("../"):]
    return ctx.workspace_name + "/" + file.short_path

def _push_impl(ctx):
    if not ctx.file.image.is_directory:
        fail("image: it is no oci_image")
    last = ctx.attr.repository.split("/")[-1]
    if "@" in ctx.attr.repository or ":" in last:
        fail("repository: '%s' holds a tag or a digest; tags go to remote_tags" % ctx.attr.repository)
    executable = ctx.actions.declare_file("push_%s.py" % ctx.label.name)
    files = [ctx.file.image]
    settings = {
        "image": _runfiles_path(ctx, ctx.file.image),
        "repository": ctx.attr.repository,
    }
    if ctx.file.remote_tags:
        settings["tags"] = _runfiles_path(ctx, ctx.file.remote_tags)
        files.append(ctx.file.remote_tags)
    ctx.actions.expand_template(
        template = ctx.file._template,
        output = executable,
        is_executable = True,
        substitutions = {"{{settings}}": json.encode(settings)},
    )
    runfiles = ctx.runfiles(files = files)
    return [DefaultInfo(
        executable = executable,
        runfiles = runfiles.merge(ctx.attr.image[DefaultInfo].default_runfiles),
    )]

oci_push_rule = rule(
    implementation = _push_impl,
    doc = "Pushes an image to a registry.",
    executable = True,
    attrs = {
        "image": attr.label(
            doc = "The oci_image.",
            allow_single_file = True,
            mandatory = True,
        ),
        "remote_tags": attr.label(
            doc = "Tags, one a line.",
            allow_single_file = True,
        ),
        "repository": attr.string(
            doc = "Where to, without a tag, as in registry.example/name; else `--repository` must be given.",
        ),
        "_template": attr.label(
            default = "//private:push.py.tpl",
            allow_single_file = True,
        ),
    },
)

def _load_impl(ctx):
    executable = ctx.actions.declare_file("load_%s.sh" % ctx.label.name)
    ctx.actions.write(
        executable,
        "#!/bin/sh\n" +
        "echo 'oci_load: %s: there is neither docker nor podman in the toolbox; push the image to a " % ctx.label +
        "registry with oci_push, or run this with a Bazel of the host' >&2\nexit 1\n",
        is_executable = True,
    )
    return [DefaultInfo(
        executable = executable,
        runfiles = ctx.runfiles(files = [ctx.file.image, ctx.file.repo_tags]),
    )]

oci_load_rule = rule(
    implementation = _load_impl,
    doc = "Says that an image can't be loaded here.",
    executable = True,
    attrs = {
        "format": attr.string(
            doc = "Has no meaning here.",
            default = "docker",
            values = ["docker", "oci"],
        ),
        "image": attr.label(
            doc = "The oci_image.",
            allow_single_file = True,
            mandatory = True,
        ),
        "repo_tags": attr.label(
            doc = "Names with tags, one a line.",
            allow_single_file = True,
            mandatory = True,
        ),
    },
)
