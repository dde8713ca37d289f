"""Tests of how apt's sources are read."""

load("@bazel_skylib//lib:unittest.bzl", "asserts", "unittest")

# buildifier: disable=bzl-visibility
load("//system_image/private/lock:mirrors.bzl", "parse_deb822", "parse_one_line", "serving")
load(":mirrors_cases.bzl", "CASES")

_PARSERS = {"deb822": parse_deb822, "one_line": parse_one_line}

def _case_impl(ctx):
    env = unittest.begin(ctx)
    kind, text, expected = CASES[ctx.attr.case]
    for archive, mirrors in expected.items():
        asserts.equals(env, mirrors, serving(_PARSERS[kind](text), archive))
    return unittest.end(env)

case_test = unittest.make(_case_impl, attrs = {"case": attr.string(mandatory = True)})

def mirrors_test_suite(name):
    """Tests of how the host's mirrors are found.

    Args:
      name: name of the suite, and the start of its tests' names.
    """
    for case in CASES:
        case_test(
            name = "{}_{}_test".format(name, case),
            size = "small",
            case = case,
        )
    native.test_suite(name = name, tests = ["{}_{}_test".format(name, case) for case in CASES])
