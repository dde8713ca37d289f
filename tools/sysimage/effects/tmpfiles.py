"""tmpfiles.d(5), as `systemd-tmpfiles --create` applies it without --boot.

What needs a running system is left to the boot, which applies every file again: device nodes, lines
below /dev, /proc and /sys, credentials, and specifiers that only a booted machine can fill in.
"""

import base64
import posixpath
import re
import shlex
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.patterns import Pattern
from tools.sysimage.core.span import Inline
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.effects.root import Root

_FOLDERS = ("etc/tmpfiles.d", "run/tmpfiles.d", "usr/local/lib/tmpfiles.d", "usr/lib/tmpfiles.d")
_VIRTUAL = ("dev", "proc", "sys")
_SPECIFIERS = {"%": "%", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "t": "/run", "h": "/root"}
_MAKING = "fFwdDeqQvpLCzZtTaA"
# Removal, exclusion from ageing, device nodes, attributes of the file system.
_NOTHING = "xXrRcbhH"
_GLOBS = "wezZtTaA"
_ACL_TAGS = {"user": (0x01, 0x02), "group": (0x04, 0x08), "mask": (0x10, 0x10), "other": (0x20, 0x20)}
_NO_ID = 0xFFFFFFFF
_WORD = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class _Line:
    type: str
    modifiers: str
    path: str
    mode: str
    user: str
    group: str
    argument: str


class _UnknownError(Exception):
    """A specifier, user or group that is not known when the image is built."""


def tmpfiles(root: Root, who: str, *, names: list[str]) -> None:
    """Applies these files of tmpfiles.d, each from the folder with the highest priority.

    Raises ToolError for a file that is not there or a line that tmpfiles.d(5) does not allow.
    """
    create(root, who, names)


def find(root: Root, name: str) -> str | None:
    """The path of a file of tmpfiles.d, None if no folder has it; an absolute one is a file itself."""
    paths = [name.lstrip("/")] if name.startswith("/") else [f"{folder}/{name}" for folder in _FOLDERS]
    return next((path for path in paths if root.tree.find(path)), None)


def create(root: Root, who: str, names: list[str]) -> list[str]:
    """As `tmpfiles`; returns a complaint for each line that names a user or group that is not there."""
    lines: list[_Line] = []
    seen: set[tuple[str, bool]] = set()
    complaints: list[str] = []
    for name in names:
        path = find(root, name)
        if path is None:
            raise ToolError(f"{who} needs tmpfiles.d/{name}, which no package of the set has; add it")
        for number, text in enumerate(root.text(path).splitlines(), 1):
            if not text.strip() or text.lstrip()[0] == "#":
                continue
            try:
                line = _parse(text, f"/{path}:{number}")
            except _UnknownError:
                continue
            # Of two lines that make the same path the first holds.
            key = (line.path, line.type in _GLOBS)
            if key in seen and line.type not in _GLOBS:
                continue
            complaint = _unresolved(root, line)
            if complaint:
                complaints.append(f"/{path}:{number}: {complaint}")
                continue
            seen.add(key)
            lines.append(line)
    for line in lines:
        try:
            _apply(root, who, line)
        except _UnknownError:
            continue
    return complaints


def _unresolved(root: Root, line: _Line) -> str:
    """What systemd-tmpfiles says of a line whose owner is not there: it passes over the whole line."""
    for kind, text, number in (("user", line.user, root.uid), ("group", line.group, root.gid)):
        name = text.lstrip(":")
        if name and number(name) is None:
            return f"Failed to resolve {kind} '{name}': No such process"
    return ""


