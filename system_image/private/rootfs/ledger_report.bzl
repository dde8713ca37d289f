"""Stage rootfs: the program that tells what stands for the maintainer scripts of a set. Run by `bazel run`."""

load("@bazel_skylib//lib:shell.bzl", "shell")
load("//tools/sysimage:stage.bzl", "python_binary")

_MAIN = Label("//tools/sysimage:ledger.py")

def ledger_program(name, lock, ledger = []):
    """Makes a target whose `bazel run TARGET -- --set NAME` lists coverage and drafts what is missing.

    Args:
      name: name of the target.
      lock: path of the lock, relative to the workspace.
      ledger: list of paths of further ledgers, relative to the workspace, as `rootfs` has them.
    """
    python_binary(
        name = name,
        srcs = [_MAIN],
        args = [_word("--lock=" + lock)] + [_word("--ledger=" + path) for path in ledger],
        main = _MAIN,
        tags = ["manual"],
        deps = [Label("//tools/sysimage:programs")],
    )

def _word(text):
    # `args` are expanded like a Makefile's variables, and then split like a shell's words.
    return shell.quote(text).replace("$", "$$")
