"""What a line of tmpfiles.d(5) does to a tree."""

from collections.abc import Iterator

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Inline
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.effects import tmpfiles_acl
from tools.sysimage.effects.root import Root
from tools.sysimage.effects.tmpfiles_lines import Line, Owner
from tools.sysimage.scripts import patterns
from tools.sysimage.systemd import extract

_MOST_PATTERNS = 10_000
_LONGEST_PATTERN = 4096  # characters, as the longest path

_KINDS = {
    **dict.fromkeys("fF", Kind.FILE),
    **dict.fromkeys("dDvqQ", Kind.DIRECTORY),
    "p": Kind.FIFO,
    "L": Kind.SYMLINK,
}


class FailedError(Exception):
    """What systemd-tmpfiles can't do: it goes on with other lines, and ends with status 73."""


class _MissingError(FailedError):
    """A path that leads to nothing."""


class _NoFolderError(FailedError):
    """A path whose parent is no directory."""


def apply(root: Root, who: str, line: Line) -> None:
    """Applies a line. Raises FailedError."""
    try:
        if line.type in _KINDS or line.type == "C":
            _parents(root, who, line)
            _make(root, who, line)
        elif line.type in "ewmzZtTaA":
            failed: list[FailedError] = []
            for path in list(_glob(root, line.path)):
                try:
                    _change(root, line, path)
                except FailedError as error:
                    failed.append(error)
            if failed:
                raise failed[0]
    except ToolError as error:
        # A loop of links.
        raise FailedError(str(error)) from error


def _parents(root: Root, who: str, line: Line) -> None:
    """Makes the directories above a path; with "=", in place of what is none."""
    tree = root.tree
    done = ""
    parts = line.path.split("/")
    for part in parts[:-1]:
        if part == ".." and "=" in line.modifiers:
            raise FailedError(f"/{line.path}: path not normalized")
        path = f"{done}/{part}" if done else part
        inode = tree.find(path)
        if inode is not None and inode.kind is not Kind.DIRECTORY and "=" not in line.modifiers:
            return
        if inode is None or inode.kind is not Kind.DIRECTORY:
            if inode is None and path in tree and "=" not in line.modifiers:
                return
            tree.remove(path)
            made = _new(root, path, Kind.DIRECTORY, 0o755, who)
            if "=" not in line.modifiers:
                # The setgid bit of the directory above does not go on.
                made.mode = 0o755
        done = tree.resolve(path)
    last = f"{done}/{parts[-1]}" if done else parts[-1]
    old = tree.get(last)
    if "=" in line.modifiers and line.type != "C" and old is not None and old.kind is not _KINDS[line.type]:
        tree.remove(last)


def _new(root: Root, path: str, kind: Kind, mode: int, who: str, target: str = "") -> Inode:
    """Makes an inode; a directory with the setgid bit gives it its group."""
    above = root.tree[path.rpartition("/")[0]]
    gid = above.gid if above.mode & 0o2000 else 0
    if above.mode & 0o2000 and kind is Kind.DIRECTORY:
        mode |= 0o2000
    inode = Inode(kind, mode, 0, gid, target=target, origin=who)
    root.tree.put(path, inode)
    return inode


def _opened(root: Root, path: str, *, last: bool = True) -> str:
    """Where a path leads. Raises FailedError if there is nothing, or somebody's link or folder is on the way.

    What a user has in a directory of theirs, another one's things are not changed by (CHASE_SAFE).
    """
    todo = [part for part in reversed(path.split("/")) if part]
    done = ""
    owner = root.tree[""].uid
    for _ in range(10_000):
        if not todo:
            return done
        part = todo.pop()
        if part == "..":
            done = done.rpartition("/")[0]
            owner = root.tree[done].uid
            continue
        at = f"{done}/{part}" if done else part
        inode = root.tree.get(at)
        if inode is None:
            raise _MissingError(f"/{path}: No such file or directory")
        if owner not in (0, inode.uid):
            raise FailedError(f"/{path}: unsafe, as /{at} is in a directory of another user")
        owner = inode.uid
        if inode.kind is Kind.SYMLINK and (todo or last):
            todo += [part for part in reversed(inode.target.split("/")) if part not in ("", ".")]
            if inode.target.startswith("/"):
                done = ""
                if owner not in (0, root.tree[""].uid):
                    raise FailedError(f"/{path}: unsafe, as /{at} is a link of another user")
                owner = root.tree[""].uid
            continue
        if todo and inode.kind is not Kind.DIRECTORY:
            raise FailedError(f"/{at}: Not a directory")
        done = at
    raise FailedError(f"/{path}: too many links")