def _parse(text: str, where: str) -> _Line:
    words: list[str] = []
    rest = text.strip()
    while rest and len(words) < 6:
        match = _WORD.match(rest)
        assert match is not None
        words.append(_unescape(match[1] if match[1] is not None else match[2]))
        rest = rest[match.end() :].lstrip()
    words += ["-"] * (6 - len(words))
    kind, modifiers = words[0][:1], words[0][1:]
    if kind not in _MAKING + _NOTHING or modifiers.strip("+!-=~^$?"):
        raise ToolError(f"{where}: not a line of tmpfiles.d(5): {text!r}; correct the package or the file")
    values = ["" if word == "-" else word for word in words]
    argument = "" if rest == "-" else rest
    if "!" in modifiers or "^" in modifiers or kind in _NOTHING:
        raise _UnknownError
    path = posixpath.normpath(_expand(values[1])).strip("/")
    if path.split("/")[0] in _VIRTUAL:
        raise _UnknownError
    if "~" in modifiers:
        argument = base64.b64decode(argument).decode("utf-8", "surrogateescape")
    elif kind in "LCfFw":
        argument = _expand(argument)
    return _Line(kind, modifiers, path, values[2], values[3], values[4], argument)


def _expand(text: str) -> str:
    parts = text.split("%")
    done = [parts[0]]
    rest = iter(parts[1:])
    for part in rest:
        if not part:  # "%%"
            done += ["%", next(rest, "")]
        elif part[0] in _SPECIFIERS:
            done += [_SPECIFIERS[part[0]], part[1:]]
        else:
            raise _UnknownError
    return "".join(done)


def _apply(root: Root, who: str, line: _Line) -> None:
    if line.type in _GLOBS:
        for path in _glob(root, line.path):
            _change(root, line, path)
    elif line.type in "dDvqQ":
        new = root.tree.find(line.path) is None
        root.mkdir(line.path, 0o755, origin=who)
        inode = root.tree.find(line.path)
        if inode is not None and inode.kind is Kind.DIRECTORY:
            _permissions(root, line, inode, new=new, mode=0o755)
    elif line.type in "fF":
        new = root.tree.find(line.path) is None
        if new or "+" in line.modifiers or line.type == "F":
            root.write(line.path, _unescape(line.argument), None if not new else 0o644, who)
        inode = root.tree.find(line.path)
        if inode is not None and inode.kind is Kind.FILE:
            _permissions(root, line, inode, new=new, mode=0o644)
    elif line.type == "p":
        if root.tree.find(line.path) is None:
            path = root.tree.resolve(line.path)
            root.tree.add(path, Inode(Kind.FIFO, 0o644, origin=who))
        _permissions(root, line, root.tree[root.tree.resolve(line.path)], new=True, mode=0o644)
    elif line.type == "L":
        target = line.argument or f"/usr/share/factory/{line.path}"
        if (
            "?" in line.modifiers
            and root.tree.find(posixpath.join("/", posixpath.dirname(line.path), target)) is None
        ):
            return
        root.link(line.path, target, who, replace="+" in line.modifiers)
    elif line.type == "C":
        _copy(root, line, who)


def _copy(root: Root, line: _Line, who: str) -> None:
    source = root.tree.resolve((line.argument or f"/usr/share/factory/{line.path}").strip("/"))
    old = root.tree.get(source)
    path = root.tree.resolve(line.path)
    present = root.tree.get(path)
    if old is None or (
        present is not None and (present.kind is not Kind.DIRECTORY or root.tree.children(path))
    ):
        return
    root.tree.make_parents(path, who)
    for name in [source, *root.tree.below(source)]:
        inode = root.tree[name]
        root.tree.put(
            path + name[len(source) :],
            Inode(inode.kind, inode.mode, inode.uid, inode.gid, inode.target, inode.content, origin=who),
        )
    _permissions(root, line, root.tree[path], new=True, mode=old.mode)


def _change(root: Root, line: _Line, path: str) -> None:
    inode = root.tree[path]
    if line.type == "e" and inode.kind is Kind.DIRECTORY:
        _permissions(root, line, inode, new=False, mode=0o755)
    elif line.type == "w" and inode.kind is Kind.FILE:
        old = inode.read() if "+" in line.modifiers else b""
        inode.content = Inline(old + _unescape(line.argument).encode("utf-8", "surrogateescape"))
    elif line.type in "zZ":
        names = [path, *(root.tree.below(path) if line.type == "Z" else ())]
        for name in names:
            if root.tree[name].kind is not Kind.SYMLINK:
                _permissions(root, line, root.tree[name], new=False, mode=None)
    elif line.type in "tT":
        for pair in shlex.split(line.argument):
            key, _, value = pair.partition("=")
            inode.xattrs = {**inode.xattrs, key: value.encode()}
    elif line.type in "aA":
        names = [path, *(root.tree.below(path) if line.type == "A" else ())]
        for name in names:
            if root.tree[name].kind is not Kind.SYMLINK:
                _acl(root, root.tree[name], line.argument)


