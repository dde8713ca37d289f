"""The file `control` of a package, as dpkg reads it (deb-control(5)) and writes it into its status.

What dpkg takes is taken, and written as it does; what dpkg refuses is refused, with its reason.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError

RELATIONS = (
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
)
_TEXTS = ("Installed-Size", "Origin", "Maintainer", "Bugs", "Source", "Description")
_OTHERS = (
    "Package",
    "Essential",
    "Protected",
    "Priority",
    "Section",
    "Architecture",
    "Multi-Arch",
    "Version",
)
# Of the database alone.
_STATES = ("Status", "Config-Version", "Triggers-Pending", "Triggers-Awaited")
_KNOWN = {name.lower(): name for name in (*_OTHERS, *_TEXTS, *RELATIONS, *_STATES, "Revision", "Conffiles")}
_OLD_NAMES = {
    "class": "Priority",
    "optional": "Suggests",
    "package-revision": "Revision",
    "package_revision": "Revision",
    "recommended": "Recommends",
}
_SPACES = " \t\n\v\f\r"  # isspace(3)
_PRIORITIES = ("required", "important", "standard", "optional", "extra")
_ARCHITECTURES = ("no", "same", "allowed", "foreign")  # values of Multi-Arch
_WITHOUT_ALTERNATIVES = ("Conflicts", "Breaks", "Provides", "Replaces")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
_MOST = 2**31 - 1  # the largest epoch


@dataclass(frozen=True, slots=True)
class Related:
    """One package of a relation, as dpkg understands it: `Libc6:any (2.38)` is libc6, any, "=" and 2.38."""

    name: str
    architecture: str = ""
    operator: str = ""  # <<, <=, =, >= or >>; "" without a version
    version: str = ""

    def __str__(self) -> str:
        architecture = f":{self.architecture}" if self.architecture else ""
        version = f" ({self.operator} {self.version})" if self.operator else ""
        return f"{self.name}{architecture}{version}"


def parse(text: str, where: str) -> dict[str, str]:
    """The fields by their own names, in the order of the file, values as they are written.

    Raises ToolError for what dpkg refuses; `where` is the package's file.
    """
    try:
        return _checked(_fields(text))
    except _RefusedError as error:
        raise ToolError(
            f"{where}: its control file is one that dpkg refuses ({error}); build the package again"
        ) from error


def written(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields as dpkg writes them into its status: without those that say nothing."""
    made: dict[str, str] = {}
    for name, value in fields.items():
        if name not in _KNOWN.values():
            made[name] = value
        elif name not in ("Revision", "Conffiles") and (text := _WRITERS.get(name, str)(value)):
            made[name] = text
    names = list(fields)
    if fields.get("Revision") and names.index("Revision") > names.index("Version"):
        epoch, upstream, revision = _version(fields["Version"])
        if revision:
            upstream = f"{upstream}-{revision}"
        made["Version"] = _described(epoch, upstream, fields["Revision"])
    return made


def relations(value: str, where: str, name: str = "") -> list[list[Related]]:
    """The value of a relation field: groups of alternatives, one of which has to hold.

    Raises ToolError for what dpkg refuses, in the field `name` if that is given; `where` is in the message.
    """
    try:
        return _groups(name, value)
    except _RefusedError as error:
        raise ToolError(f"{where}: dpkg refuses its relations ({error}); build the package again") from error


class _RefusedError(Exception):
    """What dpkg says."""


def _fields(text: str) -> list[tuple[str, str]]:
    """The fields of the one paragraph, as they are written."""
    found: list[tuple[str, str]] = []
    lines = text.lstrip("\n").split("\n")
    if lines[-1]:
        raise _RefusedError(f"its last line does not end: {lines[-1]!r}")
    at = 0
    while at < len(lines) and lines[at]:
        line = lines[at]
        end = next((place for place, char in enumerate(line) if char in _SPACES or char == ":"), len(line))
        name = line[:end]
        rest = line[end:].lstrip(_SPACES)
        if not name:
            raise _RefusedError(f"the name of a field is missing in {line!r}")
        if name.startswith("-"):
            raise _RefusedError(f"the name of the field {name!r} starts with a hyphen")
        if not rest.startswith(":"):
            raise _RefusedError(f"after the name of the field {name!r} there is no colon")
        value = rest[1:].lstrip(_SPACES)
        at += 1
        if not value and at == len(lines) - 1:
            raise _RefusedError(f"it ends before the value of the field {name!r}")
        while at < len(lines) and lines[at][:1] and lines[at][0] in _SPACES:
            if not lines[at].strip(_SPACES):
                raise _RefusedError(f"the field {name!r} has a blank line in its value")
            value += f"\n{lines[at]}"
            at += 1
        found.append((name, value.rstrip(_SPACES)))
    if any(lines[at:]):
        raise _RefusedError("it has several paragraphs")
    return found


