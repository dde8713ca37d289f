"""Programs of debconf that have its database and no conversation."""

import re

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.debconf_database import Database, DebconfError, database

_LOCKED = 'DbDriver "config": /var/cache/debconf/config.dat is locked by another process'
_TYPES = ("select", "boolean", "string", "multiselect", "note", "password", "text", "title")
_LINE = re.compile(r"\s*(\S+)\s+(\S+)\s+(\S+)(?:\s(.*))?", re.ASCII)


def lock(call: Call) -> Database | None:
    """Opens the database, None (with the complaint) if a frontend has it open."""
    data = database(call.world)
    if data.running:
        call.machine.stream(2).write(f"debconf: {_LOCKED}: Resource temporarily unavailable\n".encode())
        return None
    data.begin()
    return data


def escape(call: Call) -> int:
    """debconf-escape(1)."""
    given = call.options("-e --escape", "-u --unescape")
    if ("escape" in given) == ("unescape" in given):
        call.machine.stream(2).write(b"Usage: debconf-unescape -e|-u < input-text\n")
        return 1
    data = call.stdin()
    if "escape" in given:
        call.out(data.replace(b"\\", b"\\\\").replace(b"\n", b"\\n"))
    else:
        call.out(re.sub(rb"\\(.)", lambda m: b"\n" if m[1] == b"n" else m[1], data))
    return 0


def set_selections(call: Call) -> int:
    """debconf-set-selections(1)."""
    given = call.options("-v --verbose", "-c --checkonly", "-u --unseen")
    data = lock(call)
    if data is None:
        return 1
    failed = 0
    try:
        for name in given.operands or ("-",):
            try:
                text = call.input(name).decode("latin-1")
            except OSError as error:
                call.complain(error.strerror or "")
                continue
            for line in _joined(text):
                failed |= _selection(call, data, line, unseen="unseen" in given, check="checkonly" in given)
    except DebconfError as error:
        call.refuse(f"debconf-set-selections would fail: {error}")
    finally:
        data.end()
    return failed


def _joined(text: str) -> list[str]:
    lines = text.split("\n")
    if not lines[-1]:
        del lines[-1]
    found: list[str] = []
    rest = list(reversed(lines))
    while rest:
        line = rest.pop().removesuffix("\r")
        while line.endswith("\\") and rest:
            line = line[:-1] + rest.pop().removesuffix("\r")
        if not re.match(r"\s*(?:#|\Z)", line, re.ASCII):
            found.append(line)
    return found


def _selection(call: Call, data: Database, line: str, *, unseen: bool, check: bool) -> int:
    match = _LINE.match(line)
    if match is None:
        return _error(call, "error: parse error")
    owner, name, kind, value = match[1], match[2], match[3], match[4] or ""
    if kind != "seen" and kind not in _TYPES:
        return _error(call, f"warning: Unknown type {kind}, skipping", 0)
    if kind == "seen" and name not in data.questions:
        return _error(call, f"error: Cannot find a question for {name}")
    if check:
        return 0
    if kind == "seen":
        data.set_flag(name, "seen", value)
        return 0
    _answer(data, owner, name, kind, value)
    if not unseen:
        data.set_flag(name, "seen", "true")
    return 0


def _answer(data: Database, owner: str, name: str, kind: str, value: str) -> None:
    if data.template(name) is None:
        data.new_template(name, owner, kind)
        data.templates[name].fields.update(
            description="Dummy template",
            extended_description="This is a fake template used to pre-seed the debconf database. If you are"
            " seeing this, something is probably wrong.",
        )
    if name not in data.questions:
        raise DebconfError(f"Cannot find a question for {name}")
    data.templates[name].fields["type"] = kind
    data.questions[name].owners.add(owner)
    data.set_value(name, value)


def _error(call: Call, message: str, status: int = 1) -> int:
    call.machine.stream(2).write(f"{message}\n".encode("utf-8", "surrogateescape"))
    return status


def _listed(call: Call) -> Database:
    """What the database's files have: to read them takes no lock."""
    data = database(call.world)
    return data.saved or data


def show(call: Call) -> int:
    """debconf-show(1): the questions of packages, by name."""
    given = call.options("--listowners")
    data = _listed(call)
    if "listowners" in given:
        owners = {owner for item in data.questions.values() for owner in item.owners}
        call.out("".join(f"{owner}\n" for owner in sorted(owners)))
        return 0
    if not given.operands:
        call.machine.stream(2).write(b"Usage:\n    debconf-show packagename [...] [--db=dbname]\n")
        return 1
    for name in sorted(data.questions):
        for _ in filter(data.questions[name].owners.__contains__, given.operands):
            mark = "* " if data.flag(name, "seen") == "true" else "  "
            value = data.value(name)
            if data.field(name, "type") == "password":
                value = "(password omitted)"
            call.out(f"{mark}{name}:{f' {value}' if value else ''}\n".encode("latin-1"))
    return 0


def get_selections(call: Call) -> int:
    """debconf-get-selections(1)."""
    if call.arguments:
        call.options()
    data = _listed(call)
    for name in sorted(data.questions):
        kind = data.field(name, "type") or ""
        if kind in ("", "text", "title"):
            continue
        text = f"# {data.field(name, 'description')}\n"
        if kind in ("select", "multiselect"):
            text += f"# Choices: {data.field(name, 'choices')}\n"
        for owner in sorted(data.questions[name].owners):
            text += f"{owner}\t{name}\t{kind}\t{data.value(name)}\n"
        call.out(text.encode("latin-1"))
    return 0
