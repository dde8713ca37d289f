"""Programs of the guest: built for it, whatever platform the command line names."""

# The platform of a guest, by the architecture of its image.
GUEST_PLATFORM = {
    "@platforms//cpu:aarch64": str(Label("//toolchains:guest_aarch64")),
    "@platforms//cpu:x86_64": str(Label("//toolchains:guest_x86_64")),
}

_guest_transition = transition(
    implementation = lambda _settings, attr: {"//command_line_option:platforms": [attr.platform]},
    inputs = [],
    outputs = ["//command_line_option:platforms"],
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
        "platform": attr.string(doc = "Label of the guest's platform.", mandatory = True),
        "program": attr.label(
            doc = "The program, which is one file.",
            mandatory = True,
            allow_files = True,
            cfg = _guest_transition,
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    executable = True,
)

def guest_programs(name, programs, **kwargs):
    """Makes a `guest_program`, `NAME_guest/PATH`, of each program.

    Args:
      name: name of the target whose programs these are.
      programs: dict, path in the image → label.
      **kwargs: attributes that every rule has.

    Returns:
      A dict, path in the image → name of the target.
    """
    targets = {}
    for path, program in programs.items():
        targets[path] = "{}_guest/{}".format(name, path)
        guest_program(
            name = targets[path],
            platform = select(GUEST_PLATFORM),
            program = program,
            **kwargs
        )
    return targets
