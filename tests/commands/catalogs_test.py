"""Compares the catalogs with what update-catalog and update-xmlcatalog of trixie left in a chroot."""

from tests.commands.rooted import in_memory, rooted
from tests.commands.world import run

_FILES: dict[str, str | None] = {
    "usr/share/xml-core/catalog.header": "<catalog>\n",
    "usr/share/xml-core/catalog.footer": "</catalog>\n",
    "usr/share/sgml-base/catalog.centralized": "-- for CATALOG --\n",
    "var/lib/xml-core": None,
    "var/lib/sgml-base": None,
    "etc/xml": None,
    "etc/sgml": None,
    "opt/a.xml": "x",
    "opt/c.cat": 'CATALOG "d.cat"\n -- CATALOG none --\n',
    "opt/d.cat": "x",
}
_ADD = "update-xmlcatalog --sort --add --type system --id http://x/"
_LEFT = ("etc/xml/", "etc/sgml/", "var/lib/xml-core/", "var/lib/sgml-base/", "opt/loc")


def _left(script: str) -> tuple[list[str], dict[str, str]]:
    made = rooted(_FILES)
    lines = "".join(f"{line}; echo $?\n" for line in script.split("; "))
    _, stdout, _ = run(made, b"exec 2>&1\n" + lines.encode())
    files = {path: what for path, what in in_memory(made.root.tree).items() if path.startswith(_LEFT)}
    return stdout.decode().split("\n")[:-1], files


def test_a_catalog_of_xml_would_have_other_entries_or_no_old_copy() -> None:
    said, files = _left(
        f"{_ADD} --package p --local /opt/a.xml; {_ADD} --root --package p; {_ADD} --root --package p"
    )
    assert said == ["0", "0", "0"]
    own = 'delegateSystem systemIdStartString="http://x/"'
    catalog = f'<catalog>\n<{own} catalog="file:///etc/xml/p.xml"/>\n</catalog>\n'
    assert files == {
        "etc/xml/catalog": catalog,
        "etc/xml/catalog.old": catalog,
        "etc/xml/p.xml": f'<catalog>\n<{own} catalog="file:///opt/a.xml"/>\n</catalog>\n',
        "var/lib/xml-core/catalog": f'<{own}><catalog="file:///etc/xml/p.xml">\n',
        "var/lib/xml-core/p": f'<{own}><catalog="file:///opt/a.xml">\n',
    }


def test_an_entry_of_xml_would_be_taken_that_is_refused() -> None:
    said, files = _left(
        f"{_ADD} --root --package p; {_ADD} --package p; {_ADD} --package p --local /none; {_ADD}; "
        "update-xmlcatalog --add --package p --local /opt/a.xml --type x --id y; "
        "update-xmlcatalog --del --root"
    )
    errors = (
        "package catalog /etc/xml/p.xml not found",
        "local catalog not given",
        "local catalog /none not found",
        "catalog not given",
        "wrong type",
        "root catalog /etc/xml/catalog not found",
    )
    assert said == [line for error in errors for line in (f"update-xmlcatalog: error: {error}", "1")]
    assert files == {}


def test_a_super_catalog_would_name_what_is_not_complete() -> None:
    said, files = _left(
        "update-catalog --quiet --add /etc/sgml/m.cat /opt/c.cat; "
        "update-catalog --add /etc/sgml/n.cat /opt/none.cat; update-catalog --update-super; "
        "update-catalog --quiet --remove /etc/sgml/m.cat /opt/c.cat"
    )
    assert said == [
        "0",
        "Adding entry /opt/none.cat to catalog /etc/sgml/n.cat...",
        "0",
        "Updating the super catalog...",
        "Warning ignoring catalog `/etc/sgml/n.cat' which references non-existent catalogs. "
        "See man update-catalog for details.",
        "0",
        "0",
    ]
    assert files["etc/sgml/m.cat.old"] == "-- for /etc/sgml/m.cat --\nCATALOG /opt/c.cat\n"
    assert files["etc/sgml/m.cat"] == "-- for /etc/sgml/m.cat --\n"
    assert files["var/lib/sgml-base/supercatalog"].split("\n")[3:] == ["--", "CATALOG /etc/sgml/m.cat", ""]