def _permissions(root: Root, line: _Line, inode: Inode, *, new: bool, mode: int | None) -> None:
    """Mode and owner; a colon before a value lets it hold for new inodes only."""
    for text, index in ((line.user, "uid"), (line.group, "gid")):
        if text.startswith(":") and not new:
            continue
        if text or (new and mode is not None):
            number = getattr(root, index)(text.lstrip(":")) if text else 0
            if number is None:
                raise _UnknownError
            setattr(inode, index, number)
    text = line.mode
    if text.lstrip("~").startswith(":") and not new:
        return
    wanted = text.lstrip("~:")
    if wanted:
        bits = int(wanted, 8)
        if "~" in text:
            bits = _masked(bits, inode)
        inode.mode = bits
    elif mode is not None and line.type not in "eC":
        inode.mode = mode


def _masked(bits: int, inode: Inode) -> int:
    # "~": nothing becomes executable or writable that was not.
    if not inode.mode & 0o111 and inode.kind is not Kind.DIRECTORY:
        bits &= ~0o111
    if not inode.mode & 0o222:
        bits &= ~0o222
    if not inode.mode & 0o444:
        bits &= ~0o444
    return bits


def _glob(root: Root, pattern: str) -> Iterator[str]:
    if not any(character in pattern for character in "*?["):
        path = root.tree.resolve(pattern)
        if path in root.tree:
            yield path
        return
    compiled = Pattern(pattern)
    yield from [path for path in root.tree.paths() if compiled.matches(path)]


def _unescape(text: str) -> str:
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape") if "\\" in text else text


def _acl(root: Root, inode: Inode, text: str) -> None:
    """Adds entries of acl(5) in their short or long form; stored as Linux does (posix_acl_xattr.h)."""
    access: list[tuple[int, int, int]] = []
    default: list[tuple[int, int, int]] = []
    for entry in text.split(","):
        fields = entry.split(":")
        into = access
        if fields[0] in ("d", "default"):
            into, fields = default, fields[1:]
        kind = {"u": "user", "g": "group", "m": "mask", "o": "other"}.get(fields[0], fields[0])
        whole, named = _ACL_TAGS[kind]
        number: int | None = _NO_ID
        if fields[1]:
            number = root.uid(fields[1]) if kind == "user" else root.gid(fields[1])
        if number is None:
            raise _UnknownError
        bits = sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in fields[2])
        if "X" in fields[2] and (inode.kind is Kind.DIRECTORY or inode.mode & 0o111):
            bits |= 1
        into.append((named if fields[1] else whole, bits, number))
    for name, entries in (("system.posix_acl_access", access), ("system.posix_acl_default", default)):
        if not entries or (name.endswith("default") and inode.kind is not Kind.DIRECTORY):
            continue
        have = {(tag, number) for tag, _, number in entries}
        for tag, shift in ((0x01, 6), (0x04, 3), (0x20, 0)):
            if (tag, _NO_ID) not in have:
                entries.append((tag, inode.mode >> shift & 7, _NO_ID))
        if any(tag in (0x02, 0x08) for tag, _, _ in entries) and (0x10, _NO_ID) not in have:
            mask = 0
            for tag, bits, _ in entries:
                mask |= bits if tag in (0x02, 0x04, 0x08) else 0
            entries.append((0x10, mask, _NO_ID))
        entries.sort(key=lambda entry: (entry[0], entry[2]))
        value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
        inode.xattrs = {**inode.xattrs, name: value}


def clean(root: Root) -> None:
    """Empties /tmp, and /run but for /run/lock, where /var/lock leads: a running system makes its own."""
    for path in (*root.tree.children("run"), *root.tree.children("tmp")):
        if path != "run/lock":
            root.tree.remove(path)
