"""The extension `oci`, as `@rules_oci//oci:extensions.bzl` has it: images of a registry, by digest."""

load("//private:pull.bzl", "pulled_alias", "pulled_image", "repository_name")

_DIGEST = "sha256:"

def _check(module, tag):
    if not tag.digest.startswith(_DIGEST) or len(tag.digest) != len(_DIGEST) + 64:
        fail("oci.pull %s of module %s: digest '%s' is no sha256 digest (the adapter takes no tag)" %
             (tag.name, module.name, tag.digest))
    if "@" in tag.image or ":" in tag.image.split("/")[-1]:
        fail("oci.pull %s of module %s: image '%s' holds a tag or a digest" % (tag.name, module.name, tag.image))

def _oci_impl(ctx):
    for module in ctx.modules:
        for tag in module.tags.pull:
            _check(module, tag)
            if not tag.platforms:
                pulled_image(name = tag.name, image = tag.image, digest = tag.digest, target = tag.name)
            else:
                for platform in tag.platforms:
                    name = repository_name(tag.name, platform)
                    pulled_image(
                        name = name,
                        image = tag.image,
                        digest = tag.digest,
                        platform = platform,
                        target = name,
                    )
                pulled_alias(name = tag.name, target = tag.name, platforms = tag.platforms)

oci = module_extension(
    implementation = _oci_impl,
    doc = "Images of a registry.",
    tag_classes = {
        "pull": tag_class(
            doc = "An image: `@name`, and `@name_os_cpu` for each platform.",
            attrs = {
                "digest": attr.string(doc = "The digest of the manifest, or of the index.", mandatory = True),
                "image": attr.string(
                    doc = "Where it is, without a tag, as in registry.example/name; http:// before it allows HTTP.",
                    mandatory = True,
                ),
                "name": attr.string(mandatory = True),
                "platforms": attr.string_list(doc = "Which images of an index, as in linux/amd64."),
            },
        ),
    },
)
