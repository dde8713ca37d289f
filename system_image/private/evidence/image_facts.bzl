"""Stage image_facts: all that is known of an image in one file, which everything else of this phase reads."""

load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:image_facts_info.bzl", "ImageFactsInfo")
load("//system_image/providers:image_origins_info.bzl", "ImageOriginsInfo")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")
load(":origins.bzl", "origins_aspect", "sets_of")
load(":package_facts.bzl", "package_facts")

def _image_facts_impl(ctx):
    image = ctx.attr.image[SystemImageInfo]
    origins = ctx.attr.image[ImageOriginsInfo]
    sets = sets_of(origins)
    packages = [package_facts(ctx, info) for info in sets]
    locks = []
    for info in sets:
        if info.lock and info.lock not in locks:
            locks.append(info.lock)
    output = ctx.actions.declare_file(ctx.label.name + ".json")
    manifest = write_manifest(ctx, {
        "contents": image.contents.path,
        "image": image.image.path,
        "label": str(ctx.attr.image.label).removeprefix("@@"),
        "labels": origins.labels,
        "layers": [{"label": layer.label, "tar": layer.tar.path} for layer in origins.layers],
        "locks": [lock.path for lock in locks],
        "packages": [file.path for file in packages],
    }, ctx.label.name + ".in")
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._image_facts,
        arguments = [args],
        inputs = [manifest, image.contents, image.image] + [layer.tar for layer in origins.layers] + locks + packages,
        outputs = [output],
        mnemonic = "SystemImageImageFacts",
        progress_message = "Collecting what is known of %{label}",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([output])),
        ImageFactsInfo(
            bases = origins.bases,
            effects = origins.effects,
            facts = output,
            image = image,
            label = ctx.attr.image.label,
            locks = locks,
        ),
    ]

image_facts = rule(
    implementation = _image_facts_impl,
    exec_compatible_with = EXECUTION,
    doc = """Collects the facts of a system image, `NAME.json`, from its tarball, its packages and its lock.

    `system_image` makes this target itself, as `IMAGE_facts`. For an image that `emit` made, give it that name
    yourself: `image_sbom` and the rules like it find it by name.
    """,
    attrs = {
        "image": attr.label(
            doc = "The system image.",
            mandatory = True,
            aspects = [origins_aspect],
            providers = [SystemImageInfo],
        ),
        "_image_facts": tool_attr(Label("//tools/sysimage/evidence:image_facts")),
        "_package_facts": tool_attr(Label("//tools/sysimage/evidence:package_facts")),
    },
    provides = [ImageFactsInfo],
)

FACTS = attr.label(
    doc = "What is known of the image, from `image_facts`.",
    mandatory = True,
    providers = [ImageFactsInfo],
)

# buildifier: disable=unnamed-macro
def facts_of(image):
    """The label of what is known of an image, by the name that `system_image` gives it.

    Args:
      image: label of a system image.

    Returns:
      A Label.
    """
    label = native.package_relative_label(image)
    return label.same_package_label(label.name + "_facts")
