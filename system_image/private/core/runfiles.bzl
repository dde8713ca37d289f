"""Where a program finds what it needs at run time."""

def runfiles_path(ctx, file):
    """The path of a file below the runfiles.

    Args:
      ctx: the rule's context.
      file: the File.

    Returns:
      A string.
    """
    if file.short_path.startswith("../"):
        return file.short_path.removeprefix("../")
    return ctx.workspace_name + "/" + file.short_path
