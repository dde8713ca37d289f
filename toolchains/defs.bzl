"""A sysroot as a toolchain of C and C++, for rules_cc."""

load("@rules_cc//cc/toolchains:cc_toolchain.bzl", "cc_toolchain")

# buildifier: disable=bzl-visibility
load("//system_image/private/core:architecture.bzl", "ARCHITECTURES")

# buildifier: disable=bzl-visibility
load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load(":config.bzl", "toolchain_config")
load(":guest_test.bzl", _guest_test = "guest_test")
load(":parts.bzl", "toolchain_parts")
load(":variables.bzl", _toolchain_variables = "toolchain_variables")

guest_test = _guest_test
toolchain_variables = _toolchain_variables

def sysroot_toolchain(*, name, execution_architecture = MANDATORY, target_architecture = MANDATORY, sysroot = MANDATORY, compiler = None, **kwargs):
    """Makes a toolchain, `NAME`, for `register_toolchains`.

    It compiles on Linux for `@rules_system_image//toolchains:guest_CPU`. No host is that platform, so the host's
    compiler still makes the programs of the build itself.

    Args:
      name: name of the target.
      execution_architecture: where it runs, "amd64" or "arm64".
      target_architecture: what it compiles for, "amd64" or "arm64".
      sysroot: label of a `sysroot`. It is built for the target platform.
      compiler: label of the `sysroot` whose programs are used, if it is another one. It is built for the execution
        platform.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "sysroot_toolchain",
        name,
        kwargs,
        mandatory = {"execution_architecture": execution_architecture, "sysroot": sysroot, "target_architecture": target_architecture},
        others = ["compiler"],
    )
    parts = dict(kwargs, tags = kwargs.get("tags", []) + ["manual"])
    toolchain_parts(
        name = name + "_parts",
        compiler = compiler or sysroot,
        execution_platform = _platform(execution_architecture),
        sysroot = sysroot,
        target_platform = _platform(target_architecture),
        **parts
    )
    groups = {group: "{}_{}".format(name, group) for group in ["compile", "link", "programs"]}
    for group, target in groups.items():
        native.filegroup(
            name = target,
            srcs = [name + "_parts"],
            output_group = group,
            **parts
        )
    toolchain_config(
        name = name + "_config",
        parts = name + "_parts",
        **parts
    )
    cc_toolchain(
        name = name + "_cc",
        all_files = name + "_parts",
        ar_files = groups["programs"],
        as_files = groups["compile"],
        compiler_files = groups["compile"],
        dwp_files = groups["programs"],
        # The parts choose their platforms themselves, the same for the files and for the configuration.
        exec_transition_for_inputs = False,
        linker_files = groups["link"],
        objcopy_files = groups["programs"],
        strip_files = groups["programs"],
        supports_param_files = True,
        toolchain_config = name + "_config",
        **parts
    )
    native.toolchain(
        name = name,
        exec_compatible_with = [
            ARCHITECTURES[execution_architecture].constraint,
            Label("@platforms//os:linux"),
        ],
        target_compatible_with = [
            Label("//toolchains:guest"),
            ARCHITECTURES[target_architecture].constraint,
            Label("@platforms//os:linux"),
        ],
        toolchain = name + "_cc",
        toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
        **kwargs
    )

def _platform(architecture):
    if architecture not in ARCHITECTURES:
        fail("{}: is no architecture of a guest or a host; say {}".format(repr(architecture), " or ".join(ARCHITECTURES)))
    return str(Label("//toolchains:guest_" + ARCHITECTURES[architecture].cpu))
