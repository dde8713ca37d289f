"""The tool of a stage as a program."""

load("@rules_python//python:py_binary.bzl", "py_binary")

def python_binary(name, **kwargs):
    """A `py_binary` on the Python that the tools are written for.

    Args:
      name: name of the target.
      **kwargs: attributes of `py_binary`.
    """
    py_binary(
        name = name,
        # Packages are namespace packages (PEP 420); nothing is to appear in the user's folders.
        legacy_create_init = 0,
        # The user's own default may be older.
        python_version = "3.14",
        **kwargs
    )

def stage_binary(name, deps = [":sysimage"]):
    """Makes the module `NAME.py` a program `NAME`.

    Args:
      name: the stage's name.
      deps: what it imports.
    """
    python_binary(
        name = name,
        srcs = [name + ".py"],
        main = name + ".py",
        deps = deps,
    )
