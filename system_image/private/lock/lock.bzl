"""Stage lock: the program that writes a lock. It runs outside of build actions, by `bazel run`."""

load("@bazel_skylib//lib:shell.bzl", "shell")
load("//tools/sysimage:stage.bzl", "python_binary")

_MAIN = Label("//tools/sysimage/lock:__main__.py")

def lock_program(name, manifest, lock):
    """Makes a target whose `bazel run` locks a manifest of the workspace.

    Args:
      name: name of the target.
      manifest: path of the manifest, relative to the workspace.
      lock: path of the lock, relative to the workspace.
    """
    python_binary(
        name = name,
        srcs = [_MAIN],
        args = [_word("--manifest=" + manifest), _word("--lock=" + lock)],
        main = _MAIN,
        # `bazel build //...` need not fetch the tool's libraries.
        tags = ["manual"],
        deps = [Label("//tools/sysimage/lock:lib")],
    )

def _word(text):
    # `args` are expanded like a Makefile's variables, and then split like a shell's words.
    return shell.quote(text).replace("$", "$$")
