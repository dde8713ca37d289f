"""The text of a ledger, checked where it is read: every entry, every key, every parameter of an effect."""

import inspect
import re
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import canonical
from tools.sysimage.effects.registry import EFFECTS

# The scripts that dpkg runs when a package is installed; "config" is started by debconf, from the postinst.
SCRIPTS = ("preinst", "postinst")

_SHA256 = re.compile("[0-9a-f]{64}")
_NAME = re.compile("[a-z0-9][a-z0-9+.-]*")
_DRAFT = "…"
_PATHS = frozenset({"path", "to", "source", "link", "when"})  # parameters that are paths in the image
_KINDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list of texts"}


@dataclass(frozen=True, slots=True)
class Call:
    """An effect with its parameters."""

    effect: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScriptText:
    """An entry [[script]]."""

    package: str
    script: str
    sha256: tuple[str, ...]
    calls: Sequence[Call]
    reason: str  # why nothing has to stand for it; "" if something does


@dataclass(frozen=True, slots=True)
class CommandText:
    """An entry [[command]]."""

    package: str
    command: str
    status: int
    output: str
    calls: Sequence[Call]
    reason: str


def read(data: bytes, where: str) -> tuple[list[ScriptText], list[CommandText]]:
    """The entries of a ledger. Raises ToolError, which names `where`, the entry and its key."""
    try:
        values = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise ToolError(f"{where}: byte {error.start} is not UTF-8, which TOML is written in") from error
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ToolError(f"{where}: not TOML ({error}); correct it") from error
    if unknown := sorted(values.keys() - {"script", "command"}):
        raise ToolError(
            f"{where}: [[{unknown[0]}]] is no kind of entry; there are [[script]] and [[command]]"
        )
    scripts = [_script(entry, where) for entry in _entries(values, "script", where)]
    return scripts, [_command(entry, where) for entry in _entries(values, "command", where)]


def _entries(values: Mapping[str, Any], kind: str, where: str) -> list[dict[str, Any]]:
    found = values.get(kind, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ToolError(f"{where}: {kind} must be a list of tables; head each entry with [[{kind}]]")
    return found


def _script(entry: Mapping[str, Any], where: str) -> ScriptText:
    name = f"{where}: {entry.get('package')} {entry.get('script')}"
    unknown = sorted(set(entry) - {"package", "script", "sha256", "effects", "ignore"})
    if unknown or ("effects" in entry) == ("ignore" in entry) or not entry.get("sha256"):
        raise ToolError(f"{name}: an entry has package, script, sha256 and either effects or ignore")
    package, script = _text(entry, "package", name), _text(entry, "script", name)
    if not _NAME.fullmatch(package):
        raise ToolError(f"{name}: package is {package!r}, which no package can be called; correct it")
    if script not in SCRIPTS:
        raise ToolError(f"{name}: script is {script!r}; an entry is about {' or '.join(SCRIPTS)}")
    sha256 = entry["sha256"]
    if not isinstance(sha256, list) or not all(
        isinstance(item, str) and _SHA256.fullmatch(item) for item in sha256
    ):
        raise ToolError(f'{name}: sha256 must be a list of digests of 64 digits, as in ["0123abcd…"]')
    reason = _text(entry, "ignore", name) if "ignore" in entry else ""
    if reason.startswith(_DRAFT):
        raise ToolError(f"{name}: ignore is still the draft's; say why nothing has to stand for it")
    return ScriptText(package, script, tuple(sha256), _calls(entry, name), reason)


def _command(entry: Mapping[str, Any], where: str) -> CommandText:
    name = f"{where}: command {entry.get('command')!r}"
    known = {"package", "command", "status", "output", "effects", "reason"}
    if set(entry) - known or not entry.get("command") or not entry.get("reason"):
        raise ToolError(
            f"{name}: an entry has command and reason, and may have package, status, output and effects"
        )
    reason = _text(entry, "reason", name)
    if reason.startswith(_DRAFT):
        raise ToolError(f"{name}: reason is still the draft's; say what the command does")
    status, output = entry.get("status", 0), entry.get("output", "")
    if type(status) is not int or not isinstance(output, str):
        raise ToolError(f"{name}: status is a number and output a text")
    if not 0 <= status <= 255:
        raise ToolError(f"{name}: status is {status}; a program's is 0 to 255")
    package = _text(entry, "package", name) if "package" in entry else ""
    return CommandText(package, _text(entry, "command", name), status, output, _calls(entry, name), reason)


def _text(entry: Mapping[str, Any], key: str, name: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise ToolError(f"{name}: {key} is {value!r}; it must be a text that is not empty")
    return value


def _calls(entry: Mapping[str, Any], name: str) -> list[Call]:
    effects = entry.get("effects", [])
    if not isinstance(effects, list) or not all(isinstance(effect, dict) for effect in effects):
        raise ToolError(f'{name}: effects must be a list of tables, as in [{{ do = "mkdir", path = "x" }}]')
    return [_call(effect, name) for effect in effects]


def _call(effect: Mapping[str, Any], name: str) -> Call:
    parameters = dict(effect)
    do = parameters.pop("do", "")
    if not isinstance(do, str) or do not in EFFECTS:
        raise ToolError(f"{name}: there is no effect {do!r}; known are {', '.join(sorted(EFFECTS))}")
    _check_parameters(do, parameters, f"{name}: {do}")
    return Call(do, parameters)


def _check_parameters(do: str, parameters: Mapping[str, Any], name: str) -> None:
    function = EFFECTS[do].function
    known = {
        key: parameter
        for key, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    types_of = typing.get_type_hints(function) | {"when": str}
    for key, value in parameters.items():
        if key not in known and key != "when":
            raise ToolError(f"{name} has no parameter {key!r}; it has {', '.join([*sorted(known), 'when'])}")
        _check_value(key, value, types_of[key], name)
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in parameters:
            raise ToolError(f"{name} needs the parameter {key!r}; add it")


def _check_value(key: str, value: Any, wanted: Any, name: str) -> None:
    kinds = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    kind = next(kind for kind in kinds if kind is not type(None))
    kind = typing.get_origin(kind) or kind
    # Not isinstance: true is no number.
    fits = type(value) is kind and (kind is not list or all(isinstance(item, str) for item in value))
    if key == "mode":
        if not fits or not 0 <= value <= 0o7777:
            raise ToolError(f"{name}: mode is {value!r}; write an octal number of TOML, such as 0o755")
    elif not fits:
        raise ToolError(f"{name}: {key} is {value!r}; it must be {_KINDS[kind]}")
    elif key in _PATHS and (path := canonical(value.lstrip("/"), f"{name}: {key}")) != value:
        raise ToolError(f"{name}: {key} is {value!r}; write it as {path!r}, relative to the image's root")
