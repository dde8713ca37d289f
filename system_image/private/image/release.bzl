"""The file that tells an image its own name."""

def _image_release_impl(ctx):
    file = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(file, "IMAGE_ID={}\n".format(ctx.attr.image))
    return [DefaultInfo(files = depset([file]))]

image_release = rule(
    implementation = _image_release_impl,
    doc = "Writes a file of os-release(5)'s format with the image's name.",
    attrs = {
        "image": attr.string(doc = "The image's name.", mandatory = True),
    },
)
