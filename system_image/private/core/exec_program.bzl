"""Programs and tests of the macros: tools of ours that run on the machine that builds, whatever platform it is for."""

load("@bazel_skylib//lib:shell.bzl", "shell")
load(":runfiles.bzl", "tool_launcher")
load(":tool.bzl", "EXECUTION", "tool_attr")

def _exec_program_impl(ctx):
    runfiles = ctx.runfiles(ctx.files.data + ctx.files.tools).merge_all([
        target[DefaultInfo].default_runfiles
        for target in ctx.attr.data + ctx.attr.tools + [ctx.attr._program]
    ])
    return [DefaultInfo(executable = tool_launcher(ctx), runfiles = runfiles)]

def exec_program(program, doc, test = False):
    """Makes a rule for `bazel run`, or for `bazel test`, of a tool of ours.

    `args` and `data` of its targets are what they are for py_binary and py_test. The tool, the Python that it runs on, and
    what is in `tools` are the execution platform's; what is in `data` is the target platform's.

    Args:
      program: Label of the tool.
      doc: the rule's documentation.
      test: whether it is a test.

    Returns:
      A rule.
    """
    return rule(
        implementation = _exec_program_impl,
        exec_compatible_with = EXECUTION,
        doc = doc,
        attrs = {
            "data": attr.label_list(doc = "What `args` name.", allow_files = True),
            "tools": attr.label_list(
                doc = "What `args` name, and the tool starts: the execution platform's.",
                allow_files = True,
                cfg = "exec",
            ),
            "_program": tool_attr(program),
        },
        executable = True,
        test = test,
        # Without it, Bazel 9 runs a test where the target platform's programs run.
        exec_groups = {"test": exec_group(exec_compatible_with = EXECUTION)} if test else {},
    )

def argument(text):
    """A word of `args`, which are expanded like a Makefile's variables and then split like a shell's words.

    Args:
      text: string, as the tool is to get it.

    Returns:
      A string.
    """
    return shell.quote(text).replace("$", "$$")

def attributes_of_parts(kwargs):
    """What of the attributes that every rule has goes to the parts of a macro's target.

    Args:
      kwargs: dict of the attributes that the macro was given.

    Returns:
      A dict.
    """
    return {key: value for key, value in kwargs.items() if key in ("testonly", "visibility", "target_compatible_with")}
