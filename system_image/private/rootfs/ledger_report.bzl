"""Stage rootfs: the program that tells what stands for the maintainer scripts of a set. Run by `bazel run`."""

load("@bazel_skylib//lib:shell.bzl", "shell")
load("//system_image/private/core:exec_program.bzl", "exec_program")

_program = exec_program(
    Label("//tools/sysimage/rootfs:ledger_report"),
    doc = "See the macro `ledger_program`.",
)

def ledger_program(name, lock, ledger = [], **kwargs):
    """Makes a target whose `bazel run TARGET -- --set NAME` lists coverage and drafts what is missing.

    Args:
      name: name of the target.
      lock: path of the lock, relative to the workspace.
      ledger: list of paths of further ledgers, relative to the workspace, as `rootfs` has them.
      **kwargs: attributes that every rule has.
    """
    _program(
        name = name,
        args = [_word("--lock=" + lock)] + [_word("--ledger=" + path) for path in ledger],
        tags = ["manual"],
        **kwargs
    )

def _word(text):
    # `args` are expanded like a Makefile's variables, and then split like a shell's words.
    return shell.quote(text).replace("$", "$$")
