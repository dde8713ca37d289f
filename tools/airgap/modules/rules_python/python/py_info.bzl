"""PyInfo, as `@rules_python//python:py_info.bzl` has it."""

load("//private:rules.bzl", _PyInfo = "PyInfo")

PyInfo = _PyInfo
