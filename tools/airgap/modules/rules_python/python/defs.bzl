"""The rules, as `@rules_python//python:defs.bzl` has them."""

load("//private:rules.bzl", _PyInfo = "PyInfo", _py_binary = "py_binary", _py_library = "py_library", _py_test = "py_test")

PyInfo = _PyInfo
py_binary = _py_binary
py_library = _py_library
py_test = _py_test
