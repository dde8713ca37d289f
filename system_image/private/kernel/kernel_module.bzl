"""Stage kernel_module: external modules of a kernel, built with its locked headers and the sysroot's compiler."""

load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:exec_program.bzl", "exec_program")
load("//system_image/private/core:manifest.bzl", "package_inputs", "write_manifest")
load("//system_image/private/core:resource_set.bzl", "two_cpu_resource_set")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")
load("//toolchains:guest.bzl", "GUEST_PLATFORM", "GUEST_TOOLCHAINS", "guest_transition")
load("//toolchains:variables.bzl", "program_variables")
load(":depmod.bzl", "is_of_kernel")
load(":module_layer.bzl", "module_layer")

def _is_headers(name):
    return name.startswith("linux-headers-")

def _is_tool(name):
    return not (_is_headers(name) or is_of_kernel(name))

def _source_path(label, file):
    """Where a file of srcs goes: by its path in the target's package, or by its name."""
    path = file.short_path.removeprefix(label.package + "/") if label.package else file.short_path
    return file.basename if path.startswith("../") or (label.package and path == file.short_path) else path

def _kernel_module_impl(ctx):
    headers = ctx.attr.kernel_headers[DebianPackagesInfo]
    kbuild = ctx.attr.kbuild[DebianPackagesInfo]
    compiler = ctx.attr.compiler[0][cc_common.CcToolchainInfo]
    header_packages = package_inputs([headers], _is_headers)
    tools = package_inputs([kbuild, ctx.attr._tools[DebianPackagesInfo]], _is_tool)
    packages = package_inputs([ctx.attr.packages[DebianPackagesInfo]] if ctx.attr.packages else [])
    if ctx.attr.packages and not ctx.attr.folder:
        fail("folder: packages is given, so say in which folder of theirs the source is")
    if bool(ctx.file.signing_key) != bool(ctx.file.signing_certificate):
        fail("signing_key: it and signing_certificate are given both or neither")
    manifest = write_manifest(ctx, {
        "architecture": headers.architecture,
        "compiler": program_variables(compiler),
        "folder": ctx.attr.folder,
        "headers": header_packages.fields,
        "host": kbuild.architecture,
        "include": [path.removeprefix("%workspace%/") for path in compiler.built_in_include_directories],
        "launcher": ctx.file._launcher.path,
        "modules": ctx.attr.modules,
        "packages": packages.fields,
        "patches": [patch.path for patch in ctx.files.patches],
        "signing_certificate": ctx.file.signing_certificate.path if ctx.file.signing_certificate else "",
        "signing_key": ctx.file.signing_key.path if ctx.file.signing_key else "",
        "sources": [{"file": file.path, "path": _source_path(ctx.label, file)} for file in ctx.files.srcs],
        "tools": tools.fields,
        "variables": ctx.attr.make_variables,
    })
    modules = [ctx.actions.declare_file("{}/{}.ko".format(ctx.label.name, module)) for module in ctx.attr.modules]
    symvers = ctx.actions.declare_file(ctx.label.name + "/Module.symvers")
    inputs = depset(
        [manifest, ctx.file._launcher] + header_packages.inputs + tools.inputs + packages.inputs + ctx.files.srcs +
        ctx.files.patches + ctx.files.signing_key + ctx.files.signing_certificate,
        transitive = [compiler.all_files],
    )
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add("--symvers", symvers)
    args.add("--output", symvers.dirname)
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._kernel_module,
        arguments = [args],
        inputs = inputs,
        outputs = modules + [symvers],
        mnemonic = "SystemImageKernelModule",
        progress_message = "Building the kernel modules %{label}",
        resource_set = two_cpu_resource_set,
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset(modules)),
        # The inputs, for tests that build with them in other ways.
        OutputGroupInfo(inputs = inputs, symvers = depset([symvers])),
    ]

