"""Repositories with an image of a registry, fetched by crane."""

_CPUS = {
    "linux/amd64": "x86_64",
    "linux/arm64": "arm64",
    "linux/arm64/v8": "arm64",
}

def repository_name(name, platform):
    """The name of the repository of one platform of an image, as rules_oci makes it."""
    return "_".join([name] + platform.split("/"))

_IMAGE = """\
load("@rules_oci//private:layout.bzl", "oci_layout")

oci_layout(
    name = {target},
    srcs = glob(["layout/**"]),
    visibility = ["//visibility:public"],
)
"""

def _read_blob(ctx, descriptor):
    return json.decode(ctx.read("layout/blobs/" + descriptor["digest"].replace(":", "/")))

def _image_impl(ctx):
    plain = ctx.attr.image.startswith("http://")
    name = ctx.attr.image.removeprefix("http://").removeprefix("https://")
    reference = "%s@%s" % (name, ctx.attr.digest)
    command = ["/usr/bin/crane", "pull", "--format=oci"]
    if ctx.attr.platform:
        command.append("--platform=" + ctx.attr.platform)
    if plain:
        command.append("--insecure")
    ctx.report_progress("pulling " + reference)
    done = ctx.execute(command + [reference, "layout"], timeout = 3600)
    if done.return_code:
        reason = done.stderr.strip().split("\n")[-1].removeprefix("Error: ")
        fail("oci.pull: can't pull %s: %s" % (reference, reason))
    manifests = json.decode(ctx.read("layout/index.json"))["manifests"]
    if len(manifests) != 1 or manifests[0]["mediaType"].endswith(("image.index.v1+json", "manifest.list.v2+json")):
        fail("oci.pull: %s is an image of several platforms: say which, in 'platforms'" % reference)
    if ctx.attr.platform:
        # crane chooses in an index only; an image for one platform it takes for any.
        config = _read_blob(ctx, _read_blob(ctx, manifests[0])["config"])
        found = "%s/%s" % (config.get("os"), config.get("architecture"))
        if not (ctx.attr.platform + "/").startswith(found + "/"):
            fail("oci.pull: %s is for %s, not for %s" % (reference, found, ctx.attr.platform))
    ctx.file("BUILD.bazel", _IMAGE.format(target = repr(ctx.attr.target)))

pulled_image = repository_rule(
    implementation = _image_impl,
    doc = "One image, with a target of the repository's name.",
    attrs = {
        "digest": attr.string(mandatory = True),
        "image": attr.string(mandatory = True),
        "platform": attr.string(),
        "target": attr.string(mandatory = True),
    },
)

_ALIAS = """\
alias(
    name = {target},
    actual = select({choices}),
    visibility = ["//visibility:public"],
)
"""

def _alias_impl(ctx):
    choices = {}
    for platform in ctx.attr.platforms:
        if platform not in _CPUS:
            fail("oci.pull: platform '%s' is not one of %s" % (platform, ", ".join(_CPUS)))
        repository = repository_name(ctx.attr.target, platform)
        choices["@platforms//cpu:" + _CPUS[platform]] = "@%s//:%s" % (repository, repository)
    ctx.file("BUILD.bazel", _ALIAS.format(choices = choices, target = repr(ctx.attr.target)))

pulled_alias = repository_rule(
    implementation = _alias_impl,
    doc = "The image for the target platform's CPU.",
    attrs = {
        "platforms": attr.string_list(mandatory = True),
        "target": attr.string(mandatory = True),
    },
)
