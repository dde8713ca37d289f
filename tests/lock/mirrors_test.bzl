"""Tests of how apt's sources are read."""

load("@bazel_skylib//lib:unittest.bzl", "asserts", "unittest")

# buildifier: disable=bzl-visibility
load("//system_image/private/lock:mirrors.bzl", "credentials", "parse_deb822", "parse_one_line", "serving", "without_credentials")
load(":mirrors_cases.bzl", "CASES")

_PARSERS = {"deb822": parse_deb822, "one_line": parse_one_line}

def _case_impl(ctx):
    env = unittest.begin(ctx)
    kind, text, expected = CASES[ctx.attr.case]
    for archive, mirrors in expected.items():
        asserts.equals(env, mirrors, serving(_PARSERS[kind](text), archive))
    return unittest.end(env)

case_test = unittest.make(_case_impl, attrs = {"case": attr.string(mandatory = True)})

def _credentials_impl(ctx):
    env = unittest.begin(ctx)
    for url, login, password in [
        ("http://user:p%40ss%2fw%3A@x.example/debian", "user", "p@ss/w:"),
        ("http://user:p@ss@x.example/debian", "user", "p@ss"),
        ("http://user@x.example/debian", "user", ""),
        ("http://user:100%25%zz%@x.example/debian", "user", "100%%zz%"),
    ]:
        asserts.equals(env, {"login": login, "password": password, "type": "basic"}, credentials(url))
        asserts.equals(env, "http://x.example/debian", without_credentials(url))
    asserts.equals(env, None, credentials("http://x.example/debian"))
    asserts.equals(env, "http://x.example/debian", without_credentials("http://x.example/debian"))
    return unittest.end(env)

credentials_test = unittest.make(_credentials_impl)

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
    credentials_test(
        name = name + "_credentials_test",
        size = "small",
    )
    native.test_suite(
        name = name,
        tests = [name + "_credentials_test"] + ["{}_{}_test".format(name, case) for case in CASES],
    )
