"""What scripts of TeX and of printing ask: the paper, and the modes of kpathsea's files."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command

_TREES = {"TEXMFSYSVAR": "/var/lib/texmf", "TEXMFSYSCONFIG": "/etc/texmf"}
_REMOVED = {"x": 0o111, "s": 0o6000, "t": 0o1000}


def paperconf(call: Call) -> int:
    """paperconf(1): the name of the paper, of papersize(5) or else of a locale with metres."""
    if call.arguments:
        call.refuse(f"paperconf {' '.join(call.arguments)} is not modelled")
    path = call.variable("PAPERCONF") or "/etc/papersize"
    name = call.variable("PAPERSIZE") or ""
    if not name and call.files.find(path) is not None:
        lines = (line.partition("#")[0].strip() for line in call.files.read(path).decode().splitlines())
        name = next((line for line in lines if line), "")
    call.out(f"{name.lower() or 'a4'}\n")
    return 0


def kpsestat(call: Call) -> int:
    """kpsestat(1): a file's mode, without some bits: `kpsestat -xst FILE`, or `= FILE` as it is."""
    match = re.fullmatch(r"=|-([xst]+)", call.arguments[0]) if len(call.arguments) == 2 else None
    if match is None:
        call.refuse(f"kpsestat {' '.join(call.arguments)} is not modelled")
    inode = call.files.find(call.path(call.arguments[1]))
    if inode is None:
        call.machine.stream(2).write(f"{call.arguments[1]}: No such file or directory\n".encode())
        return 1
    removed = 0
    for letter in match[1] or "":
        removed |= _REMOVED[letter]
    call.out(f"{inode.mode & ~removed:o}\n")
    return 0


def kpseaccess(call: Call) -> int:
    """kpseaccess(1): whether root may do something with a file that is there."""
    given = call.options("-r", "-w", "-x")
    if len(given.operands) != 1:
        call.refuse(f"kpseaccess {' '.join(call.arguments)} is not modelled")
    inode = call.files.find(call.path(given.operands[0]))
    return int(inode is None or ("x" in given and not inode.mode & 0o111))


def kpsewhich(call: Call) -> int:
    """kpsewhich(1): the trees of the system, as Debian has them."""
    words = " ".join(call.arguments).replace("=", " ").split()
    if len(words) != 2 or words[0] not in ("-var-value", "--var-value") or words[1] not in _TREES:
        call.refuse(f"kpsewhich {' '.join(call.arguments)} is not modelled")
    call.out(f"{_TREES[words[1]]}\n")
    return 0


COMMANDS: Mapping[str, Command] = {
    "kpseaccess": kpseaccess,
    "kpsestat": kpsestat,
    "kpsewhich": kpsewhich,
    "paperconf": paperconf,
}
"""This family's commands by name."""
