"""cd, pwd and umask (XCU cd, pwd, umask)."""

import re

from tools.sysimage.scripts.arguments import options
from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.files import FileType
from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.marked import inward

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXst]*)+)")
_WHO = {"u": 0o700, "g": 0o070, "o": 0o007, "a": 0o777}
_WHAT = {"r": 0o444, "w": 0o222, "x": 0o111}


def cd(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Changes the directory."""
    letters, operands = options(argv, "LP")
    physical = bool(letters) and letters[-1][0] == "P"
    target = operands[0] if operands else machine.value("HOME") or ""
    shown = False
    if target == "-":
        target, shown = machine.value("OLDPWD") or "", True
    found = target
    if target.split("/", 1)[0] not in ("", ".", "..") or not target:
        target = target or "."
        found, searched = _search(machine, target)
        shown = shown or searched
    _change(machine, found, physical, target)
    if shown:
        machine.write(f"{machine.directory}\n")
    return 0


def _search(machine: Machine, target: str) -> tuple[str, bool]:
    """Looks for a directory along CDPATH. Returns whether to show it."""
    for folder in (machine.value("CDPATH") or "").split(":"):
        candidate = f"{folder.rstrip('/')}/{target}" if folder else target
        status = machine.stat(candidate)
        if status is not None and status.kind is FileType.DIRECTORY:
            return candidate, bool(folder)
    return target, False


def _change(machine: Machine, target: str, physical: bool, shown: str) -> None:
    new = target if physical else _logical(machine.directory, target)
    status = machine.stat(new) if new else None
    if status is None or status.kind is not FileType.DIRECTORY:
        raise ShellError(f"can't cd to {shown}")
    if physical:
        new = inward(machine.files.real_path(machine.path(new)))
    machine.variables.set("OLDPWD", machine.directory, exported=True)
    machine.directory = new
    machine.variables.set("PWD", new, exported=True)


def _logical(directory: str, target: str) -> str:
    """Returns where a path leads by its text alone (XCU cd, step 8)."""
    path = target if target.startswith("/") else f"{directory}/{target}"
    kept: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    double = path.startswith("//") and not path.startswith("///") and target.startswith("/")
    return ("//" if double else "/") + "/".join(kept)


def pwd(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Writes the directory."""
    letters, _ = options(argv, "LP")
    physical = bool(letters) and letters[-1][0] == "P"
    here = machine.directory
    machine.write((inward(machine.files.real_path(machine.path(here))) if physical else here) + "\n")
    return 0


def umask(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Shows or sets the mode bits that new files do not get."""
    letters, operands = options(argv, "S")
    if not operands:
        machine.write((_symbolic(machine.umask) if letters else f"{machine.umask:04o}") + "\n")
        return 0
    text = operands[0]
    if text[:1].isdigit():
        if not re.fullmatch("[0-7]+", text) or len(text) > 8:
            raise ShellError(f"Illegal number: {text}")
        machine.umask = int(text, 8) & 0o777
    else:
        machine.umask = _mask(machine.umask, text)
    return 0


def _symbolic(mask: int) -> str:
    allowed = ~mask
    groups = []
    for shift, who in ((6, "u"), (3, "g"), (0, "o")):
        bits = "".join(letter for bit, letter in ((4, "r"), (2, "w"), (1, "x")) if allowed >> shift & bit)
        groups.append(f"{who}={bits}")
    return ",".join(groups)


def _mask(mask: int, text: str) -> int:
    allowed = ~mask & 0o777
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ShellError(f"Illegal mode: {text}")
        who = 0
        for letter in match.group(1) or "a":
            who |= _WHO[letter]
        for operator, letters in re.findall("([-+=])([rwxXst]*)", match.group(2)):
            bits = 0
            for letter in letters:
                bits |= _WHAT.get(letter, 0)
            bits &= who
            if operator == "=":
                allowed &= ~who
            allowed = allowed & ~bits if operator == "-" else allowed | bits
    return ~allowed & 0o777
