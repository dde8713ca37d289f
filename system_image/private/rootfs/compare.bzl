"""Stage compare: the program that compares a root filesystem with mmdebstrap's. Run by `bazel run`."""

load("//system_image/private/core:exec_program.bzl", "exec_program")
load(":lock_program.bzl", "lock_program")

_program = exec_program(
    Label("//tools/sysimage/rootfs:compare"),
    doc = "See the macro `compare_program`.",
)

def compare_program(name, lock, ledger = [], **kwargs):
    """Makes a target whose `bazel run TARGET -- --set NAME --architecture NAME` tells what differs from mmdebstrap's.

    Args:
      name: name of the target.
      lock: path of the lock, relative to the workspace.
      ledger: list of paths of further ledgers, relative to the workspace, as `rootfs` has them.
      **kwargs: attributes that every rule has.
    """
    lock_program(_program, name = name, lock = lock, ledger = ledger, **kwargs)
