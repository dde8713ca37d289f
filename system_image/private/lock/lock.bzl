"""Stage lock: the program that writes a lock. It runs outside of build actions, by `bazel run`."""

load("@bazel_skylib//lib:shell.bzl", "shell")
load("//system_image/private/core:exec_program.bzl", "exec_program")

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
        args = [_word("--manifest=" + manifest), _word("--lock=" + lock)],
        # `bazel build //...` need not fetch the tool's libraries.
        tags = ["manual"],
        **kwargs
    )

def _word(text):
    # `args` are expanded like a Makefile's variables, and then split like a shell's words.
    return shell.quote(text).replace("$", "$$")
