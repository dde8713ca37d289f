"""The programs of a toolchain as Make variables, relative to the execution root."""

load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain", "use_cc_toolchain")

_BESIDE = {
    "CPP": "cpp",
    "CXX": "g++",
    "RANLIB": "ranlib",
    "READELF": "readelf",
}

def program_variables(toolchain):
    """The programs that a toolchain has by name.

    Args:
      toolchain: a CcToolchainInfo.

    Returns:
      A dict, name as make and configure scripts have it → path, relative to the execution root.
    """
    return {
        name: path.removeprefix("/proc/self/cwd/")
        for name, path in {
            "AR": toolchain.ar_executable,
            "CC": toolchain.compiler_executable,
            "LD": toolchain.ld_executable,
            "NM": toolchain.nm_executable,
            "OBJCOPY": toolchain.objcopy_executable,
            "OBJDUMP": toolchain.objdump_executable,
            "STRIP": toolchain.strip_executable,
        }.items()
    }

def _toolchain_variables_impl(ctx):
    toolchain = find_cc_toolchain(ctx)
    if not toolchain.toolchain_id.startswith("sysroot-"):
        fail("toolchain_variables: the toolchain is {}, which is no sysroot_toolchain; register one for this platform".format(
            toolchain.toolchain_id,
        ))
    variables = program_variables(toolchain)
    folder = variables["CC"].rpartition("/")[0]
    variables.update({name: "{}/{}".format(folder, program) for name, program in _BESIDE.items()})
    return [
        DefaultInfo(files = toolchain.all_files),
        platform_common.TemplateVariableInfo(variables),
    ]

toolchain_variables = rule(
    implementation = _toolchain_variables_impl,
    doc = """The programs of the guest's `sysroot_toolchain`, for the `toolchains` of a genrule.

    `$(CC)`, `$(CXX)`, `$(CPP)`, `$(LD)`, `$(AR)`, `$(NM)`, `$(OBJCOPY)`, `$(OBJDUMP)`, `$(RANLIB)`, `$(READELF)` and
    `$(STRIP)` are paths relative to the execution root, where a command starts: `$$PWD/$(CC)` works in any folder.
    Those of Bazel's own `current_cc_toolchain` work only in the folder where the command starts.
    """,
    attrs = {
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    provides = [platform_common.TemplateVariableInfo],
    toolchains = use_cc_toolchain(mandatory = True),
)
