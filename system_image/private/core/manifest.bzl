"""The JSON manifests in which rules tell their tools what to do."""

def package_inputs(infos, wanted = lambda name: True):
    """The packages of sets, for a manifest, and what an action needs to read them.

    Args:
      infos: list of DebianPackagesInfo.
      wanted: function of a package's name that says whether it is one of them.

    Returns:
      A struct: `fields`, a list of dicts, each package once; `inputs`, a list of Files: the .debs, and what is made only
      if the locks fit their manifests.
    """
    chosen = {}
    for info in infos:
        for package in info.packages:
            if wanted(package.package):
                chosen[package.package] = package
    return struct(
        fields = [
            {
                "deb": package.deb.path,
                "name": package.package,
                "sha256": package.sha256,
                "version": package.version,
            }
            for package in chosen.values()
        ],
        inputs = [info.checked for info in infos] + [package.deb for package in chosen.values()],
    )

def packages_manifest(ctx, packages, more = {}, name = None, wanted = lambda name: True):
    """Writes a manifest of a package set.

    Args:
      ctx: the rule's context.
      packages: a DebianPackagesInfo.
      more: dict of further fields.
      name: of the manifest, if not the target's.
      wanted: function of a package's name that says whether it is one of them.

    Returns:
      A struct: `file`, the manifest; `inputs`, a list of Files that the action which reads it needs, itself among them.
    """
    read = package_inputs([packages], wanted)
    manifest = write_manifest(ctx, dict(
        more,
        architecture = packages.architecture,
        packages = read.fields,
    ), name)
    return struct(file = manifest, inputs = [manifest] + read.inputs)

def write_manifest(ctx, fields, name = None, target = True):
    """Writes a manifest, `NAME.json`.

    Args:
      ctx: the rule's context.
      fields: a dict that JSON can hold.
      name: of the manifest, if not the target's.
      target: whether the manifest names the target, with which the tool's messages then begin.

    Returns:
      The File.
    """
    if target:
        fields = dict(fields, target = str(ctx.label).removeprefix("@@"))
    manifest = ctx.actions.declare_file((name or ctx.label.name) + ".json")
    ctx.actions.write(manifest, json.encode_indent(fields, indent = "  ") + "\n")
    return manifest

# What a stage that lays files into an image has as attributes. A dictionary from path to label does not exist
# before Bazel 8, hence one from label to paths.
CONTENT_ATTRS = {
    "directories": attr.string_dict(doc = "Path → \"MODE USER:GROUP\" of directories to make; either may be left out."),
    "disable": attr.string_list(doc = "Units to disable, as `systemctl --root disable` does."),
    "enable": attr.string_list(doc = "Units to enable, as `systemctl --root enable` does."),
    "mask": attr.string_list(doc = "Units to mask, as `systemctl --root mask` does."),
    "modes": attr.string_dict(doc = "Path → octal mode, for files that are to have another one than usual."),
    "replace": attr.string_list(doc = "Paths of `srcs`, `symlinks` or `directories` that may replace what is there."),
    "srcs": attr.label_keyed_string_dict(
        doc = "File → where it goes: a JSON list of paths without a leading slash.",
        allow_files = True,
    ),
    "symlinks": attr.string_dict(doc = "Path → target of symbolic links to make."),
    "unmask": attr.string_list(doc = "Units to unmask, as `systemctl --root unmask` does."),
}

def _check_relative(attribute, path):
    if path.startswith("/"):
        fail("{}: {} must not start with a slash; write it relative to the image's root".format(attribute, repr(path)))

def content_manifest(ctx):
    """The fields of a manifest for CONTENT_ATTRS.

    Args:
      ctx: the rule's context.

    Returns:
      A tuple: dict of fields, list of input Files.
    """
    sources = {}
    for src, encoded in ctx.attr.srcs.items():
        for path in json.decode(encoded):
            _check_relative("files", path)
            sources[path] = src
    for attribute in ("directories", "modes", "replace", "symlinks"):
        for path in getattr(ctx.attr, attribute):
            _check_relative(attribute, path)
    for path in ctx.attr.replace:
        if path not in sources and path not in ctx.attr.symlinks and path not in ctx.attr.directories:
            fail("replace: {} is not among the paths of this target's files, symlinks and directories".format(repr(path)))
    for path in ctx.attr.modes:
        if path not in sources:
            fail("modes: {} is not among the paths of this target's files".format(repr(path)))
    files = []
    for path, src in sorted(sources.items()):
        outputs = src[DefaultInfo].files.to_list()
        if len(outputs) != 1:
            fail("files: {} goes to {}, but it is {} files; name a target that is one file".format(src.label, repr(path), len(outputs)))
        if outputs[0].is_directory:
            fail("files: {} goes to {}, but it is a directory; name a target that is one file".format(src.label, repr(path)))
        executable = None if outputs[0].is_source else src[DefaultInfo].files_to_run.executable
        files.append({
            "mode": ctx.attr.modes.get(path, "0755" if executable == outputs[0] else "0644"),
            "path": path,
            "replace": path in ctx.attr.replace,
            "source": outputs[0].path,
        })
    inputs = ctx.files.srcs
    fields = {
        "directories": [
            {"path": path, "replace": path in ctx.attr.replace, "says": says}
            for path, says in ctx.attr.directories.items()
        ],
        "files": files,
        "services": {
            "disable": ctx.attr.disable,
            "enable": ctx.attr.enable,
            "mask": ctx.attr.mask,
            "unmask": ctx.attr.unmask,
        },
        "symlinks": [
            {"path": path, "replace": path in ctx.attr.replace, "target": target}
            for path, target in ctx.attr.symlinks.items()
        ],
    }
    return fields, inputs
