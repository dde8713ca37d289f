"""What ucf, ucfr and ucfq have in common: settings, and the files that they read."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call

_CONFIGURATION = "/etc/ucf.conf"
_SETTING = re.compile(r"[ \t]*(\w+)=([\w/.+-]*|'[^']*'|\"[^\"$`\\]*\")[ \t]*(?:#.*)?")
PLAIN = re.compile(r"[^\[\]*^$\\|&\n]*")
"""A path in which sed and grep find nothing but itself."""


def diversion(call: Call, path: str) -> tuple[str, str] | None:
    """Returns who diverts a file, and where to (dpkg-divert(1))."""
    inode = call.files.find("/var/lib/dpkg/diversions")
    found = lines(inode.read()) if inode else []
    for index in range(0, len(found) - 2, 3):
        if path in (found[index], found[index + 1]):
            owner = "LOCAL" if found[index + 2] == ":" else found[index + 2]
            return owner, found[index + 1]
    return None


def settings(call: Call) -> dict[str, str]:
    """Reads /etc/ucf.conf, of which assignments are modelled."""
    inode = call.files.find(_CONFIGURATION)
    found: dict[str, str] = {}
    for line in lines(inode.read()) if inode else ():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _SETTING.fullmatch(line)
        if match is None:
            call.refuse(f"ucf: the line {line!r} of {_CONFIGURATION} is not modelled")
        found[match[1]] = match[2].strip("'\"")
    return found


def first(option: str, call: Call, chosen: Mapping[str, str], name: str) -> str:
    """Returns a setting: of an option, the environment or /etc/ucf.conf, "" if it is nowhere."""
    return option or call.variable(f"UCF_{name}") or chosen.get(f"conf_{name.lower()}", "")


def make_directory(call: Call, path: str) -> None:
    """Makes a directory, and those above; of these the mask of files does not count."""
    if call.files.find(f"/{path}") is None:
        call.root.tree.make_parents(call.root.tree.resolve(f"{path}/x"), call.world.who)
        call.files.get(f"/{path}").mode = call.umask(0o777)


def first_words(data: bytes) -> list[str]:
    """Returns the first word of each line."""
    return [(line.split() or [""])[0] for line in lines(data)]


def lines(data: bytes) -> list[str]:
    """Returns the lines of a file that are not empty."""
    return [line for line in data.decode("utf-8", "surrogateescape").split("\n") if line]


def say(call: Call, message: str) -> None:
    """Writes to descriptor 2."""
    call.machine.stream(2).write(f"{message}\n".encode("utf-8", "surrogateescape"))
