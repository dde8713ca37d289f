"""What .debs say of themselves: licences without a guess, fixes, documentation that is another's."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from tests.testing.debs import Deb, Link
from tools.sysimage.evidence import package_facts
from tools.sysimage.evidence.copyright import licence

HOST = "www.debian.org"  # of the name of a format
FORMAT = f"Format: https://{HOST}/doc/packaging-manuals/copyright-format/1.0/\n"
CHANGELOG = """\
app (1.2-3) trixie-security; urgency=high

  * Fix CVE-2026-1111 and CVE-2026-2222; CVE-2026-1111 was worse.

 -- Ann <ann@example.org>  Mon, 02 Nov 2026 10:00:00 +0000

app (1.2-2) unstable; urgency=medium

  * Nothing of note.

 -- Ann <ann@example.org>  Mon, 02 Nov 2025 10:00:00 +0000
"""


def files(*licences: str) -> str:
    return FORMAT + "".join(f"\nFiles: x{at}\nLicense: {name}\n text\n" for at, name in enumerate(licences))


@pytest.mark.parametrize(
    "names, expression",
    [
        (["GPL-2+"], "GPL-2.0-or-later"),
        (["GPL-2"], "GPL-2.0-only"),
        (["Expat", "GPL-2+", "Expat"], "GPL-2.0-or-later AND MIT"),
        (["GPL-2+ or Artistic"], "(GPL-2.0-or-later OR Artistic-1.0-Perl)"),
        (["GPL-2+ and Expat"], "GPL-2.0-or-later AND MIT"),
        (
            ["GPL-1+ or Artistic, and BSD-3-clause"],
            "(GPL-1.0-or-later OR Artistic-1.0-Perl) AND BSD-3-Clause",
        ),
        (["GPL-2 or Expat and ISC"], "(GPL-2.0-only OR (MIT AND ISC))"),
        (["public-domain"], "LicenseRef-public-domain"),
        (["GPL-3+ with Bison exception"], "LicenseRef-GPL-3-or-later-with-Bison-exception"),
    ],
)
def test_short_names_become_spdx_and_unknown_ones_references(names: list[str], expression: str) -> None:
    assert " AND ".join(sorted(licence(files(*names)).split(" AND "))) == " AND ".join(
        sorted(expression.split(" AND "))
    )


@pytest.mark.parametrize(
    "text", ["", "This is free software: GPL-2+.\n", "License: GPL-2+\n\nFiles: *\nLicense: MIT\n"]
)
def test_a_copyright_file_in_free_text_gives_no_guess(text: str) -> None:
    assert licence(text) == ""


def test_versions_that_name_cves_or_are_for_a_security_suite_are_fixes() -> None:
    [fix] = package_facts.security(CHANGELOG)
    assert (fix.version, fix.suite, fix.cves) == (
        "1.2-3",
        "trixie-security",
        ("CVE-2026-1111", "CVE-2026-2222"),
    )


def test_what_is_linked_into_a_package_is_read_from_both_fields_once() -> None:
    fields = {
        "Built-Using": "golang-1.24 (= 1.24.4-1), glibc (= 2.41-12)",
        "Static-Built-Using": "golang-1.24 (= 1.24.4-1),\n rust-x (= 1:2~rc1+ds-3)",
    }
    assert package_facts.built_using(fields) == (
        "glibc 2.41-12",
        "golang-1.24 1.24.4-1",
        "rust-x 1:2~rc1+ds-3",
    )


def test_a_package_whose_documentation_is_another_s_has_that_one_s_licence(tmp_path: Path) -> None:
    debs = [
        Deb(
            "app",
            {
                "usr/bin/app": "x" * 5000,
                "usr/share/doc/app/changelog.Debian.gz": gzip.compress(CHANGELOG.encode(), mtime=0),
                "usr/share/doc/app/copyright": files("ISC"),
            },
            {"Maintainer": "Ann <ann@example.org>", "Description": "short\n long", "Section": "utils"},
        ),
        Deb("app-data", {"usr/share/doc/app-data": Link("app"), "usr/share/app": "x"}),
        Deb("none", {"usr/share/none": "x"}),
    ]
    packages = []
    for deb in debs:
        path = deb.write(tmp_path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        packages.append({"deb": str(path), "name": deb.name, "version": deb.version, "sha256": sha256})
    (tmp_path / "manifest").write_text(json.dumps({"packages": packages}))
    output = tmp_path / "out.json"
    assert package_facts.main(["--manifest", str(tmp_path / "manifest"), "--output", str(output)]) == 0
    found = {item["name"]: item for item in json.loads(output.read_bytes()).values()}
    assert [found[name]["licence"] for name in ("app", "app-data", "none")] == ["ISC", "ISC", ""]
    assert found["app"]["description"] == "short"
    assert found["app"]["security"][0]["cves"] == ["CVE-2026-1111", "CVE-2026-2222"]
    assert found["app"]["sha256"] == packages[0]["sha256"]
