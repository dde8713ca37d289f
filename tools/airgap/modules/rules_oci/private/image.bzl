"""oci_image: tars to an OCI image layout."""

_FILES = {
    "annotations": "Annotations of the manifest, a `name=value` a line.",
    "cmd": "Arguments of the entry point, one a line.",
    "created": "When the image was made, RFC 3339, without a line break.",
    "entrypoint": "The program that the container starts, one argument a line; without `cmd`, removes the base's.",
    "env": "Environment, a `NAME=value` a line.",
    "exposed_ports": "Ports, with commas between them, as in 80/tcp,443/tcp.",
    "labels": "Labels of the configuration, a `name=value` a line.",
    "volumes": "Paths of volumes, with commas between them.",
}

_STRINGS = {
    "architecture": "The CPU in Go's terms, as in amd64; comes from `base` if there is one.",
    "os": "The operating system in Go's terms; comes from `base` if there is one.",
    "user": "Who runs the container.",
    "variant": "The CPU's variant, as in v8; comes from `base` if there is one.",
    "workdir": "Where the container's program starts, an absolute path.",
}

def _image_impl(ctx):
    attr = ctx.attr
    if not attr.base and not (attr.os and attr.architecture):
        fail("'os' and 'architecture' are mandatory without 'base'")
    if attr.base and (attr.os or attr.architecture or attr.variant):
        fail("'os', 'architecture' and 'variant' come from 'base', and can't be given too")
    if attr.workdir and not attr.workdir.startswith("/"):
        fail("workdir: '%s' is no absolute path (the adapter takes no label here)" % attr.workdir)
    output = ctx.actions.declare_directory(ctx.label.name)
    inputs = list(ctx.files.tars)
    wanted = {
        "layers": [tar.path for tar in ctx.files.tars],
        "output": output.path,
    }
    if attr.base:
        wanted["base"] = ctx.file.base.path
        inputs.append(ctx.file.base)
    for name in _FILES:
        file = getattr(ctx.file, name)
        if file:
            wanted[name] = file.path
            inputs.append(file)
    for name in _STRINGS:
        if getattr(attr, name):
            wanted[name] = getattr(attr, name)
    manifest = ctx.actions.declare_file(ctx.label.name + "_image.json")
    ctx.actions.write(manifest, json.encode_indent(wanted))

    # A label as an action's argument is written from the main repository's point of view, as in the real oci_image.
    arguments = ctx.actions.args()
    arguments.add_all(["-IS", ctx.file._tool, manifest])
    for tar in ctx.files.tars:
        arguments.add(tar.owner)

    # The real oci_image makes links to its layers, which are in its runfiles; here they are copies.
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = [arguments],
        inputs = depset(
            inputs + [manifest, ctx.file._tool],
            transitive = [attr.base[DefaultInfo].default_runfiles.files] if attr.base else [],
        ),
        outputs = [output],
        mnemonic = "OCIImage",
        progress_message = "OCI Image %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([output]))]

oci_image_rule = rule(
    implementation = _image_impl,
    doc = "An OCI image of tars.",
    attrs = {
        "base": attr.label(
            doc = "An image to add to: a folder with an OCI image layout.",
            allow_single_file = True,
        ),
        "tars": attr.label_list(
            doc = "The layers, lowest first.",
            allow_files = [".tar", ".tgz", ".tar.gz", ".tzst", ".tar.zst"],
        ),
        "_tool": attr.label(
            default = "//private:image.py",
            allow_single_file = True,
        ),
    } | {
        name: attr.label(doc = doc, allow_single_file = True)
        for name, doc in _FILES.items()
    } | {
        name: attr.string(doc = doc)
        for name, doc in _STRINGS.items()
    },
)

def _digest_impl(ctx):
    output = ctx.actions.declare_file(ctx.attr.image.label.name + ".json.sha256")
    ctx.actions.run(
        executable = "/usr/bin/python3",
        arguments = [
            "-IS",
            "-c",
            "import json, sys; print(json.load(open(sys.argv[1] + '/index.json'))['manifests'][0]['digest'], file=open(sys.argv[2], 'w'))",
            ctx.file.image.path,
            output.path,
        ],
        inputs = [ctx.file.image],
        outputs = [output],
        mnemonic = "OCIDigest",
        progress_message = "OCI digest %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([output]))]

image_digest = rule(
    implementation = _digest_impl,
    doc = "The digest of an image, and a line break.",
    attrs = {"image": attr.label(allow_single_file = True, mandatory = True)},
)
