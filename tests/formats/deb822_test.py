"""deb822: a field that is read wrongly is another package, another version or another mirror."""

import pytest

from tools.sysimage.formats import deb822


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", {}),
        ("Package: a\nVersion:1:2-3\n", {"Package": "a", "Version": "1:2-3"}),
        ("Types : deb \t\n", {"Types": "deb"}),
        ("Empty:\nNext: x", {"Empty": "", "Next": "x"}),
        (
            "Description: short\n long: text\n .\n\tmore",
            {"Description": "short\n long: text\n .\n\tmore"},
        ),
        ("Conffiles:\n /etc/a 00\n /etc/b 11\n", {"Conffiles": "\n /etc/a 00\n /etc/b 11"}),
        ("Maintainer: a\x85b\n", {"Maintainer": "a\x85b"}),
        ("Suites: trixie\r\nEnabled: no\r\n", {"Suites": "trixie", "Enabled": "no"}),
        ("no field\n: none\n", {}),
    ],
)
def test_fields_are_read_as_they_are_written(text: str, fields: dict[str, str]) -> None:
    assert {
        name: value for name, value in deb822.fields(text).items() if name in fields or not fields
    } == fields


@pytest.mark.parametrize("blank", ["\n\n", "\n\n\n", "\n \t\n", "\r\n\r\n"])
def test_a_blank_line_ends_a_paragraph(blank: str) -> None:
    assert list(deb822.paragraphs(f"\nA: 1{blank}A: 2\n\n")) == [{"A": "1"}, {"A": "2"}]


def test_comments_are_no_part_of_a_value() -> None:
    text = "# A: 0\nA: 1\n# between\n 2\n#\nB: # 3\n"
    assert list(deb822.paragraphs(text)) == [{"A": "1\n 2", "B": "# 3"}]
