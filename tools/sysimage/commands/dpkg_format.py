"""Formats of `dpkg-query --show` (dpkg-query(1)): "${Package;-20}\\t${Version}\\n"."""

import re
from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.commands import dpkg_packages
from tools.sysimage.commands.dpkg_packages import DpkgError
from tools.sysimage.commands.world import World
from tools.sysimage.debian.dpkg import Package

type Parts = Sequence[tuple[str, str, int]]
"""The text of each part, the name of a field, its width."""

_PART = re.compile(r"\$\{([^}]*)\}")
_WIDTH = re.compile(r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_UNKNOWN = ("db-fsys:last-modified",)


class UnmodelledError(Exception):
    """A field that has no answer here."""


def parse(text: str) -> Parts:
    """Reads a format. Raises DpkgError as dpkg-query does."""
    if not text:
        raise DpkgError("may not be empty string")
    parts: list[tuple[str, str, int]] = []
    while text:
        match = _PART.match(text)
        if match:
            name, semicolon, width = match[1].partition(";")
            parts.append(("", name, _width(width) if semicolon else 0))
            text = text[match.end() :]
            continue
        if text.startswith("${"):
            raise DpkgError("missing closing brace")
        end = text.find("${", 1)
        plain, text = (text, "") if end < 0 else (text[:end], text[end:])
        parts.append((re.sub(r"\\(.?)", lambda m: _ESCAPES.get(m[1], m[1]), plain, flags=re.DOTALL), "", 0))
    return parts


def _width(text: str) -> int:
    match = _WIDTH.match(text)
    rest = text[match.end() :] if match else text
    if rest:
        raise DpkgError(f"invalid character '{rest[0]}' in field width")
    if match is None:
        return 0
    digits = match[2]
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    value = int(digits.removeprefix("0x").removeprefix("0X"), base)
    if value > 2**31 - 1:
        raise DpkgError("field width is out of range")
    return -value if match[1] == "-" else value


def show(parts: Parts, world: World, package: Package) -> str:
    """Writes a package in a format. Raises UnmodelledError."""
    fields = dpkg_packages.fields(world, package)
    # Names of fields are the same in upper and lower case.
    folded = {name.lower(): value for name, value in fields.items()}
    return "".join(text or _field(world, package, folded, name, width) for text, name, width in parts)


def _field(world: World, package: Package, fields: Mapping[str, str], name: str, width: int) -> str:
    value = _virtual(world, package, fields, name)
    if not width:
        return value
    padded = value.rjust(width) if width > 0 else value.ljust(-width)
    encoded = padded.encode("utf-8", "surrogateescape")[: abs(width)]
    return encoded.decode("utf-8", "surrogateescape")


def _virtual(world: World, package: Package, fields: Mapping[str, str], name: str) -> str:
    folded = name.lower()
    if folded in _VIRTUAL:
        return _VIRTUAL[folded](world, package)
    if folded in _UNKNOWN:
        raise UnmodelledError(name)
    if folded.startswith("source:"):
        return _source(package, fields).get(folded, "")
    value = fields.get(folded, "")
    if folded.startswith("triggers-"):
        return f" {value}" if value else ""
    # The lines of conffiles come after the end of the first line, which the value does not have.
    return value.removeprefix("\n") if folded == "conffiles" else value


def _source(package: Package, fields: Mapping[str, str]) -> dict[str, str]:
    name, _, version = fields.get("source", "").partition(" ")
    version = version.strip("() ") or fields.get("version", "")
    upstream = version.partition(":")[2] if ":" in version else version
    return {
        "source:package": name or package.name,
        "source:version": version,
        "source:upstream-version": upstream.rpartition("-")[0] if "-" in upstream else upstream,
    }


_VIRTUAL: Mapping[str, Callable[[World, Package], str]] = {
    "binary:package": lambda _, package: dpkg_packages.shown(package),
    "binary:synopsis": dpkg_packages.synopsis,
    "binary:summary": dpkg_packages.synopsis,
    "db:status-abbrev": dpkg_packages.abbreviation,
    "db:status-want": lambda world, package: dpkg_packages.status(world, package).split()[0],
    "db:status-eflag": lambda world, package: dpkg_packages.status(world, package).split()[1],
    "db:status-status": lambda world, package: dpkg_packages.state(world, package.name),
    "db-fsys:files": lambda world, package: "".join(
        f" {path}\n" for path in dpkg_packages.paths(world, package)
    ),
}
