"""update-binfmts(8): the records of interpreters that the kernel is told of when the guest starts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from tools.sysimage.commands.call import Call, Command

_FORMATS = "/usr/share/binfmts"
_RECORDS = "/var/lib/binfmts"


@dataclass(slots=True)
class _Format:
    """A binary format, in the order in which a record has its lines."""

    package: str = ""
    kind: str = ""
    offset: str = "0"
    magic: str = ""  # or the extension of a file's name
    mask: str = ""
    interpreter: str = ""
    detector: str = ""
    credentials: str = ""
    preserve: str = ""
    fix_binary: str = ""


def update_binfmts(call: Call) -> int:
    """update-binfmts(8): --import and --install; what is enabled in the kernel is the guest's."""
    words = list(call.arguments)
    package = ":"
    given = _Format()
    mode: list[str] = []
    while words:
        word = words.pop(0)
        name = word[2:].replace("-", "_")
        if word == "--package" and words:
            package = words.pop(0)
        elif word in ("--install", "--import") and not mode:
            count = 2 if word == "--install" else 1
            mode = [word, *words[:count]]
            del words[:count]
        elif word in ("--magic", "--extension") and words and not given.kind:
            given.kind, given.magic = word[2:], words.pop(0)
        elif word.startswith("--") and name in _OPTIONS and words:
            setattr(given, name, words.pop(0))
        else:
            call.refuse(f"update-binfmts: {word} is not modelled")
    if mode[:1] == ["--import"]:
        return _import(call, mode[1:])
    if len(mode) != 3 or not given.kind:
        call.refuse(f"update-binfmts {' '.join(call.arguments)} is not modelled")
    given.package, given.interpreter = package, mode[2]
    if call.files.find(call.path(given.interpreter)) is None:
        call.complain(f"warning: no executable {given.interpreter} found")
        return 2
    return _record(call, mode[1], given)


_OPTIONS = frozenset(["offset", "mask", "detector", "credentials", "preserve", "fix_binary"])


def _import(call: Call, names: list[str]) -> int:
    if not names:
        there = call.files.find(_FORMATS) is not None
        names = [name for name in call.files.names(_FORMATS) if name[0] != "."] if there else []
    status = 0
    for name in names:
        path = name if "/" in name else f"{_FORMATS}/{name}"
        if call.files.find(call.path(path)) is None:
            call.complain(f"warning: unable to open {path}: No such file or directory")
            status = 2
            continue
        found = _Format()
        for line in call.files.read(call.path(path)).decode("utf-8", "surrogateescape").splitlines():
            key, _, value = line.strip().partition(" ")
            if key in ("magic", "extension") and not found.kind:
                found.kind, found.magic = key, value.strip()
            elif key in (*_OPTIONS, "package", "interpreter"):
                setattr(found, key, value.strip())
            elif key:
                call.refuse(f"update-binfmts: the line {line!r} of {path} is not modelled")
        if not (found.package and found.kind and found.interpreter):
            call.refuse(f"update-binfmts: {path} lacks a package, an interpreter, or a magic or an extension")
        _record(call, path.rpartition("/")[2], found)
    return status


def _record(call: Call, name: str, found: _Format) -> int:
    path = f"{_RECORDS}/{name}"
    old = call.files.find(path)
    if re.fullmatch(r"\.{0,2}|.*/.*|register|status", name):
        call.refuse(f"update-binfmts: the name {name!r} is not modelled")
    if old is not None and old.read().decode("utf-8", "replace").partition("\n")[0] != found.package:
        call.refuse(f"update-binfmts: {name} is another package's already, which is not modelled")
    lines = [str(getattr(found, field.name)) for field in fields(found)]
    if old is not None:
        call.files.unlink(path)
    call.files.write(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    return 0


COMMANDS: Mapping[str, Command] = {"update-binfmts": update_binfmts}
"""This family's commands by name."""
