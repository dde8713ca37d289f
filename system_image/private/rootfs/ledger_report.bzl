"""Stage rootfs: the program that tells what stands for the maintainer scripts of a set. Run by `bazel run`."""

load("//system_image/private/core:exec_program.bzl", "exec_program")
load(":lock_program.bzl", "lock_program")

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
    lock_program(_program, name = name, lock = lock, ledger = ledger, **kwargs)
