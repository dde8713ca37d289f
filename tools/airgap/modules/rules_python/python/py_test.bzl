"""py_test, as `@rules_python//python:py_test.bzl` has it."""

load("//private:rules.bzl", _py_test = "py_test")

py_test = _py_test
