"""Tests of what boots: images that must not pass boot_test, and `bazel run`."""

load("@rules_python//python:py_test.bzl", "py_test")
load("//system_image:defs.bzl", "boot_test")

def boot_failure_test(name, message, args = [], **kwargs):
    """Boots an image as boot_test does; passes if that fails in time, with a message.

    Args:
      name: name of the target.
      message: regular expression that the message has to match.
      args: list of options of failure_test.py, which make a good image a bad one.
      **kwargs: attributes of boot_test, `image` or `disk` among them.
    """
    boot_test(
        name = name + "_subject",
        status = 0,
        tags = ["manual"],
        **kwargs
    )
    py_test(
        name = name,
        size = "medium",
        srcs = ["failure_test.py"],
        args = ["--vm", "$(rootpath {}_subject_machine)".format(name), "--message", "'{}'".format(message.replace("$", "$$"))] + args,
        data = [name + "_subject_machine"],
        legacy_create_init = 0,
        main = "failure_test.py",
        python_version = "3.14",
        tags = ["cpu:2"],
        deps = ["//tools/sysimage"],
    )

def boot_run_test(name, vm, args, data = [], tags = []):
    """Runs a machine as `bazel run` does.

    Args:
      name: name of the target.
      vm: label of a `system_image_vm`.
      args: list of options of run_test.py.
      data: list of labels of files that they name.
      tags: list of tags.
    """
    py_test(
        name = name,
        size = "medium",
        srcs = ["run_test.py"],
        args = ["--program", "$(rootpath {})".format(vm), "--vm", "$(rootpath {}_machine)".format(vm)] + args,
        data = data + [vm, vm + "_machine"],
        legacy_create_init = 0,
        main = "run_test.py",
        python_version = "3.14",
        tags = ["cpu:2"] + tags,
    )
