"""Tests of guest's programs that run on the host."""

load("@platforms//host:constraints.bzl", "HOST_CONSTRAINTS")

# buildifier: disable=bzl-visibility
load("//system_image/private/core:architecture.bzl", "ARCHITECTURES")

# buildifier: disable=bzl-visibility
load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")

# buildifier: disable=bzl-visibility
load("//system_image/private/core:exec_program.bzl", "exec_program")
load("//system_image/providers:sysroot_info.bzl", "SysrootInfo")
load(":guest.bzl", "GUEST_PLATFORM", "guest_programs")
load(":parts.bzl", "sysroot_transition")

def _guest_libraries_impl(ctx):
    libraries = ctx.attr.sysroot[0][SysrootInfo].libraries[0]
    return [DefaultInfo(files = depset([libraries]))]

guest_libraries = rule(
    implementation = _guest_libraries_impl,
    doc = "The libraries of a sysroot, the loader among them.",
    attrs = {
        "sysroot": attr.label(doc = "The sysroot.", mandatory = True, cfg = sysroot_transition, providers = [SysrootInfo]),
        "target_platform": attr.string(doc = "Label of the guest's platform.", mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

_EMULATOR = str(Label("//system_image/tools:qemu_user"))

def _emulator(words):
    # The host is what builds here. Where a remote machine of another architecture runs tests, this has to be known of it.
    return select({
        facts.constraint: [] if str(facts.constraint) in [str(Label(value)) for value in HOST_CONSTRAINTS] else words
        for facts in ARCHITECTURES.values()
    })

sysroot_program_test = exec_program(
    Label("//tools/sysimage/toolchain:guest_test"),
    doc = "Runs a program of the guest with the loader and the libraries of a sysroot.",
    test = True,
)

def guest_test(*, name, binary = MANDATORY, sysroot = Label("//system_image:sysroot"), data = [], args = [], size = "small", **kwargs):
    """Runs a program of the guest on the host, with the loader and the libraries of the sysroot.

    The host need not have the guest's libraries. A guest of another architecture than the host's is emulated.

    Args:
      name: name of the target.
      binary: label of a `cc_test` or `cc_binary`, which is built for the guest. It has to contain its libraries of
        cc_library: `linkstatic = True`.
      sysroot: label of the `sysroot`.
      data: labels of what it reads.
      args: its arguments.
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "guest_test",
        name,
        kwargs,
        mandatory = {"binary": binary},
        lists = {"args": args, "data": data},
        others = ["sysroot"],
    )
    parts = {key: value for key, value in kwargs.items() if key in ("visibility", "target_compatible_with")}
    guest_libraries(
        name = name + "_libraries",
        testonly = True,
        sysroot = sysroot,
        tags = ["manual"],
        target_platform = select(GUEST_PLATFORM),
        **parts
    )
    built = guest_programs(name, {"program": binary}, tags = ["manual"], testonly = True, **parts)["program"]
    sysroot_program_test(
        name = name,
        size = size,
        args = _emulator(["--emulator", "$(rootpath {})".format(_EMULATOR)]) + ["$(rootpath {}_libraries)".format(name), "$(rootpath {})".format(built)] + args,
        data = [name + "_libraries", built] + data,
        tools = _emulator([_EMULATOR]),
        **kwargs
    )
