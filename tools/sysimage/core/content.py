"""What a manifest says of files, links and unit states for an image: `content_manifest` of the rules."""

import re
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.nearest import nearest
from tools.sysimage.core.tree import Inode, Kind, Tree, check_path, directory

# What is laid there is hidden by a file system that every guest mounts over it.
_MOUNTED = frozenset({"dev", "proc", "run", "sys"})
_MODE = re.compile("[0-7]{1,4}")
_NOBODY = (1 << 32) - 1  # for chown(2), this number means: leave the owner as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInput:
    """A file to lay into the image."""

    path: str
    source: Path
    mode: str = "0644"  # octal
    uid: int = 0
    gid: int = 0
    replace: bool = False  # whether it may replace a file that is there

    def bits(self, where: str) -> int:
        """The mode as a number. Raises ToolError if it is none; `where` is the manifest, for the message."""
        return bits(self.mode, f"{where}: {self.path!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SymlinkInput:
    """A symbolic link to make in the image."""

    path: str
    target: str
    replace: bool = False  # as of a file

    def check(self, where: str) -> None:
        """Raises ToolError for a target that no link can have, or that is the link itself."""
        if not self.target:
            raise ToolError(f"{where}: {self.path!r}: a symbolic link needs a target; give one")
        check_path(self.target, f"{where}: the target of {self.path!r}")
        above, _, name = self.path.strip("/").rpartition("/")
        if self.target in (name, f"./{name}", f"/{above}/{name}" if above else f"/{name}"):
            raise ToolError(f"{where}: {self.path!r}: the link leads to itself; give another target")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryInput:
    """A directory to make in the image, or one that is there and is to have another mode or owner."""

    path: str
    says: str = ""  # "MODE USER:GROUP", of which either may be missing: 0755, root:root
    replace: bool = False  # whether one that is there may change

    def inode(self, files: Files, where: str) -> Inode:
        """The directory. Raises ToolError for a mode or an owner that is none."""
        words = self.says.split()
        mode = words.pop(0) if words and words[0][0].isdigit() and ":" not in words[0] else "0755"
        who = f"{where}: {self.path!r}"
        if len(words) > 1:
            raise ToolError(
                f'{who}: {self.says!r} is not "MODE USER:GROUP"; write for instance "0750 app:app"'
            )
        return directory(bits(mode, who), *owner(files, words[0] if words else "0:0", who), where)

    def lay(self, tree: Tree, path: str, made: Inode, where: str) -> None:
        """Makes the directory at the real `path`. Raises ToolError for what may not be changed."""
        old = tree.get(path)
        if old is not None and old.kind is not Kind.DIRECTORY:
            raise ToolError(f"{where}: /{path} is a {old.kind.value} in the image; choose another path")
        same = old is not None and (old.mode, old.uid, old.gid) == (made.mode, made.uid, made.gid)
        if same:
            return
        if old is not None and not self.replace:
            raise ToolError(
                f"{where}: /{path} is there with mode {old.mode:04o} and owner {old.uid}:{old.gid}; "
                "name it in replace if it is to change"
            )
        tree.add(path, made)


def bits(mode: str, where: str) -> int:
    """An octal mode as a number. Raises ToolError if it is none; `where` names file and path."""
    if not _MODE.fullmatch(mode):
        raise ToolError(
            f"{where}: mode {mode!r} is not octal (one to four digits, up to 7777); write for instance 0644"
        )
    return int(mode, 8)


def owner(files: Files, text: str, where: str) -> tuple[int, int]:
    """The numbers of "USER:GROUP", or of a user and the group of that name. Raises ToolError."""
    user, colon, group = text.partition(":")
    if not user or (colon and not group):
        raise ToolError(f'{where}: owner {text!r} is not "USER:GROUP"; write for instance "app:app"')
    uid, gid = files.uid(user), files.gid(group or user)
    if uid is None or gid is None:
        kind, name, place = (
            ("user", user, "etc/passwd") if uid is None else ("group", group or user, "etc/group")
        )
        raise ToolError(
            f"{where}: no user or group {text}: the image has no {kind} {name} in /{place}"
            f"{nearest(name, files.accounts(place))}; correct it, or make it with users"
        )
    if max(uid, gid) >= _NOBODY:
        raise ToolError(f"{where}: owner {text!r}: the highest number is {_NOBODY - 1}; choose a lower one")
    return uid, gid


def check_lasting(path: str, where: str) -> None:
    """Raises ToolError for a path that a running guest never sees."""
    if (first := path.partition("/")[0]) in _MOUNTED:
        raise ToolError(
            f"{where}: /{path}: at boot, a file system is mounted over /{first} and hides it; have it made "
            "at boot, by a file in usr/lib/tmpfiles.d (tmpfiles.d(5)), or choose another path"
        )


@dataclass(frozen=True, slots=True)
class ServicesInput:
    """Units, by what is done to them."""

    disable: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    unmask: tuple[str, ...] = ()
