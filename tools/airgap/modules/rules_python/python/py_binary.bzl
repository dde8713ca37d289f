"""py_binary, as `@rules_python//python:py_binary.bzl` has it."""

load("//private:rules.bzl", _py_binary = "py_binary")

py_binary = _py_binary
