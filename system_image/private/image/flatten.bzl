"""Stage flatten: an OCI image becomes one deterministic tar."""

load("//system_image/private/core:architecture.bzl", "ARCHITECTURE_ATTRS", "target_architecture")
load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:resource_set.bzl", "two_cpu_resource_set")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load(":layout.bzl", "IMAGE", "image_layout")

def _flatten_impl(ctx):
    layout, inputs = image_layout(ctx)
    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    args = ctx.actions.args()
    args.add_all("--layout", [layout], expand_directories = False)
    args.add("--os", "linux")
    args.add("--architecture", target_architecture(ctx))
    args.add("--limit", ctx.attr.limit << 20)
    args.add("--output", tar)
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._flatten,
        arguments = [target_args(ctx), args],
        inputs = inputs,
        outputs = [tar],
        mnemonic = "SystemImageFlatten",
        progress_message = "Flattening %{label}",
        resource_set = two_cpu_resource_set,
        toolchain = None,
    )
    return [DefaultInfo(files = depset([tar]))]

flatten = rule(
    implementation = _flatten_impl,
    exec_compatible_with = EXECUTION,
    doc = """Applies the layers of an OCI image, and writes the result to `NAME.tar`.

    If the image is for several platforms, the one for the target platform is taken. The tar depends on the image's
    content alone: it has one entry a path, in a fixed order, without times.
    """,
    attrs = dict(
        BUILD_ATTRS | ARCHITECTURE_ATTRS,
        image = IMAGE,
        limit = attr.int(
            doc = "How many MiB all layers together may unpack to. An image with more is refused as a decompression bomb.",
            default = 65536,
        ),
        _flatten = tool_attr(Label("//tools/sysimage/image:flatten")),
    ),
)
