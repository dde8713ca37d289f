"""The tool of a stage, as an attribute of the stage's rule."""

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
