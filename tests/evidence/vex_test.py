"""OpenVEX: what was reviewed becomes a document about packages of the image, or an error."""

import json
from pathlib import Path

import pytest

from tests.evidence import small_image
from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence import vex

STATEMENTS = """
[[statement]]
vulnerability = "CVE-2026-1234"
packages = ["bash"]
status = "not_affected"
justification = "vulnerable_code_not_in_execute_path"
impact = "nobody starts it"

[[statement]]
vulnerability = "CVE-2026-2345"
packages = ["gcc-14"]
status = "affected"
action = "take the next image"
"""


def document(text: str) -> dict:
    return vex.document(small_image.make(), text, "vex.toml", "Ann")


def test_statements_name_the_image_and_the_packages_by_purl() -> None:
    found = document(STATEMENTS)
    digest = small_image.make().image.sha256
    assert found["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert (found["author"], found["timestamp"], found["version"]) == ("Ann", "2026-11-25T02:22:31Z", 1)
    first, second = found["statements"]
    assert first["vulnerability"] == {"name": "CVE-2026-1234"}
    assert first["products"][0]["hashes"] == {"sha-256": digest}
    [part] = first["products"][0]["subcomponents"]
    assert part["@id"].startswith("pkg:deb/debian/bash@5.2-1%2Bb1?arch=amd64")
    assert (first["status"], first["justification"]) == (
        "not_affected",
        "vulnerable_code_not_in_execute_path",
    )
    assert first["impact_statement"] == "nobody starts it"
    # By its source package.
    assert second["products"][0]["subcomponents"][0]["@id"].startswith("pkg:deb/debian/libstdc%2B%2B6@")
    assert second["action_statement"] == "take the next image"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('["bash"]', '["zsh"]', "statement 1: CVE-2026-1234: the image has no package zsh"),
        ('["bash"]', "[]", "statement 1: CVE-2026-1234: names no packages"),
        ('"not_affected"', '"fine"', "the status of CVE-2026-1234 has to be one of affected, fixed"),
        ("vulnerable_code_not_in_execute_path", "because", "the justification of CVE-2026-1234"),
        ("CVE-2026-1234", "the old one", "vulnerability has to be its identifier"),
        ('action = "take the next image"', "", "statement 2: CVE-2026-2345 says affected; add action"),
        ("impact =", "reason =", "statement 1: reason is unknown; there are action, impact"),
        ("[[statement]]", "[[entry]]", "entry is unknown; there is [[statement]] alone"),
        ("[[statement]]", "[[statement", "is no TOML"),
    ],
)
def test_a_statement_that_is_wrong_is_an_error_and_says_what_to_do(old: str, new: str, message: str) -> None:
    with pytest.raises(ToolError) as error:
        document(STATEMENTS.replace(old, new))
    assert message in str(error.value)


def test_not_affected_without_a_reason_is_refused() -> None:
    text = "\n".join(
        line for line in STATEMENTS.splitlines() if not line.startswith(("justification", "impact"))
    )
    with pytest.raises(ToolError, match="CVE-2026-1234 says not_affected; add justification or impact"):
        document(text)


def test_the_command_line_writes_the_document(tmp_path: Path) -> None:
    facts = small_image.write(tmp_path, small_image.make())
    (tmp_path / "vex.toml").write_text(STATEMENTS)
    options = [
        "--statements",
        str(tmp_path / "vex.toml"),
        "--author",
        "Ann",
        "--output",
        str(tmp_path / "o.json"),
    ]
    assert vex.main(["--facts", str(facts), *options]) == 0
    assert json.loads((tmp_path / "o.json").read_bytes()) == document(STATEMENTS)
