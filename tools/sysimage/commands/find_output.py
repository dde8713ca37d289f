"""What find(1) prints by -printf."""

import re

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.coreutils_look import mode_string, owner_name, size_of
from tools.sysimage.commands.coreutils_words import base, names_of, not_modelled
from tools.sysimage.commands.find_expression import Found
from tools.sysimage.core.tree import Kind

LETTERS = {
    "f": Kind.FILE,
    "d": Kind.DIRECTORY,
    "l": Kind.SYMLINK,
    "c": Kind.CHARACTER,
    "b": Kind.BLOCK,
    "p": Kind.FIFO,
}
"""The kinds of files by the letter that -type has for them."""
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "\\": "\\",
    "0": "\0",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}


def printed(call: Call, text: str, found: Found) -> str:
    """Returns a format of -printf as it is printed for a file."""
    return re.sub(r"%(.?)|\\(.?)", lambda match: _piece(call, match, found), text, flags=re.DOTALL)


def _piece(call: Call, match: re.Match[str], found: Found) -> str:  # noqa: PLR0911, PLR0912 - a table
    if match[2] is not None:
        if match[2] not in _ESCAPES:
            not_modelled(call, f"{match[0]!r} in -printf")
        return _ESCAPES[match[2]]
    inode, name = found.inode, found.name
    match match[1]:
        case "%":
            return "%"
        case "p":
            return name
        case "f":
            return base(name) + ("/" if name.endswith("/") and name.strip("/") else "")
        case "h":
            return name.rpartition("/")[0] if "/" in name else "."
        case "P":
            return name.removeprefix(found.start).lstrip("/")
        case "H":
            return found.start
        case "m":
            return f"{inode.mode:o}"
        case "M":
            return mode_string(inode)
        case "U" | "G":
            return str(inode.uid if match[1] == "U" else inode.gid)
        case "u" | "g":
            return owner_name(call, inode, match[1].upper())
        case "s":
            return str(size_of(inode))
        case "d":
            return str(found.depth)
        case "n":
            return str(names_of(call.files, inode))
        case "l":
            return inode.target
        case "y":
            return next(letter for letter, kind in LETTERS.items() if kind is inode.kind)
    return not_modelled(call, f"{match[0]!r} in -printf")
