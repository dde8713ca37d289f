"""apt's sources, and the mirrors that they name: what both readers have to say.

The rules read them in mirrors.bzl, the tools in mirrors.py. Starlark loads this file, Python evaluates its literals.
"""

# Name of the case → the format of the text, the text, and of each archive its mirrors, in order.
CASES = {
    "an_archive_is_the_last_segment_of_the_path": (
        "one_line",
        "deb http://a.example/mirrors/debian trixie main\ndeb http://d.example/other trixie main\n",
        {"debian": ["http://a.example/mirrors/debian"], "debian-security": []},
    ),
    "deb822_fields_go_on_and_have_any_case": (
        "deb822",
        """# a comment that names https://comment.example/debian
Types: deb deb-src
# in between
uris: http://a.example/debian/
 https://b.example/debian
SUITES: trixie trixie-updates
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 URIs: http://key.example/debian
""",
        {"debian": ["http://a.example/debian", "https://b.example/debian"], "debian-security": []},
    ),
    "deb822_stanzas_that_are_off_or_of_sources_are_left_out": (
        "deb822",
        """Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: trixie

Types: deb-src
URIs: http://source.example/debian
Suites: trixie

Types: deb
URIs: http://c.example/debian-security
Suites: trixie-security
""",
        {"debian": [], "debian-security": ["http://c.example/debian-security"]},
    ),
    "each_mirror_is_named_once": (
        "one_line",
        "deb http://one.example/debian trixie main\ndeb http://one.example/debian/ trixie-updates main\n",
        {"debian": ["http://one.example/debian"], "debian-security": []},
    ),
    "one_line_sources_have_options_remarks_and_tabs": (
        "one_line",
        """# deb http://commented.example/debian trixie main
deb [arch=amd64 signed-by=/etc/apt/keyrings/a.gpg] http://three.example/debian trixie main # remark
deb-src http://source.example/debian trixie main
deb\tcdrom:[Debian]/ trixie main
\tdeb\thttp://c.example/debian\ttrixie\tmain
deb file:///srv/mirror/debian trixie main
deb http://incomplete.example/debian
""",
        {
            "debian": ["http://three.example/debian", "http://c.example/debian", "file:///srv/mirror/debian"],
            "debian-security": [],
        },
    ),
    "security_suites_serve_debian_security": (
        "one_line",
        "deb http://security.example/ trixie-security main\ndeb http://old.example/ bullseye/updates main\n",
        {"debian": [], "debian-security": ["http://security.example", "http://old.example"]},
    ),
}
