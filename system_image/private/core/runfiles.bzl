"""Programs that are started from their runfiles, and where they find what they need."""

# What a test or another script starts it with is in its own runfiles.
_LAUNCHER = """\
#!/bin/sh
runfiles=$0.runfiles
[ -d "$runfiles" ] || runfiles=$RUNFILES_DIR
export RUNFILES_DIR="$runfiles"
exec "$runfiles/{program}" {arguments}"$@"
"""

def tool_launcher(ctx, arguments = ""):
    """Writes the executable of a rule that starts a tool of ours, on the machine that builds.

    Args:
      ctx: the context of a rule with the tool as its attribute `_program`.
      arguments: string, for the shell, of what comes before the user's own arguments; `$runfiles` is their folder.

    Returns:
      The File. The tool has to be among the runfiles.
    """
    launcher = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(
        launcher,
        _LAUNCHER.format(
            arguments = arguments + " " if arguments else "",
            program = runfiles_path(ctx, ctx.executable._program),
        ),
        is_executable = True,
    )
    return launcher

def runfiles_argv(ctx, program):
    """How a locked program among the runfiles is started; the tool puts their folder for "{runfiles}" in its words.

    Args:
      ctx: the rule's context.
      program: a LockedProgramInfo.

    Returns:
      A list of strings.
    """
    folder = "{runfiles}/" + runfiles_path(ctx, program.folder)
    return [word.replace(program.folder.path, folder) for word in program.argv]

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
