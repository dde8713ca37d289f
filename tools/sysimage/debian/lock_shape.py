"""Reading debian.lock.json: a merge may have damaged it, so each field is checked."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.locked import LOCK_VERSION

_HEX = re.compile("[0-9a-f]{64}")
_STAMP = re.compile("[0-9]{8}T[0-9]{6}Z")
_TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_VERSION = re.compile(r"([0-9]+:)?[0-9A-Za-z.+:~-]+")
_NAME = re.compile("[a-z0-9][a-z0-9+.-]*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_PATH = re.compile(r"(?!.*(^|/)\.\.?(/|$))[^/\s\0][^\s\0]*")

type _Check = Callable[[Any, str], None]


def read(path: Path) -> dict[str, Any]:
    """Reads a lock of our version. Raises ToolError for another file, OSError if it can't be read."""
    try:
        lock = parse(path.read_bytes())
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from error
    version = lock.get("version") if isinstance(lock, dict) else None
    if version != LOCK_VERSION:
        raise ToolError(
            f"{path}: its version is {version}, and this tool knows {LOCK_VERSION}; remove it to lock anew"
        )
    return dict(lock)


def sound(path: Path) -> dict[str, Any]:
    """Reads a lock. Raises ToolError for what is none, is damaged, or is of another version."""
    lock = read(path)
    try:
        check(lock)
    except ToolError as error:
        raise ToolError(f"{path}: {error}; restore it, or write it anew with the lock tool") from error
    return lock


def parse(data: bytes) -> Any:
    """The JSON of a lock. Raises ToolError without the file's name: "it …"."""
    lines = data.split(b"\n")
    if marks := [
        number for number, line in enumerate(lines, 1) if line.startswith((b"<<<<<<< ", b">>>>>>> "))
    ]:
        raise ToolError(
            f"it has the conflict markers of a merge (line {marks[0]}); take one side whole, with "
            "`git checkout --ours` or `--theirs` of this file, and lock anew"
        )
    try:
        return json.loads(data, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"not JSON ({error}); restore it or remove it to lock anew") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is given twice")
    return value


def check(lock: Mapping[str, Any]) -> None:
    """Raises ToolError for the first field that is missing, unknown or no value that it can have."""
    _LOCK(lock, "")
    for architecture, entries in lock["packages"].items():
        for name, entry in entries.items():
            place = f"packages.{architecture}.{name}"
            if entry["archive"] not in lock["archives"]:
                raise ToolError(f"{place}.archive is {entry['archive']!r}, which archives does not have")
            if entry["architecture"] not in (architecture, "all"):
                raise ToolError(
                    f"{place}.architecture is {entry['architecture']!r}, not {architecture} or all"
                )
    for name, entry in lock["sets"].items():
        if entry["extends"] is not None and entry["extends"] not in lock["sets"]:
            raise ToolError(f"sets.{name}.extends is {entry['extends']!r}, which sets does not have")
        for architecture, packages in entry["packages"].items():
            if len(set(packages)) < len(packages):
                raise ToolError(f"sets.{name}.packages.{architecture} has a package twice")


def _text(pattern: re.Pattern[str], what: str) -> _Check:
    def test(value: Any, where: str) -> None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ToolError(f"{where} is {_shown(value)}, which is no {what}")

    return test


def _list(item: _Check) -> _Check:
    def test(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise ToolError(f"{where} is {_shown(value)}, which is no list")
        for at, one in enumerate(value):
            item(one, f"{where}[{at}]")

    return test


def _map(key: _Check, item: _Check) -> _Check:
    def test(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ToolError(f"{where or 'all of it'} is {_shown(value)}, which is no object")
        for name, one in value.items():
            key(name, f"a name in {where}")
            item(one, f"{where}.{name}" if where else name)

    return test


def _fields(needed: Mapping[str, _Check], others: Mapping[str, _Check] | None = None) -> _Check:
    def test(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ToolError(f"{where or 'all of it'} is {_shown(value)}, which is no object")
        prefix = f"{where}." if where else ""
        for name, check_one in needed.items():
            if name not in value:
                raise ToolError(f"it has no {name!r}, or not all of it ({prefix}{name})")
            check_one(value[name], prefix + name)
        for name, one in value.items():
            if name not in needed:
                known = others or {}
                if name not in known:
                    raise ToolError(f"{prefix}{name} is unknown")
                known[name](one, prefix + name)

    return test


def _or_null(item: _Check) -> _Check:
    def test(value: Any, where: str) -> None:
        if value is not None:
            item(value, where)

    return test


def _size(value: Any, where: str) -> None:
    if type(value) is not int or not 0 < value < 1 << 40:
        raise ToolError(f"{where} is {_shown(value)}, which is no number of bytes")


def _any_text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise ToolError(f"{where} is {_shown(value)}, which is no text")


def _number(value: Any, where: str) -> None:
    if type(value) is not int:
        raise ToolError(f"{where} is {_shown(value)}, which is no number")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


_name, _word = _text(_NAME, "name of a package"), _text(_WORD, "name")
_RELEASE = _fields(
    {
        "components": _list(_word),
        "date": _text(_TIME, "time"),
        "sha256": _text(_HEX, "SHA-256"),
        "signed_by": _list(_word),
        "valid_until": _or_null(_text(_TIME, "time")),
    }
)
_PACKAGE = _fields(
    {
        "version": _text(_VERSION, "version"),
        "architecture": _word,
        "archive": _word,
        "suite": _word,
        "component": _word,
        "path": _text(_PATH, "path below an archive"),
        "size": _size,
        "sha256": _text(_HEX, "SHA-256"),
        "depends": _list(_name),
        "control": _map(_word, _any_text),
    },
    {"snapshot": _text(_STAMP, "time of a snapshot")},
)
_SET = _fields(
    {"extends": _or_null(_word), "packages": _map(_word, _list(_name))},
    {"exclude": _map(_name, _any_text), "unmet": _map(_word, _map(_name, _list(_any_text)))},
)
_LOCK = _fields(
    {
        "version": _number,
        "manifest_sha256": _text(_HEX, "SHA-256"),
        "snapshot": _text(_STAMP, "time of a snapshot"),
        "archives": _map(_word, _fields({"releases": _map(_word, _RELEASE)})),
        "packages": _map(_word, _map(_name, _PACKAGE)),
        "sets": _map(_word, _SET),
    }
)