def _place(root: Root, path: str) -> str:
    """A path in the directory that its parent leads to. Raises FailedError."""
    if not path:
        raise FailedError("/: is no path to make something at")
    if any(part == ".." for part in path.split("/")):
        raise FailedError(f"/{path}: path not normalized")
    above, _, name = path.rpartition("/")
    above = _opened(root, above)
    if root.tree[above].kind is not Kind.DIRECTORY:
        raise _NoFolderError(f"/{above}: Not a directory")
    return f"{above}/{name}" if above else name


def _make(root: Root, who: str, line: Line) -> None:
    if line.type == "L" and "?" in line.modifiers and not _there(root, _target(line)):
        return
    try:
        path = _place(root, line.path)
    except _NoFolderError:
        if _KINDS.get(line.type) is Kind.DIRECTORY:
            return  # It counts as something else that is there.
        raise
    if line.type == "C":
        _copy(root, line, path, who)
        return
    old = root.tree.get(path)
    kind = _KINDS[line.type]
    default = 0o755 if kind is Kind.DIRECTORY else 0o644
    mode = default if line.mode is None else line.mode
    if kind is Kind.SYMLINK:
        wanted = old is not None and old.kind is kind and old.target == _target(line)
    else:
        wanted = old is not None and old.kind is kind
    if old is not None and not wanted:
        if kind is Kind.FILE:
            raise FailedError(f"/{path} exists and is not a regular file")
        if kind is Kind.DIRECTORY or "+" not in line.modifiers:
            return
        root.tree.remove(path)
        old = None
    new = old is None
    if old is None:
        bits = mode & 0o1777 if kind is Kind.DIRECTORY else 0o777 if kind is Kind.SYMLINK else mode
        old = _new(root, path, kind, bits, who, _target(line) if kind is Kind.SYMLINK else "")
    elif kind is Kind.FILE and (line.type == "F" or "+" in line.modifiers):
        old.content = Inline(b"")
    if kind is Kind.FILE and line.argument and (new or line.type == "F" or "+" in line.modifiers):
        old.content = Inline(line.argument)
    _permissions(line, old, new=new)


def _target(line: Line) -> str:
    return f"/usr/share/factory/{line.path}" if line.argument is None else line.text


def _there(root: Root, path: str) -> bool:
    try:
        _opened(root, path, last=False)
    except FailedError:
        return False
    return True


def _copy(root: Root, line: Line, path: str, who: str) -> None:
    tree = root.tree
    source = tree.resolve(
        (f"/usr/share/factory/{line.path}" if line.argument is None else line.text).strip("/"), last=False
    )
    old, there = tree[source], tree.get(path)
    if path.startswith(f"{source}/"):
        raise FailedError(f"/{path}: it can't be copied into itself")
    merge = there is None or (
        old.kind is there.kind is Kind.DIRECTORY and ("+" in line.modifiers or not tree.children(path))
    )
    if merge:
        for name in [source, *tree.below(source)]:
            inode, to = tree[name], path + name[len(source) :]
            if to in tree:
                continue
            if (
                tree.get(to.rpartition("/")[0]) is None
                or tree[to.rpartition("/")[0]].kind is not Kind.DIRECTORY
            ):
                continue
            uid = inode.uid if line.user is None else line.user.number
            gid = inode.gid if line.group is None else line.group.number
            copied = Inode(
                inode.kind, inode.mode, uid, gid, inode.target, inode.content, inode.device, inode.xattrs, who
            )
            tree.put(to, copied)
    made, kind = tree[path], tree.find(source)
    if kind is not None and made.kind is kind.kind:
        _permissions(line, made, new=True)


def _change(root: Root, line: Line, path: str) -> None:
    if line.type in "ZTA":
        # No link is followed, and nobody is asked whose directory it is.
        path = root.tree.resolve(path, last=False)
        for name in [path, *root.tree.below(path)]:
            _change_one(root, line, root.tree[name])
        return
    if line.type == "w":
        _write(root, line, path)
        return
    if line.type != "e" and any(part == ".." for part in path.split("/")):
        raise FailedError(f"/{path}: path not normalized")
    try:
        inode = root.tree[_opened(root, path, last=line.type == "e")]
    except _MissingError:
        if line.type == "e":
            return
        raise
    if line.type != "e" or inode.kind is Kind.DIRECTORY:
        _change_one(root, line, inode)


def _change_one(root: Root, line: Line, inode: Inode) -> None:
    if line.type in "emzZ":
        _permissions(line, inode, new=False)
    elif line.type in "tT":
        inode.xattrs = {**inode.xattrs, **_xattrs(line.text)}
    elif inode.kind is not Kind.SYMLINK:
        tmpfiles_acl.change(root, inode, line.text, append="+" in line.modifiers)


