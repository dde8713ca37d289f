"""What the programs of coreutils share: how they quote names, what they say of errors, their file modes."""

import re
import stat
from typing import NoReturn

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.tree_files import Buffer, TreeFiles
from tools.sysimage.core.tree import Inode, Kind

_ESCAPES = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}
_CONTROL = re.compile(r"([\x00-\x1f\x7f\udc80-\udcff]+)")
_UNSAFE = re.compile(r"""[\x00-\x20\x7f\udc80-\udcff!"$&'()*;<=>?\[\\^`|~#{}]""")
_FORMATS = {
    Kind.FILE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.CHARACTER: stat.S_IFCHR,
    Kind.BLOCK: stat.S_IFBLK,
    Kind.FIFO: stat.S_IFIFO,
}
NULL = "/dev/null"
_SMALL = 1 << 20  # bytes of a file that is held in memory so that it counts as written


def quoted(text: str) -> str:
    """Returns a name in quotes, as messages have it (quoting style shell-escape-always)."""
    if "'" in text and not _CONTROL.search(text) and not re.search(r'["$`\\!]', text):
        return f'"{text}"'
    parts = []
    for index, part in enumerate(_CONTROL.split(text)):
        if index % 2 == 0:
            parts.append("'" + part.replace("'", "'\\''") + "'")
        else:
            parts.append("$'" + "".join(map(_escape, part)) + "'")
    joined = "".join(parts)
    return joined.removesuffix("''") if len(joined) > 2 else joined


def quoted_if_needed(text: str) -> str:
    """Returns a name in quotes if a shell would need them (quoting style shell-escape)."""
    return quoted(text) if not text or _UNSAFE.search(text) else text


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return f"\\{_ESCAPES[char]}"
    return f"\\{ord(char) & 0xFF:03o}"


def curly(text: str) -> str:
    """Returns a word in the quotation marks of the locale C.UTF-8."""
    return f"\u2018{text}\u2019"


def reason(error: OSError) -> str:
    """Returns what strerror(3) says of an error."""
    return error.strerror or "Unknown error"


def usage(call: Call, message: str, status: int = 1) -> int:
    """Complains of how a command is called. Returns the status."""
    call.complain(f"{message}\nTry '{call.name} --help' for more information.")
    return status


def file_mode(inode: Inode) -> int:
    """Returns st_mode (inode(7))."""
    return _FORMATS[inode.kind] | inode.mode


def letters(mode: int) -> str:
    """Returns the nine letters of a mode: "rwxr-sr-x"."""
    return stat.filemode(stat.S_IFREG | mode)[1:]


def base(path: str) -> str:
    """Returns the last component of a name, as basename(3) does."""
    stripped = path.rstrip("/")
    return stripped.rpartition("/")[2] if stripped else path[:1]


def joined(folder: str, name: str) -> str:
    """Returns the name of something in a folder."""
    return f"{folder}{name}" if folder.endswith("/") else f"{folder}/{name}"


def is_directory(call: Call, path: str, *, follow: bool = True) -> bool:
    """Returns whether a name leads to a directory."""
    inode = call.files.find(call.path(path), follow=follow)
    return inode is not None and inode.kind is Kind.DIRECTORY


def exists(call: Call, path: str, *, follow: bool = True) -> bool:
    """Returns whether there is something of this name."""
    return call.files.find(call.path(path), follow=follow) is not None


def names_of(files: TreeFiles, inode: Inode) -> int:
    """Returns st_nlink: the names of a file; of a directory, 2 and one for each directory in it."""
    if inode.kind is not Kind.DIRECTORY:
        return sum(1 for _, other in files.tree.walk() if other is inode)
    path = next(path for path, other in files.tree.walk() if other is inode)
    return 2 + sum(1 for child in files.tree.children(path) if files.tree[child].kind is Kind.DIRECTORY)


def is_linked(files: TreeFiles, inode: Inode) -> bool:
    """Returns whether a file has more than one name."""
    return inode.kind is not Kind.DIRECTORY and names_of(files, inode) > 1


def set_mode(call: Call, path: str, inode: Inode, mode: int) -> None:
    """chmod(2), with a note of what has changed."""
    if inode.mode != mode:
        inode.mode = mode
        call.world.journal.note(path, f"mode {mode:04o}")


def set_owner(call: Call, path: str, inode: Inode, uid: int | None, gid: int | None) -> None:
    """chown(2), with a note of what has changed."""
    if uid is None and gid is None:
        return
    before = inode.uid, inode.gid
    call.files.chown(inode, uid, gid)
    if before != (inode.uid, inode.gid):
        call.world.journal.note(path, f"owner {inode.uid}:{inode.gid}")


def touched(inode: Inode) -> None:
    """Makes a file newer than what was unpacked, as far as a large one is not to be held in memory."""
    if inode.kind is Kind.FILE and inode.content.size <= _SMALL and not isinstance(inode.content, Buffer):
        inode.content = Buffer(inode.read())


def numbered(call: Call, text: str, what: str) -> int:
    """Reads a size with its suffix ("4K", "1MB"). Ends the build for what is none."""
    match = re.fullmatch(r"(\d+)(?:([kKMGT])(i?B)?|b|c)?", text)
    if match is None:
        call.refuse(f"{call.name}: the {what} {text!r} is not modelled")
    power = "kMGT".find((match[2] or "").replace("K", "k")) + 1 if match[2] else 0
    factor = 1000 if match[3] == "B" else 1024
    return int(match[1]) * (512 if text.endswith("b") else 1) * int(factor**power)


def not_modelled(call: Call, what: str) -> NoReturn:
    """Ends the build: this form of a command is beyond us."""
    call.refuse(f"{call.name}: {what} is not modelled")
