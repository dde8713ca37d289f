"""Kernel modules for a guest of another architecture than the one that builds."""

# buildifier: disable=bzl-visibility
load("//system_image/private/kernel:kernel_module.bzl", "kernel_module_check_test")
load("//toolchains:guest.bzl", "GUEST_PLATFORM")

# The architecture that is not the build's.
_OTHER = {
    cpu: GUEST_PLATFORM[other]
    for cpu, other in zip(GUEST_PLATFORM.keys(), reversed(GUEST_PLATFORM.keys()))
}

_PLATFORMS = "//command_line_option:platforms"

_other_transition = transition(
    implementation = lambda settings, attr: {_PLATFORMS: [attr.platform]},
    inputs = [],
    outputs = [_PLATFORMS],
)

def _other_files_impl(ctx):
    return [DefaultInfo(files = depset(ctx.files.srcs))]

_other_files = rule(
    implementation = _other_files_impl,
    doc = "Files, as they are for another platform.",
    attrs = {
        "platform": attr.string(doc = "Label of the platform.", mandatory = True),
        "srcs": attr.label_list(doc = "The files.", allow_files = True, cfg = _other_transition),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

def other_module_test(name, module, packages, firmware):
    """Builds a `kernel_module` for the other architecture, and compares it with that one's kernel.

    Args:
      name: name of the test.
      module: label of the kernel_module.
      packages: label of the package set with kernel and headers.
      firmware: list of patterns, as in `kernel_module`.
    """
    parts = {"modules": module, "packages": packages, "symvers": module + "_symvers"}
    for part, label in parts.items():
        _other_files(
            name = "{}_{}".format(name, part),
            testonly = True,
            srcs = [label],
            platform = select(_OTHER),
            tags = ["manual"],
        )
    kernel_module_check_test(
        name = name,
        size = "small",
        args = [
            word
            for part in parts
            for word in ["--" + part, "$(rootpaths {}_{})".format(name, part)]
        ] + [word for pattern in firmware for word in ["--firmware", repr(pattern)]],
        data = ["{}_{}".format(name, part) for part in parts],
    )
