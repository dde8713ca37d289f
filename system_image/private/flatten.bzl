"""Stage flatten: an OCI image becomes one deterministic tar."""

# What the stages that build on a flat image have as `base`.
FLAT_BASE = attr.label(
    doc = "The flat base, from `flatten`.",
    mandatory = True,
    allow_single_file = [".tar"],
)

_ARCHITECTURES = {"amd64": "@platforms//cpu:x86_64", "arm64": "@platforms//cpu:aarch64"}

def _flatten_impl(ctx):
    layouts = ctx.attr.image[DefaultInfo].files.to_list()
    if len(layouts) != 1 or not layouts[0].is_directory:
        fail("image: {} is not an OCI image layout, which is one folder; name an oci_image, an oci_pull or what gives a layout".format(ctx.attr.image.label))
    architecture = None
    for name in _ARCHITECTURES:
        if ctx.target_platform_has_constraint(getattr(ctx.attr, "_" + name)[platform_common.ConstraintValueInfo]):
            architecture = name
    if not architecture:
        fail("{}: the target platform is neither x86_64 nor aarch64; give one with --platforms".format(ctx.label))
    runfiles = ctx.attr.image[DefaultInfo].default_runfiles
    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    args = ctx.actions.args()
    args.add_all("--layout", layouts, expand_directories = False)
    args.add("--os", "linux")
    args.add("--architecture", architecture)
    args.add("--output", tar)
    ctx.actions.run(
        executable = ctx.executable._flatten,
        arguments = [args],
        # rules_oci's layouts have links to their layers, which are runfiles of the image.
        inputs = depset(layouts, transitive = [runfiles.files] if runfiles else []),
        outputs = [tar],
        mnemonic = "SystemImageFlatten",
        progress_message = "Flattening %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([tar]))]

flatten = rule(
    implementation = _flatten_impl,
    doc = """Applies the layers of an OCI image, `NAME.tar`.

    Of an image for many platforms it takes the one for the target platform. The tar is a function of what
    the image contains alone: one entry a path, in a fixed order, without times.
    """,
    attrs = dict({
        "image": attr.label(
            doc = "An OCI image layout: `oci_image`, `oci_image_index`, or what `oci.pull` gives.",
            mandatory = True,
            # A file is refused by the rule, whose message says what it wants.
            allow_files = True,
        ),
        "_flatten": attr.label(
            default = Label("//tools/sysimage:flatten"),
            cfg = "exec",
            executable = True,
        ),
    }, **{
        "_" + name: attr.label(default = constraint)
        for name, constraint in _ARCHITECTURES.items()
    }),
)
