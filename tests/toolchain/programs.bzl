"""What users compile: each program is built for the guest and runs with the sysroot's loader and libraries."""

load("@rules_cc//cc:defs.bzl", "cc_binary")
load("//toolchains:defs.bzl", "guest_test")

SANITIZERS = [
    "asan",
    "lsan",
    "tsan",
    "ubsan",
]

_PROGRAMS = {
    "assembler": dict(
        srcs = [
            "assembler.cc",
            "preprocessed.S",
        ] + select({
            "@platforms//cpu:aarch64": ["plain_aarch64.s"],
            "@platforms//cpu:x86_64": ["plain_x86_64.s"],
        }),
    ),
    "c": dict(
        srcs = ["c.c"],
        linkopts = ["-lm"],
    ),
    "cpp": dict(
        srcs = ["cpp.cc"],
        copts = ["-std=c++20"],
    ),
    "cpp_static": dict(
        srcs = ["cpp.cc"],
        copts = ["-std=c++20"],
        features = ["fully_static_link"],
    ),
    "cpp_static_pie": dict(
        srcs = ["cpp.cc"],
        copts = [
            "-fPIE",
            "-std=c++20",
        ],
        linkopts = ["-static-pie"],
    ),
    "cpp_static_runtime": dict(
        srcs = ["cpp.cc"],
        copts = ["-std=c++20"],
        features = ["static_cpp_runtime"],
    ),
    "foreign": dict(
        srcs = ["foreign.cc"],
        deps = ["@rules_cc//cc/runfiles"],
    ),
    "lto": dict(
        srcs = [
            "lto.cc",
            "lto_three.cc",
        ],
        copts = ["-O2"],
        features = ["lto"],
        linkopts = ["-O2"],
    ),
    "lto_archive": dict(
        srcs = ["lto.cc"],
        copts = ["-O2"],
        features = ["lto"],
        linkopts = ["-O2"],
        deps = [":lto_three"],
    ),
    "shared": dict(
        srcs = ["versioned_main.cc"],
        deps = [":versioned_shared"],
    ),
} | {
    sanitizer: dict(
        srcs = ["sanitized.cc"],
        features = [sanitizer],
    )
    for sanitizer in SANITIZERS
}

def programs(name):
    """Makes a program and a test of each.

    Args:
      name: name of the suite of the tests.
    """
    for program, attributes in _PROGRAMS.items():
        cc_binary(
            name = program,
            tags = ["manual"],
            target_compatible_with = ["//toolchains:guest"],
            **attributes
        )
        guest_test(
            name = program + "_test",
            args = [program] if program in SANITIZERS else [],
            binary = program,
        )
    native.test_suite(
        name = name,
        tests = [program + "_test" for program in _PROGRAMS],
    )
