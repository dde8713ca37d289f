"""What the stages that read an OCI image have in common."""

IMAGE = attr.label(
    doc = "An OCI image layout: `oci_image`, `oci_image_index`, or what `oci.pull` gives.",
    mandatory = True,
    # A file is refused by the rule, whose message says what it wants.
    allow_files = True,
)

def image_layout(ctx):
    """The layout that the attribute `image` names.

    Args:
      ctx: the context of a rule with IMAGE as its attribute `image`.

    Returns:
      A tuple: the File of the layout's folder, a depset of the inputs of an action that reads it.
    """
    layouts = ctx.attr.image[DefaultInfo].files.to_list()
    if len(layouts) != 1 or not layouts[0].is_directory:
        fail("image: {} is not an OCI image layout, which is one folder; name an oci_image, an oci_pull or what gives a layout".format(ctx.attr.image.label))
    runfiles = ctx.attr.image[DefaultInfo].default_runfiles

    # rules_oci's layouts have links to their layers, which are runfiles of the image.
    return layouts[0], depset(layouts, transitive = [runfiles.files] if runfiles else [])
