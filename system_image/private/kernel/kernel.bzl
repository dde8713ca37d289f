"""Stage kernel: the kernel of a package set, and the tree of its modules."""

load("//system_image/private/core:manifest.bzl", "packages_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")
load("//system_image/providers:kernel_info.bzl", "KernelInfo")
load(":depmod.bzl", "DEPMOD_ATTRS", "depmod")

def _kernel_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    manifest = packages_manifest(ctx, packages)
    image = ctx.actions.declare_file(ctx.label.name)
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    args.add("--image", image)
    ctx.actions.run(
        executable = ctx.executable._kernel,
        arguments = [args],
        inputs = manifest.inputs,
        outputs = [image],
        mnemonic = "SystemImageKernel",
        progress_message = "Taking the kernel %{label} out of its package",
        toolchain = None,
    )

    # By itself: only who asks needs a package that has it.
    config = ctx.actions.declare_file(ctx.label.name + ".config")
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    args.add("--config", config)
    ctx.actions.run(
        executable = ctx.executable._kernel,
        arguments = [args],
        inputs = manifest.inputs,
        outputs = [config],
        mnemonic = "SystemImageKernelConfig",
        progress_message = "Taking the configuration of the kernel %{label} out of its package",
        toolchain = None,
    )
    modules = ctx.actions.declare_directory(ctx.label.name + "_modules")
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    tool = depmod(ctx, args)
    args.add_all("--modules", [modules], expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._kernel,
        arguments = [args],
        inputs = manifest.inputs + tool,
        outputs = [modules],
        mnemonic = "SystemImageKernelModules",
        progress_message = "Indexing the modules of %{label}",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([image])),
        KernelInfo(architecture = packages.architecture, image = image, modules = modules),
        OutputGroupInfo(config = depset([config]), modules = depset([modules])),
    ]

kernel = rule(
    implementation = _kernel_impl,
    exec_compatible_with = EXECUTION,
    doc = """Takes the kernel image, `NAME`, out of a package set.

    The output group `config` is its configuration, `NAME.config`. The output group `modules` is a folder,
    `NAME_modules`, with usr/lib/modules/RELEASE: the modules as the package has them, and what depmod(8) makes of them.
    """,
    attrs = dict(
        DEPMOD_ATTRS,
        packages = attr.label(
            doc = "A package set with one linux-image package, such as `@debian//:kernel`.",
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        _kernel = tool_attr(Label("//tools/sysimage/kernel")),
    ),
    provides = [KernelInfo],
)
