"""The modules of the tools as libraries, and the tool of a stage as a program."""

load("@rules_python//python:py_binary.bzl", "py_binary")
load("@rules_python//python:py_library.bzl", "py_library")

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

def phase_library(name, srcs, deps = [], **kwargs):
    """Modules of a phase, which others import by their path in the repository.

    Args:
      name: name of the target.
      srcs: the modules.
      deps: what they import.
      **kwargs: attributes of `py_library`.
    """
    py_library(
        name = name,
        srcs = srcs if "__init__.py" in srcs else ["__init__.py"] + srcs,
        imports = ["../../.."],
        deps = ["//tools/sysimage:package"] + deps,
        **kwargs
    )

def stage_binary(name, deps, **kwargs):
    """Makes the module `NAME.py` a program `NAME`, and a library `NAME_lib` for its tests.

    Args:
      name: the stage's name.
      deps: what it imports, and nothing else: the stage runs again when one of these changes.
      **kwargs: attributes that every rule has.
    """
    phase_library(
        name = name + "_lib",
        srcs = [name + ".py"],
        deps = deps,
        **kwargs
    )
    python_binary(
        name = name,
        srcs = [name + ".py"],
        main = name + ".py",
        deps = [":" + name + "_lib"],
        **kwargs
    )
