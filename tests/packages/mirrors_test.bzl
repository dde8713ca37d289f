"""Tests of how apt's sources are read."""

load("@bazel_skylib//lib:unittest.bzl", "asserts", "unittest")

# buildifier: disable=bzl-visibility
load("//system_image/private:mirrors.bzl", "apt_mirrors")

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
"""

def _deb822_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(
        env,
        [
            "http://one.example/debian",
            "https://two.example/debian",
            "http://one.example/debian-security",
        ],
        apt_mirrors([("debian.sources", _DEB822)]),
    )
    return unittest.end(env)

def _one_line_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(
        env,
        ["http://three.example/debian", "file:///srv/mirror/debian"],
        apt_mirrors([("sources.list", _ONE_LINE)]),
    )
    return unittest.end(env)

def _once_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(
        env,
        ["http://one.example/debian"],
        apt_mirrors([
            ("a.list", "deb http://one.example/debian trixie main"),
            ("b.list", "deb http://one.example/debian/ trixie-updates main"),
        ]),
    )
    return unittest.end(env)

_deb822_test = unittest.make(_deb822_impl)
_one_line_test = unittest.make(_one_line_impl)
_once_test = unittest.make(_once_impl)

def mirrors_test_suite(name):
    """Tests of `apt_mirrors`.

    Args:
      name: name of the suite.
    """
    unittest.suite(
        name,
        _deb822_test,
        _one_line_test,
        _once_test,
    )
