"""The tool of a stage: as an attribute of the stage's rule, and how its messages begin."""

# Where the actions of a rule run, whose tools start Debian's programs: `exec_compatible_with` of every rule that has
# actions. On a farm of many systems they go to a Linux machine; which of Debian's architectures it is, the programs in
# the execution configuration tell.
EXECUTION = ["@platforms//os:linux"]

def tool_attr(label):
    """A tool that an action, or a program of ours, starts: the execution platform's.

    Args:
      label: Label of the tool.

    Returns:
      An attribute.
    """
    return attr.label(
        default = label,
        cfg = "exec",
        executable = True,
    )

def target_args(ctx):
    """The first arguments of a tool that reads no manifest: the target with whose label its messages begin.

    Args:
      ctx: the rule's context.

    Returns:
      An Args.
    """
    args = ctx.actions.args()
    args.add("--target", str(ctx.label).removeprefix("@@"))
    return args
