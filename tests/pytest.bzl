"""pytest as Bazel tests."""

load("@rules_python//python:py_test.bzl", "py_test")

def pytest_test(name, srcs, deps = [], data = [], size = "small", args = [], **kwargs):
    """Runs pytest on test modules.

    Args:
      name: name of the target.
      srcs: the test modules, `*_test.py`.
      deps: libraries that they import.
      data: files that they read.
      size: as every test has it.
      args: arguments of pytest.
      **kwargs: attributes that every test has.
    """
    py_test(
        name = name,
        size = size,
        srcs = srcs + ["//tests:pytest_main.py"],
        args = args + ["$(rootpath {})".format(src) for src in srcs],
        data = data,
        imports = [_up()],
        main = "//tests:pytest_main.py",
        # As the tools have it.
        legacy_create_init = 0,
        python_version = "3.14",
        deps = deps + ["@pip//pytest"],
        **kwargs
    )

def _up():
    # Tests import tests.testing and tools.sysimage by their paths in the repository.
    return "/".join([".."] * len(native.package_name().split("/")))