def _xattrs(text: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        for pair in extract.every(text, extract.Escapes.C):
            name, _, value = pair.partition("=")
            if name and value:
                found[name] = value.encode("utf-8", "surrogateescape")
    except extract.WordError:
        return found
    return found


def _write(root: Root, line: Line, path: str) -> None:
    """Writes over the beginning of a file, or behind its end: nothing is cut off."""
    inode = root.tree.get(root.tree.resolve(_place(root, path)))
    if inode is None:
        return
    if inode.kind is Kind.DIRECTORY:
        raise FailedError(f"/{path}: Is a directory")
    if inode.kind is not Kind.FILE:
        # A FIFO that nobody reads from.
        raise FailedError(f"/{path}: No such device or address")
    old, data = inode.read(), line.argument or b""
    inode.content = Inline(old + data if "+" in line.modifiers else data + old[len(data) :])
    _permissions(line, inode, new=False)


def _permissions(line: Line, inode: Inode, *, new: bool) -> None:
    """Mode and owner; what is not given, or is for new inodes only, stays."""
    inode.uid = _number(line.user, inode.uid, new=new)
    inode.gid = _number(line.group, inode.gid, new=new)
    if line.mode is None or (line.mode_new_only and not new) or inode.kind is Kind.SYMLINK:
        return
    inode.mode = _masked(line.mode, inode) if line.mode_masks else line.mode


def _number(owner: Owner | None, old: int, *, new: bool) -> int:
    return old if owner is None or (owner.new_only and not new) else owner.number


def _masked(bits: int, inode: Inode) -> int:
    # "~": nothing becomes executable, writable or readable that was not at all.
    for which in (0o111, 0o222, 0o444):
        if not inode.mode & which:
            bits &= ~which
    return bits if inode.kind is Kind.DIRECTORY else bits & 0o777


def _glob(root: Root, pattern: str) -> Iterator[str]:
    """The paths that a pattern of glob(7) with braces finds, as they are written."""
    for one in dict.fromkeys(_braces(pattern)):
        found = [""]
        parts = one.split("/") if one else []
        for part in parts:
            found = [name for above in found for name in _matching(root, above, part)]
        yield from found


def _braces(pattern: str) -> list[str]:
    """The patterns that one with braces stands for, in order. Raises ToolError if there are too many."""
    made, todo = list[str](), [pattern]
    while todo:
        one = todo.pop()
        if parts := _first_braces(one):
            todo += reversed(parts)
        else:
            made.append(one)
        if len(made) + len(todo) > _MOST_PATTERNS or len(pattern) > _LONGEST_PATTERN:
            shown = f"{pattern[:60]}…" if len(pattern) > 60 else pattern
            raise ToolError(
                f"/{shown}: stands for more than {_MOST_PATTERNS} patterns, or is longer than "
                f"{_LONGEST_PATTERN} characters"
            )
    return made


def _first_braces(pattern: str) -> list[str]:
    """The pattern with each of the alternatives in its first braces; none without braces."""
    depth, start, parts = 0, 0, list[str]()
    open_at = pattern.find("{")
    while open_at >= 0 and pattern[open_at : open_at + 2] == "{}":
        open_at = pattern.find("{", open_at + 2)
    if open_at < 0:
        return []
    for at in range(open_at, len(pattern)):
        if pattern[at] == "{":
            depth += 1
            start = at + 1 if depth == 1 else start
        elif pattern[at] == "," and depth == 1:
            parts.append(pattern[start:at])
            start = at + 1
        elif pattern[at] == "}":
            depth -= 1
            if depth == 0:
                parts.append(pattern[start:at])
                return [pattern[:open_at] + part + pattern[at + 1 :] for part in parts]
    return []


def _matching(root: Root, above: str, part: str) -> list[str]:
    folder = root.tree.resolve(above)
    inode = root.tree.get(folder)
    if inode is None or inode.kind is not Kind.DIRECTORY:
        return []
    prefix = f"{above}/" if above else ""
    if not any(character in part for character in "*?[\\"):
        there = part == ".." or (f"{folder}/{part}" if folder else part) in root.tree
        return [prefix + part] if there else []
    names = (path.rpartition("/")[2] for path in root.tree.children(folder))
    hidden = part.startswith((".", "\\."))
    wanted = _bytes_of(part)
    return [
        prefix + name
        for name in names
        if (hidden or name[0] != ".") and patterns.matches(wanted, _bytes_of(name))
    ]


def _bytes_of(text: str) -> str:
    """The bytes of a name as characters, which patterns are matched by in the locale C."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