_kernel_module = rule(
    implementation = _kernel_module_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `kernel_module`.",
    attrs = BUILD_ATTRS | {
        "compiler": attr.label(
            doc = "The compiler, of the guest's platform.",
            default = "@rules_cc//cc:current_cc_toolchain",
            cfg = guest_transition,
            providers = [cc_common.CcToolchainInfo],
        ),
        "folder": attr.string(doc = "Pattern of the folder of the source in `packages`."),
        "guest_toolchains": attr.string_list(
            doc = "Toolchains that come before all others.",
            default = GUEST_TOOLCHAINS,
        ),
        "kbuild": attr.label(
            doc = "The same set as `kernel_headers`: of it, the programs of the kernel's build.",
            mandatory = True,
            cfg = "exec",
            providers = [DebianPackagesInfo],
        ),
        "kernel_headers": attr.label(
            doc = "A package set with the headers of one kernel.",
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "make_variables": attr.string_dict(doc = "Variables on make's command line."),
        "modules": attr.string_list(doc = "Names of the modules.", mandatory = True, allow_empty = False),
        "packages": attr.label(doc = "A package set with the source.", providers = [DebianPackagesInfo]),
        "patches": attr.label_list(doc = "Patches of the source, in order.", allow_files = [".patch", ".diff"]),
        "platform": attr.string(doc = "Label of the guest's platform.", mandatory = True),
        "signing_certificate": attr.label(doc = "The key's X.509 certificate, PEM or DER.", allow_single_file = True),
        "signing_key": attr.label(doc = "A private key, PEM.", allow_single_file = True),
        "srcs": attr.label_list(doc = "Files of the source.", allow_files = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
        "_kernel_module": tool_attr(Label("//tools/sysimage/kernel:kernel_module")),
        "_launcher": attr.label(
            default = Label("//system_image/tools:launcher"),
            cfg = "exec",
            allow_single_file = True,
        ),
        "_tools": attr.label(
            default = Label("@debian//:module_tools"),
            cfg = "exec",
            providers = [DebianPackagesInfo],
        ),
    },
)

kernel_module_check_test = exec_program(
    Label("//tools/sysimage/kernel:kernel_module_check"),
    doc = "Compares modules with the kernel that they are for.",
    test = True,
)

def kernel_module(
        *,
        name,
        modules = MANDATORY,
        kernel_headers = Label("@debian//:kernel_headers"),
        srcs = [],
        packages = None,
        folder = "",
        patches = [],
        make_variables = {},
        with_modules = [],
        licenses = [],
        firmware = [],
        signing_key = None,
        signing_certificate = None,
        guest_toolchains = GUEST_TOOLCHAINS,
        **kwargs):
    """Builds out-of-tree modules of a kernel, `NAME/MODULE.ko`, and a layer with them.

    The layer, `NAME_layer.tar`, has them in usr/lib/modules/RELEASE/updates, with the index that modprobe reads. The
    test `NAME_test` compares the modules with the kernel: version magic, symbols and their CRCs, licence, firmware; and
    looks for paths of the build in them.

    Args:
      name: name of the target.
      modules: list of names of the modules that the source makes, such as "nvidia-uvm". A module in a subfolder is
        found by its name, too. If two have one name, give the path, such as "drivers/sub/tiny"; its file then has that
        path.
      kernel_headers: label of a package set with one linux-headers package, the linux-image package of the same
        kernel, and what they need.
      srcs: list of files of the source, with a Kbuild or Makefile as the kernel's kbuild/modules.rst has it. Without
        one each module is made of one file, MODULE.c. A file keeps its path in this package.
      packages: label of a package set with the source; files of `srcs` are laid over it.
      folder: pattern of the folder of the source in `packages`, such as "usr/src/nvidia-current-open-*".
      patches: list of labels of unified diffs, applied in order with `patch -p1`, which have to fit exactly.
      make_variables: dict, name → value, on make's command line. In a value, `$(srctree)` is the folder of the headers
        that all flavours share, and `$(CURDIR)` the folder of this kernel's own.
      with_modules: list of names of the kernel's own modules to add to the layer, with the modules that they depend on.
      licenses: list of strings; MODULE_LICENSE() has to be one of them. Without it, any free licence is accepted.
      firmware: list of patterns of what the modules may ask for with MODULE_FIRMWARE().
      signing_key: label of a private key in PEM. With it, the modules are signed, for a kernel that requires
        signatures.
      signing_certificate: label of the key's certificate.
      guest_toolchains: list of toolchains, as for --extra_toolchains, that compile.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "kernel_module",
        name,
        kwargs,
        mandatory = {"modules": modules},
        dicts = {
            "make_variables": make_variables,
        },
        # It is an argument of ours.
        # buildifier: disable=attr-licenses
        lists = {
            "firmware": firmware,
            "guest_toolchains": guest_toolchains,
            "licenses": licenses,
            "modules": modules,
            "patches": patches,
            "srcs": srcs,
            "with_modules": with_modules,
        },
        others = [
            "folder",
            "kernel_headers",
            "packages",
            "signing_certificate",
            "signing_key",
        ],
    )
    parts = dict(kwargs, tags = kwargs.get("tags", []) + ["manual"])
    _kernel_module(
        name = name,
        folder = folder,
        guest_toolchains = guest_toolchains,
        kbuild = kernel_headers,
        kernel_headers = kernel_headers,
        make_variables = make_variables,
        modules = modules,
        packages = packages,
        patches = patches,
        platform = select(GUEST_PLATFORM),
        signing_certificate = signing_certificate,
        signing_key = signing_key,
        srcs = srcs,
        **kwargs
    )
    module_layer(
        name = name + "_layer",
        external = [name],
        with_modules = with_modules,
        packages = kernel_headers,
        **parts
    )
    native.filegroup(
        name = name + "_symvers",
        srcs = [name],
        output_group = "symvers",
        **parts
    )
    kernel_module_check_test(
        name = name + "_test",
        size = "small",
        args = ["--packages", "$(rootpaths {})".format(kernel_headers), "--modules", "$(rootpaths {})".format(name)] +
               ["--symvers", "$(rootpath {}_symvers)".format(name)] +
               [word for license in licenses for word in ["--license", repr(license)]] +
               [word for pattern in firmware for word in ["--firmware", repr(pattern)]],
        data = [name, name + "_symvers", kernel_headers],
        **kwargs
    )
