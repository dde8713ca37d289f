"""py_library, as `@rules_python//python:py_library.bzl` has it."""

load("//private:rules.bzl", _py_library = "py_library")

py_library = _py_library
