"""Stage lock: the program that writes a lock. It runs outside of build actions, by `bazel run`."""

load("//system_image/private/core:exec_program.bzl", "argument", "exec_program")

_program = exec_program(
    Label("//tools/sysimage/lock:lock"),
    doc = "See the macro `lock_program`.",
)

def lock_program(name, manifest, lock, **kwargs):
    """Makes a target whose `bazel run` locks a manifest of the workspace.

    Args:
      name: name of the target.
      manifest: path of the manifest, relative to the workspace.
      lock: path of the lock, relative to the workspace.
      **kwargs: attributes that every rule has.
    """
    _program(
        name = name,
        args = [argument("--manifest=" + manifest), argument("--lock=" + lock)],
        # `bazel build //...` need not fetch the tool's libraries.
        tags = ["manual"],
        **kwargs
    )
