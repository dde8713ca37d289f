"""Stage compile_commands: the program that writes compile_commands.json of guests' programs."""

load("//system_image/private/core:exec_program.bzl", "exec_program")

compile_commands = exec_program(
    Label("//tools/sysimage/toolchain:compile_commands"),
    doc = "Writes a compilation database of what `bazel aquery` says.",
)
