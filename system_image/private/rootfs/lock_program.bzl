"""Programs for `bazel run` that read a lock and ledgers in the workspace."""

load("//system_image/private/core:exec_program.bzl", "argument")

def lock_program(program, *, name, lock, ledger, **kwargs):
    """Makes a target of such a program.

    Args:
      program: a rule, of `exec_program`.
      name: name of the target.
      lock: path of the lock, relative to the workspace.
      ledger: list of paths of further ledgers, relative to the workspace, as `rootfs` has them.
      **kwargs: attributes that every rule has.
    """
    program(
        name = name,
        args = [argument("--lock=" + lock)] + [argument("--ledger=" + path) for path in ledger],
        tags = ["manual"],
        **kwargs
    )
