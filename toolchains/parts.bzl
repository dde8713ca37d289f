"""The sysroot and the compiler of a toolchain, each for its own platform."""

load("//system_image/providers:sysroot_info.bzl", "SysrootInfo")
load(":guest.bzl", "GUEST_TOOLCHAINS")

ToolchainPartsInfo = provider(
    doc = "What a toolchain is made of.",
    fields = {
        "compiler": "SysrootInfo: for the execution platform; of it the programs are used.",
        "sysroot": "SysrootInfo: for the target platform; of it headers and libraries are used.",
    },
)

# Reset flags that are meant for the user's code, so that all configurations share one sysroot.
_NEUTRAL_FLAGS = {
    "//command_line_option:compilation_mode": "fastbuild",
    "//command_line_option:conlyopt": [],
    "//command_line_option:copt": [],
    "//command_line_option:cxxopt": [],
    "//command_line_option:features": [],
    "//command_line_option:linkopt": [],
    "//command_line_option:strip": "sometimes",
}

_PLATFORMS = "//command_line_option:platforms"
_TOOLCHAINS = "//command_line_option:extra_toolchains"

def _for_platform(platform, settings):
    return dict(_NEUTRAL_FLAGS, **{
        _PLATFORMS: [platform],
        # Drop guest toolchains, so that the configuration does not depend on who registered them.
        _TOOLCHAINS: [toolchain for toolchain in settings[_TOOLCHAINS] if toolchain not in GUEST_TOOLCHAINS],
    })

_compiler_transition = transition(
    implementation = lambda settings, attr: _for_platform(attr.execution_platform, settings),
    inputs = [_TOOLCHAINS],
    outputs = _NEUTRAL_FLAGS.keys() + [_PLATFORMS, _TOOLCHAINS],
)

sysroot_transition = transition(
    implementation = lambda settings, attr: _for_platform(attr.target_platform, settings),
    inputs = [_TOOLCHAINS],
    outputs = _NEUTRAL_FLAGS.keys() + [_PLATFORMS, _TOOLCHAINS],
)

def _parts_impl(ctx):
    sysroot = ctx.attr.sysroot[0][SysrootInfo]
    compiler = ctx.attr.compiler[0][SysrootInfo]
    if not sysroot.libraries:
        fail("sysroot: {} has programs only; name a sysroot without compiler_for".format(ctx.attr.sysroot[0].label))
    if (sysroot.triplet, sysroot.gcc) != (compiler.triplet, compiler.gcc):
        fail("compiler: {} is gcc {} for {}, but the sysroot is of gcc {} for {}; give both the same".format(
            ctx.attr.compiler[0].label,
            compiler.gcc,
            compiler.triplet,
            sysroot.gcc,
            sysroot.triplet,
        ))
    launchers = compiler.tools.values()
    programs = depset([compiler.programs] + launchers)
    compile = depset(sysroot.headers, transitive = [programs])
    link = depset(sysroot.libraries, transitive = [programs])
    return [
        DefaultInfo(files = depset(transitive = [compile, link])),
        OutputGroupInfo(
            compile = compile,
            link = link,
            programs = programs,
        ),
        ToolchainPartsInfo(
            compiler = compiler,
            sysroot = sysroot,
        ),
    ]

toolchain_parts = rule(
    implementation = _parts_impl,
    doc = "A sysroot, and a compiler for it that runs on the execution platform.",
    attrs = {
        "compiler": attr.label(
            doc = "The compiler.",
            mandatory = True,
            cfg = _compiler_transition,
            providers = [SysrootInfo],
        ),
        "execution_platform": attr.string(doc = "Label of the platform that it runs on.", mandatory = True),
        "sysroot": attr.label(
            doc = "The sysroot.",
            mandatory = True,
            cfg = sysroot_transition,
            providers = [SysrootInfo],
        ),
        "target_platform": attr.string(doc = "Label of the platform that it compiles for.", mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    provides = [ToolchainPartsInfo],
)
