"""Reads the JSON manifests in which rules tell their tools what to do, into dataclasses of their fields."""

import dataclasses
import json
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union, cast

from tools.sysimage.core import errors
from tools.sysimage.core.errors import ToolError

_SCALARS = {str: "a text", int: "a whole number", bool: "true or false"}


def read[T](kind: type[T], path: Path) -> T:
    """Reads a JSON file into the dataclass `kind`: both have the same fields.

    A field with a default may be missing. Fields are texts, whole numbers, truth values, paths, lists (as
    tuples), objects (as a dict or a dataclass), and any of these or null (None).

    Raises ToolError if the file is no JSON, or a field is unknown, missing, given twice or of another type.
    The message names the file and the field. A field "target" that `kind` does not have is the label of the
    target that the manifest is of, with which the messages of the tool begin from then on.
    """
    try:
        value = json.loads(path.read_bytes(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{path}: is no JSON ({error}); write it anew") from error
    own = {field.name for field in dataclasses.fields(cast(Any, kind))}
    if isinstance(value, dict) and "target" in value.keys() - own and isinstance(value["target"], str):
        errors.about(str(path), value.pop("target"))
    return cast(T, _value(kind, value, str(path)))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} is given twice")
    return value


def _value(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _fields(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Union:
        [other] = [argument for argument in arguments if argument is not type(None)]
        return None if value is None else _value(other, value, where)
    if origin is tuple:
        items = _typed(list, value, where, "a list")
        return tuple(_value(arguments[0], item, f"{where}[{at}]") for at, item in enumerate(items))
    if origin in (dict, Mapping):
        items = _typed(dict, value, where, "an object")
        return {name: _value(arguments[1], item, _below(where, name)) for name, item in items.items()}
    if kind is Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise ToolError(f"{where}: has to be a path; write the manifest anew")
        return Path(value)
    return _typed(kind, value, where, _SCALARS[kind])


def _fields(kind: Any, value: Any, where: str) -> Any:
    value = _typed(dict, value, where, "an object")
    known = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(value.keys() - known):
        raise ToolError(f"{where}: the field {unknown[0]!r} is unknown; there are {', '.join(sorted(known))}")
    for name, field in known.items():
        if name not in value and field.default is field.default_factory is dataclasses.MISSING:
            raise ToolError(f"{where}: the field {name!r} is missing; write the manifest anew")
    types = typing.get_type_hints(kind)
    return kind(**{name: _value(types[name], item, _below(where, name)) for name, item in value.items()})


def _typed(kind: type, value: Any, where: str, name: str) -> Any:
    # Not isinstance: true is no number.
    if type(value) is not kind:
        raise ToolError(f"{where}: has to be {name}; write the manifest anew")
    return value


def _below(where: str, name: str) -> str:
    """Where a field is: "FILE: field", and below that "FILE: field.field"."""
    return f"{where}.{name}" if ": " in where else f"{where}: {name}"
