"""vex: an OpenVEX document from a reviewed file, checked against the packages of an image.

The file is TOML, an entry [[statement]] for each vulnerability:

    [[statement]]
    vulnerability = "CVE-2026-1234"
    packages = ["libc6"]              # names of the image, or of source packages
    status = "not_affected"           # or affected, fixed, under_investigation
    justification = "vulnerable_code_not_present"   # with not_affected
    impact = "why, in words"          # in its place, or beside it
    action = "what users do"          # with affected
"""

import argparse
import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.evidence import facts
from tools.sysimage.evidence.components import TOOL, purl
from tools.sysimage.evidence.facts import Facts

_CONTEXT = "https://openvex.dev/ns/v0.2.0"
_STATUS = ("affected", "fixed", "not_affected", "under_investigation")
_JUSTIFICATIONS = (
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
)
_FIELDS = {"action", "impact", "justification", "packages", "status", "vulnerability"}


def main(argv: Sequence[str]) -> int:
    """Command line: --facts FILE --statements FILE --author NAME --output FILE."""
    parser = argparse.ArgumentParser(prog="vex", description=__doc__)
    parser.add_argument("--facts", type=Path, required=True, help="facts of the image")
    parser.add_argument("--statements", type=Path, required=True, help="what was reviewed, TOML")
    parser.add_argument("--author", required=True, help="who says so")
    parser.add_argument("--output", type=Path, required=True, help="OpenVEX document to write")
    options = parser.parse_args(argv)
    text = options.statements.read_text("utf-8")
    value = document(facts.load(options.facts), text, str(options.statements), options.author)
    with atomic.output(options.output) as out:
        out.write(json.dumps(value, indent=1).encode() + b"\n")
    return 0


def document(found: Facts, text: str, where: str, author: str) -> dict[str, Any]:
    """The document: OpenVEX 0.2.0. Raises ToolError for a statement that is wrong, or about no package."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ToolError(f"{where}: is no TOML ({error}); correct it") from error
    if value.keys() - {"statement"}:
        raise ToolError(f"{where}: {sorted(value)[0]} is unknown; there is [[statement]] alone")
    return {
        "@context": _CONTEXT,
        "@id": f"urn:sha256:{found.image.sha256}:vex",
        "author": author,
        "timestamp": found.image.created,
        "version": 1,
        "tooling": TOOL,
        "statements": [
            _statement(found, item, f"{where}: statement {number}")
            for number, item in enumerate(value.get("statement", ()), 1)
        ],
    }


def _statement(found: Facts, item: dict[str, Any], where: str) -> dict[str, Any]:
    unknown = sorted(item.keys() - _FIELDS)
    if unknown:
        raise ToolError(f"{where}: {unknown[0]} is unknown; there are {', '.join(sorted(_FIELDS))}")
    name, status = item.get("vulnerability", ""), item.get("status", "")
    if not isinstance(name, str) or not re.fullmatch(r"(CVE-\d{4}-\d{4,}|[A-Z]{2,}[A-Z0-9]*-\S+)", name):
        raise ToolError(f"{where}: vulnerability has to be its identifier, such as CVE-2026-1234")
    if status not in _STATUS:
        raise ToolError(f"{where}: the status of {name} has to be one of {', '.join(_STATUS)}")
    justification = item.get("justification", "")
    if justification and justification not in _JUSTIFICATIONS:
        raise ToolError(f"{where}: the justification of {name} has to be one of {', '.join(_JUSTIFICATIONS)}")
    if status == "not_affected" and not justification and not item.get("impact"):
        raise ToolError(f"{where}: {name} says not_affected; add justification or impact")
    if status == "affected" and not item.get("action"):
        raise ToolError(f"{where}: {name} says affected; add action: what users do")
    parts = _packages(found, item.get("packages", ()), f"{where}: {name}")
    made: dict[str, Any] = {
        "vulnerability": {"name": name},
        "products": [
            {
                "@id": f"urn:sha256:{found.image.sha256}",
                "hashes": {"sha-256": found.image.sha256},
                "subcomponents": [{"@id": part} for part in parts],
            }
        ],
        "status": status,
    }
    for field, value in (
        ("justification", justification),
        ("impact_statement", item.get("impact")),
        ("action_statement", item.get("action")),
    ):
        if value:
            made[field] = value
    return made


def _packages(found: Facts, names: Sequence[str], where: str) -> list[str]:
    if not names:
        raise ToolError(f"{where}: names no packages; add them")
    parts = []
    for name in names:
        matching = [one for one in found.packages if name in (one.name, one.source)]
        if not matching:
            raise ToolError(f"{where}: the image has no package {name}; remove it: there is nothing to say")
        parts += [purl(one, found.image.codename) for one in matching]
    return list(dict.fromkeys(parts))


if __name__ == "__main__":
    run(main)
