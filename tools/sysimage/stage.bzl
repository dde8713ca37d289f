"""The tool of a stage as a program."""

load("@rules_python//python:py_binary.bzl", "py_binary")

def stage_binary(name):
    """Makes the module `NAME.py` a program `NAME`.

    Args:
      name: the stage's name.
    """
    py_binary(
        name = name,
        srcs = [name + ".py"],
        main = name + ".py",
        # The user's own default may be older.
        python_version = "3.14",
        deps = [":sysimage"],
    )
