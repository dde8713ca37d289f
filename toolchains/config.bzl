"""A sysroot as the configuration of a cc_toolchain."""

load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load("@rules_cc//cc:cc_toolchain_config_lib.bzl", "action_config", "flag_group", "flag_set", "tool", "tool_path")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/toolchains:cc_toolchain_config_info.bzl", "CcToolchainConfigInfo")

# buildifier: disable=bzl-visibility
load("//system_image/private/core:architecture.bzl", "ARCHITECTURES")
load(":features.bzl", "ARCHIVE", "ASSEMBLE", "COMPILE_IMPLIES", "CPP", "LINK", "features")
load(":parts.bzl", "ToolchainPartsInfo")

def _config_impl(ctx):
    parts = ctx.attr.parts[ToolchainPartsInfo]
    root = parts.sysroot
    path = root.path
    compiler = "{}/usr/lib/gcc/{}/{}".format(path, root.triplet, root.gcc)
    headers = [
        compiler + "/include",
        "{}/usr/include/{}".format(path, root.triplet),
        path + "/usr/include",
    ]
    cpp_headers = [
        "{}/usr/include/c++/{}".format(path, root.gcc),
        "{}/usr/include/{}/c++/{}".format(path, root.triplet, root.gcc),
        "{}/usr/include/c++/{}/backward".format(path, root.gcc),
    ]
    libraries = [compiler + "/", "{}/usr/lib/{}/".format(path, root.triplet)]
    tools = parts.compiler.tools
    return [
        cc_common.create_cc_toolchain_config_info(
            ctx = ctx,
            abi_libc_version = "glibc",
            abi_version = "gcc",
            action_configs = _actions(tools),
            builtin_sysroot = path,
            compiler = "gcc",
            cxx_builtin_include_directories = ["%workspace%/" + folder for folder in cpp_headers + headers],
            features = features(path, headers, cpp_headers, libraries),
            host_system_name = "local",
            target_cpu = [facts.bazel_cpu for facts in ARCHITECTURES.values() if facts.triplet == root.triplet][0],
            target_libc = "glibc",
            target_system_name = root.triplet,
            # For $(CC) and its like, which have a path from the root or from toolchains/ only; variables.bzl has others.
            tool_paths = [
                tool_path(name = name, path = "/proc/self/cwd/" + tools[name].path)
                for name in ["ar", "cpp", "gcc", "gcov", "gcov-tool", "ld", "nm", "objcopy", "objdump", "strip"]
            ],
            toolchain_identifier = "sysroot-" + root.triplet,
        ),
    ]

def _actions(tools):
    gcc = tool(tool = tools["gcc"])
    gxx = tool(tool = tools["g++"])
    compilers = {name: gcc for name in [ACTION_NAMES.c_compile] + ASSEMBLE} | {name: gxx for name in CPP}
    return [
        action_config(action_name = name, enabled = True, implies = COMPILE_IMPLIES, tools = [compiler])
        for name, compiler in compilers.items()
    ] + [
        action_config(action_name = name, enabled = True, tools = [gxx])
        for name in LINK
    ] + [
        action_config(action_name = name, enabled = True, tools = [tool(tool = tools["ar"])])
        for name in ARCHIVE
    ] + [
        action_config(action_name = ACTION_NAMES.objcopy_embed_data, enabled = True, tools = [tool(tool = tools["objcopy"])]),
        action_config(
            action_name = ACTION_NAMES.strip,
            enabled = True,
            flag_sets = [flag_set(flag_groups = [
                flag_group(flags = ["-S", "-p", "-o", "%{output_file}"]),
                flag_group(iterate_over = "stripopts", flags = ["%{stripopts}"]),
                flag_group(flags = ["%{input_file}"]),
            ])],
            tools = [tool(tool = tools["strip"])],
        ),
    ]

toolchain_config = rule(
    implementation = _config_impl,
    doc = "How Bazel's C and C++ actions use a sysroot.",
    attrs = {
        "parts": attr.label(
            doc = "The sysroot and its compiler.",
            mandatory = True,
            providers = [ToolchainPartsInfo],
        ),
    },
    provides = [CcToolchainConfigInfo],
)
