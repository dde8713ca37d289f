"""Programs of the guest: built for it, whatever platform the command line names."""

# buildifier: disable=bzl-visibility
load("//system_image/private/core:architecture.bzl", "ARCHITECTURES")

# The platform of a guest, by the architecture of its image.
GUEST_PLATFORM = {
    facts.constraint: str(Label("//toolchains:guest_" + facts.cpu))
    for facts in ARCHITECTURES.values()
}

# What compiles for it. Registering them is not enough: a host's own toolchain, which was registered before, fits a
# guest of its architecture, too.
GUEST_TOOLCHAINS = [str(Label("//toolchains:all"))]

_PLATFORMS = "//command_line_option:platforms"
_TOOLCHAINS = "//command_line_option:extra_toolchains"

def _guest_transition_impl(settings, attr):
    others = [toolchain for toolchain in settings[_TOOLCHAINS] if toolchain not in attr.guest_toolchains]

    # The last of them comes first.
    return {_PLATFORMS: [attr.platform], _TOOLCHAINS: others + attr.guest_toolchains}

guest_transition = transition(
    implementation = _guest_transition_impl,
    inputs = [_TOOLCHAINS],
    outputs = [_PLATFORMS, _TOOLCHAINS],
)

def _guest_program_impl(ctx):
    files = ctx.files.program
    if len(files) != 1:
        fail("program: {} is {} files; name a target that is one file".format(ctx.attr.program[0].label, len(files)))
    link = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = link, target_file = files[0])
    return [DefaultInfo(
        executable = link,
        files = depset([link]),
        runfiles = ctx.runfiles([link]).merge(ctx.attr.program[0][DefaultInfo].default_runfiles),
    )]

guest_program = rule(
    implementation = _guest_program_impl,
    doc = "A program, built for the guest.",
    attrs = {
        "guest_toolchains": attr.string_list(
            doc = "Toolchains that come before all others.",
            default = GUEST_TOOLCHAINS,
        ),
        "platform": attr.string(doc = "Label of the guest's platform.", mandatory = True),
        "program": attr.label(
            doc = "The program, which is one file.",
            mandatory = True,
            allow_files = True,
            cfg = guest_transition,
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    executable = True,
)

def guest_programs(name, programs, guest_toolchains = GUEST_TOOLCHAINS, **kwargs):
    """Makes a `guest_program`, `NAME_guest/PATH`, of each program.

    Args:
      name: name of the target whose programs these are.
      programs: dict, path in the image → label.
      guest_toolchains: list of toolchains, as for --extra_toolchains, that come before all others.
      **kwargs: attributes that every rule has.

    Returns:
      A dict, path in the image → name of the target.
    """
    targets = {}
    for path, program in programs.items():
        targets[path] = "{}_guest/{}".format(name, path)
        guest_program(
            name = targets[path],
            guest_toolchains = guest_toolchains,
            platform = select(GUEST_PLATFORM),
            program = program,
            **kwargs
        )
    return targets
