"""Tests of how apt's sources are read."""

load("@bazel_skylib//lib:unittest.bzl", "asserts", "unittest")

# buildifier: disable=bzl-visibility
load("//system_image/private/lock:mirrors.bzl", "parse_deb822", "parse_one_line", "serving")

_DEB822 = """\
# A comment that names https://comment.example/debian
Types: deb
URIs: http://one.example/debian/
 https://two.example/debian
Suites: trixie
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://disabled.example/debian
Suites: trixie

types: deb
uris: http://one.example/debian-security
suites: trixie-security
"""

_ONE_LINE = """\
# deb http://commented.example/debian trixie main
deb [arch=amd64 signed-by=/etc/apt/keyrings/a.gpg] http://three.example/debian trixie main # remark
deb-src http://source.example/debian trixie main
deb\tcdrom:[Debian]/ trixie main
deb file:///srv/mirror/debian trixie main
deb http://security.example/ trixie-security main
"""

def _deb822_impl(ctx):
    env = unittest.begin(ctx)
    sources = parse_deb822(_DEB822)
    asserts.equals(env, ["http://one.example/debian", "https://two.example/debian"], serving(sources, "debian"))
    asserts.equals(env, ["http://one.example/debian-security"], serving(sources, "debian-security"))
    return unittest.end(env)

def _one_line_impl(ctx):
    env = unittest.begin(ctx)
    sources = parse_one_line(_ONE_LINE)
    asserts.equals(env, ["http://three.example/debian", "file:///srv/mirror/debian"], serving(sources, "debian"))
    return unittest.end(env)

def _security_suite_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(env, ["http://security.example"], serving(parse_one_line(_ONE_LINE), "debian-security"))
    return unittest.end(env)

def _once_impl(ctx):
    env = unittest.begin(ctx)
    sources = parse_one_line(
        "deb http://one.example/debian trixie main\ndeb http://one.example/debian/ trixie-updates main",
    )
    asserts.equals(env, ["http://one.example/debian"], serving(sources, "debian"))
    return unittest.end(env)

deb822_test = unittest.make(_deb822_impl)
one_line_test = unittest.make(_one_line_impl)
security_suite_test = unittest.make(_security_suite_impl)
once_test = unittest.make(_once_impl)

def mirrors_test_suite(name):
    """Tests of how the host's mirrors are found.

    Args:
      name: name of the suite, and the start of its tests' names.
    """
    cases = {
        "deb822_stanzas_are_read": deb822_test,
        "each_mirror_is_tried_once": once_test,
        "one_line_sources_are_read": one_line_test,
        "security_suites_serve_debian_security": security_suite_test,
    }
    for case, test in cases.items():
        test(name = "{}_{}_test".format(name, case), size = "small")
    native.test_suite(name = name, tests = ["{}_{}_test".format(name, case) for case in cases])
