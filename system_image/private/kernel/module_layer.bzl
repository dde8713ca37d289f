"""Stage module_layer: a layer with modules of a kernel, its own and others, as modprobe finds them."""

load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:manifest.bzl", "packages_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")
load(":depmod.bzl", "DEPMOD_ATTRS", "depmod", "is_of_kernel")

def _module_layer_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    external = ctx.files.external
    manifest = packages_manifest(ctx, packages, {
        "external": [module.path for module in external],
        "with_modules": ctx.attr.with_modules,
    }, wanted = is_of_kernel)
    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    tool = depmod(ctx, args)
    args.add("--output", tar)
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._module_layer,
        arguments = [args],
        inputs = manifest.inputs + tool + external,
        outputs = [tar],
        mnemonic = "SystemImageModuleLayer",
        progress_message = "Laying out the kernel modules %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([tar]))]

module_layer = rule(
    implementation = _module_layer_impl,
    exec_compatible_with = EXECUTION,
    doc = """A layer, `NAME.tar`, with modules of a kernel, in usr/lib/modules/RELEASE.

    It has the kernel's own modules that `with_modules` names, with the modules that they depend on, and the index that
    depmod(8) makes. Modules of `external` are in the folder updates, which is searched first.
    """,
    attrs = dict(
        BUILD_ATTRS | DEPMOD_ATTRS,
        external = attr.label_list(
            doc = "Other modules, MODULE.ko, such as `kernel_module` makes.",
            allow_files = [".ko"],
        ),
        with_modules = attr.string_list(doc = "Names of modules of the kernel's own, such as `ecdh_generic`."),
        packages = attr.label(
            doc = "A package set with one linux-image package, such as `@debian//:kernel`.",
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        _module_layer = tool_attr(Label("//tools/sysimage/kernel:module_layer")),
    ),
)
