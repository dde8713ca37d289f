"""The rules, as `@rules_oci//oci:defs.bzl` has them.

As in rules_oci these are macros: what may be a dict or a list there may be one here, or a file with a line
for each entry.
"""

load("@bazel_skylib//rules:write_file.bzl", "write_file")
load("//private:image.bzl", "image_digest", "oci_image_rule")
load("//private:push.bzl", "oci_load_rule", "oci_push_rule")

# What a helper target takes over from the target that the user wrote.
_COMMON = ["compatible_with", "features", "restricted_to", "tags", "target_compatible_with", "testonly", "visibility"]

# What oci_image reads with commas in between, and in what it reads %5Cn as a line break.
_IN_ONE_LINE = ["exposed_ports", "volumes"]
_WORDS = ["cmd", "entrypoint"]

def _lines(name, what, given, kwargs):
    """Gives the label of a file with `given` (dict, list or already a label): a line each, or in one line if `what` asks."""
    if type(given) == "dict":
        lines = ["%s=%s" % item for item in given.items()]
    elif type(given) == "list":
        lines = [line.replace("\n", "%5Cn") for line in given] if what in _WORDS else given
    else:
        return given
    for line in lines:
        if "\n" in line:
            fail("%s: an entry of '%s' holds a line break" % (name, what))
    label = "_%s_%s" % (name, what)
    write_file(
        name = label,
        out = label + ".txt",
        content = [",".join(lines)] if what in _IN_ONE_LINE else lines + [""],
        **kwargs
    )
    return label

def oci_image(
        name,
        annotations = None,
        cmd = None,
        entrypoint = None,
        env = None,
        exposed_ports = None,
        labels = None,
        volumes = None,
        **kwargs):
    """An OCI image of tars, as a folder with an OCI image layout; and `{name}.digest`, its digest in a file.

    Args:
        name: name of the target
        annotations: dict, or a file of `name=value` lines
        cmd: list, or a file of one argument a line
        entrypoint: list, or a file of one argument a line
        env: dict, or a file of `name=value` lines; `$NAME` is replaced from the base's environment
        exposed_ports: list, or a file of ports with commas between them
        labels: dict, or a file of `name=value` lines
        volumes: list, or a file of paths with commas between them
        **kwargs: base, tars, created, user, workdir, os, architecture, variant, and the attributes of every rule
    """
    common = {key: kwargs[key] for key in _COMMON if key in kwargs}
    oci_image_rule(
        name = name,
        annotations = _lines(name, "annotations", annotations, common),
        cmd = _lines(name, "cmd", cmd, common),
        entrypoint = _lines(name, "entrypoint", entrypoint, common),
        env = _lines(name, "env", env, common),
        exposed_ports = _lines(name, "exposed_ports", exposed_ports, common),
        labels = _lines(name, "labels", labels, common),
        volumes = _lines(name, "volumes", volumes, common),
        **kwargs
    )
    image_digest(
        name = name + ".digest",
        image = name,
        **common
    )

def oci_push(name, remote_tags = None, **kwargs):
    """Pushes an image with `bazel run`; after `--`: `--repository R`, `--tag T`, and options of crane.

    Args:
        name: name of the target
        remote_tags: list, or a file of one tag a line
        **kwargs: image, repository, and the attributes of every rule
    """
    common = {key: kwargs[key] for key in _COMMON if key in kwargs}
    oci_push_rule(
        name = name,
        remote_tags = _lines(name, "remote_tags", remote_tags, common),
        **kwargs
    )

def oci_load(name, repo_tags = None, **kwargs):
    """Loads an image with `bazel run`: by `loader`, since the toolbox has neither docker nor podman.

    The output group `tarball` has what is loaded.

    Args:
        name: name of the target
        repo_tags: list, or a file of one name with tag a line
        **kwargs: image, format, loader, and the attributes of every rule
    """
    common = {key: kwargs[key] for key in _COMMON if key in kwargs}
    oci_load_rule(
        name = name,
        repo_tags = _lines(name, "repo_tags", repo_tags, common),
        **kwargs
    )