def _checked(found: list[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in found:
        lower = name.lower()
        known = _OLD_NAMES.get(lower) or _KNOWN.get(lower)
        if lower in seen:
            raise _RefusedError(f"the field {name!r} is there twice")
        seen.add(lower)
        if known is None and len(name) < 2:
            raise _RefusedError(f"the name of the field {name!r} is too short")
        if known in _STATES:
            raise _RefusedError(f"the field {name!r} is of dpkg's database alone")
        own = known or name
        if own in _CHECKS:
            _CHECKS[own](own, value)
        if own in RELATIONS:
            # There may be a second one by an old name.
            fields[own] = ", ".join(filter(None, (fields.get(own), value)))
        elif value or own not in fields:
            fields[own] = value.lower() if own == "Package" else value
    for name in ("Package", "Version", "Architecture"):
        if not fields.get(name):
            raise _RefusedError(f"it has no {name}")
    if fields["Architecture"] == "all" and fields.get("Multi-Arch", "").lower() == "same":
        raise _RefusedError("the package is Multi-Arch: same, but for all architectures")
    return fields


def _package(name: str, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise _RefusedError(f"the field {name!r} has {value!r}, which is no name of a package")


def _architecture(name: str, value: str) -> None:
    if value and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", value):
        raise _RefusedError(f"the field {name!r} has {value!r}, which is no name of an architecture")


def _boolean(name: str, value: str) -> None:
    _one_of(name, value, ("yes", "no"))


def _multi_arch(name: str, value: str) -> None:
    _one_of(name, value, _ARCHITECTURES)


def _one_of(name: str, value: str, values: tuple[str, ...]) -> None:
    if value and value.lower() not in values:
        raise _RefusedError(f"the field {name!r} has {value!r}, which is none of {', '.join(values)}")


def _check_version(name: str, value: str) -> None:
    del name
    _version(value)


def _version(text: str) -> tuple[int, str, str]:
    """Epoch, upstream version and revision (deb-version(7))."""
    text = text.strip(_SPACES)
    if not text:
        raise _RefusedError("a version is empty")
    if any(char in _SPACES for char in text):
        raise _RefusedError(f"the version {text!r} has a space in it")
    number, colon, rest = text.partition(":")
    epoch = 0
    if colon:
        digits = re.fullmatch(r"([+-]?)0*([0-9]+)", number)
        # Of 20 digits without leading zeros, no number is small enough.
        epoch = int(digits[1] + digits[2][:20]) if digits else -1
        if not 0 <= epoch <= _MOST:
            raise _RefusedError(f"the epoch of the version {text[:80]!r} is no number that can be")
        text = rest
        if not rest:
            raise _RefusedError("the version has nothing after its epoch")
    upstream, hyphen, revision = text.rpartition("-") if "-" in text else (text, "", "")
    if hyphen and not revision:
        raise _RefusedError(f"the revision of the version {text!r} is empty")
    if not upstream:
        raise _RefusedError(f"the version {text!r} is empty")
    if not re.fullmatch(r"[0-9][A-Za-z0-9.+~:-]*", upstream):
        raise _RefusedError(
            f"the version {upstream!r} does not start with a digit, or has a character that none has"
        )
    if not re.fullmatch(r"[A-Za-z0-9.+~]*", revision):
        raise _RefusedError(f"the revision {revision!r} has a character that none has")
    return epoch, upstream, revision


def _described(epoch: int, upstream: str, revision: str) -> str:
    before = f"{epoch}:" if epoch or ":" in upstream else ""
    return f"{before}{upstream}{'-' if revision else ''}{revision}"


def _conffiles(name: str, value: str) -> None:
    """Checks lines of " PATH MD5", maybe with a flag behind it: dpkg reads what it then drops."""
    for line in filter(None, value.split("\n")):
        rest = line[1:]
        words = rest
        for flag in ("remove-on-upgrade", "obsolete"):
            words = words.removesuffix(f" {flag}")
        path, space, _ = words.rpartition(" ")
        if line[0] != " " or not space or not path[1:].strip("/"):
            raise _RefusedError(f"the field {name!r} has the line {line!r}, which is none of a conffile")


def _check_relation(name: str, value: str) -> None:
    _groups(name, value)


def _groups(name: str, value: str) -> list[list[Related]]:
    """The relations of a field: groups of alternatives."""
    groups: list[list[Related]] = []
    alternatives: list[Related] = []
    at = 0
    while value:
        one, at = _relation(name, value, at)
        alternatives.append(one)
        if value.startswith("|", at):
            if name in _WITHOUT_ALTERNATIVES:
                raise _RefusedError(f"the field {name!r} has alternatives")
        else:
            groups.append(alternatives)
            alternatives = []
        if at == len(value):
            break
        at = _match(_BETWEEN, value, at + 1).end()
    return groups


# As many as there are, which are never tried as fewer: a value of spaces would take for ever.
_S = rf"[{_SPACES}]*+"
_BETWEEN = re.compile(_S)
_ALTERNATIVE = re.compile(rf"([^{_SPACES}:(,|]*)(:[^{_SPACES}(,|]*)?{_S}")
_VERSIONED = re.compile(rf"\({_S}(<<|<=|>>|>=|<(?!>)|>(?!<)|=|(?![<>=])){_S}([^{_SPACES}()]*+){_S}\){_S}")
_OPERATORS = {"<": "<=", ">": ">=", "": "="}


def _relation(name: str, text: str, at: int) -> tuple[Related, int]:
    """The relation at a place of a text, and where it ends."""
    match = _match(_ALTERNATIVE, text, at)
    package, architecture, end = match[1], match[2] or "", match.end()
    if not _NAME.fullmatch(package):
        raise _RefusedError(f"the field {name!r} has {package!r}, which is no name of a package")
    if architecture and not re.fullmatch(r":[A-Za-z0-9][A-Za-z0-9-]*", architecture):
        raise _RefusedError(f"the field {name!r} has the architecture {architecture[1:]!r}")
    operator = version = ""
    if text.startswith("(", end):
        versioned = _VERSIONED.match(text, end)
        if not versioned:
            raise _RefusedError(
                f"the field {name!r} has a relation to {package} without an end: {text[end:]!r}"
            )
        operator = _OPERATORS.get(versioned[1], versioned[1])
        if name == "Provides" and operator != "=":
            raise _RefusedError(f"the field {name!r} has a version of {package} that is not exact")
        version = _described(*_version(versioned[2]))
        end = versioned.end()
    if end < len(text) and text[end] not in ",|":
        raise _RefusedError(f"the field {name!r} has {text[end:]!r} after the relation to {package}")
    return Related(package.lower(), architecture[1:], operator, version), end


def _match(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    """What a pattern that can be empty matches at a place."""
    match = pattern.match(text, at)
    assert match
    return match


def _write_version(value: str) -> str:
    return _described(*_version(value))


def _write_boolean(value: str) -> str:
    return "yes" if value.lower() == "yes" else ""


def _write_priority(value: str) -> str:
    return value.lower() if value.lower() in _PRIORITIES else value


def _write_multi_arch(value: str) -> str:
    return "" if value.lower() == "no" else value.lower()


def _write_relations(value: str) -> str:
    return ", ".join(" | ".join(map(str, group)) for group in _groups("", value))


_CHECKS: Mapping[str, Callable[[str, str], None]] = {
    "Package": _package,
    "Architecture": _architecture,
    "Essential": _boolean,
    "Protected": _boolean,
    "Multi-Arch": _multi_arch,
    "Version": _check_version,
    "Conffiles": _conffiles,
    **dict.fromkeys(RELATIONS, _check_relation),
}
_WRITERS: Mapping[str, Callable[[str], str]] = {
    "Essential": _write_boolean,
    "Protected": _write_boolean,
    "Priority": _write_priority,
    "Multi-Arch": _write_multi_arch,
    "Version": _write_version,
    **dict.fromkeys(RELATIONS, _write_relations),
}
