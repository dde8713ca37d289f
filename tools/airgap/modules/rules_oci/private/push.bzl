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
    image, tags, archive = ctx.file.image, ctx.file.repo_tags, ctx.file._archive
    tarball = ctx.actions.declare_file(ctx.label.name + "/tarball.tar")
    inputs = depset([image, tags, archive], transitive = [ctx.attr.image[DefaultInfo].default_runfiles.files])
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = ["-IS", archive.path, image.path, tags.path, tarball.path],
        inputs = inputs,
        outputs = [tarball],
        mnemonic = "OCITarball",
        progress_message = "OCI tarball %{label}",
        toolchain = None,
    )
    loader = ctx.executable.loader
    executable = ctx.actions.declare_file("load_%s.py" % ctx.label.name)
    ctx.actions.expand_template(
        template = ctx.file._template,
        output = executable,
        is_executable = True,
        substitutions = {"{{settings}}": repr({
            "archive": _runfiles_path(ctx, archive),
            "image": _runfiles_path(ctx, image),
            "label": str(ctx.label),
            "loader": _runfiles_path(ctx, loader) if loader else "",
            "tags": _runfiles_path(ctx, tags),
        })},
    )
    runfiles = ctx.runfiles(transitive_files = inputs)
    if loader:
        runfiles = runfiles.merge(ctx.attr.loader[DefaultInfo].default_runfiles)
    return [
        DefaultInfo(executable = executable, runfiles = runfiles),
        OutputGroupInfo(tarball = depset([tarball])),
    ]

oci_load_rule = rule(
    implementation = _load_impl,
    doc = "Loads an image into docker, podman or a program of one's own.",
    executable = True,
    attrs = {
        "format": attr.string(
            doc = "What `docker load` reads; the adapter knows no other.",
            default = "docker",
            values = ["docker"],
        ),
        "image": attr.label(
            doc = "The oci_image.",
            allow_single_file = True,
            mandatory = True,
        ),
        "loader": attr.label(
            doc = "What loads it instead of docker or podman: it is called with `load --input FILE`.",
            cfg = "target",
            executable = True,
        ),
        "repo_tags": attr.label(
            doc = "Names with tags, one a line.",
            allow_single_file = True,
            mandatory = True,
        ),
        "_archive": attr.label(
            default = "//private:archive.py",
            allow_single_file = True,
        ),
        "_template": attr.label(
            default = "//private:load.py.tpl",
            allow_single_file = True,
        ),
    },
)
