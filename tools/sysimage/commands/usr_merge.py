"""The programs of usrmerge: they make /bin, /sbin and /lib links to what is in /usr.

A release in which base-files ships these links needs none of them.
"""

import dataclasses
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.tree import Inode, Kind, directory, symlink

_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32")
# Of two files, the one in / goes.
_IGNORED = ("lib/udev/hwdb.bin",)
_BROKEN = "usrmerge-broken"
_SHELLS = "/etc/shells"


class _ConflictError(Exception):
    """Two files of one name that the program can't merge."""


def convert_usrmerge(call: Call) -> int:
    """Moves what is in /bin and its like into /usr, and makes links of them; 1 where two files conflict."""
    merge = _Merge(call)
    tree = call.root.tree
    for folder in _FOLDERS:
        if _is_directory(call, folder) and call.files.find(f"/usr/{folder}") is None:
            tree.add(f"usr/{folder}", directory(origin=call.world.who))
    try:
        for folder in _FOLDERS:
            merge.folder(folder, later=True)
        # What a link leads to is in /usr by now.
        for path in merge.links:
            merge.path(path, later=False)
    except _ConflictError as error:
        call.machine.stream(2).write(f"\nFATAL ERROR:\n{error}.\n".encode("utf-8", "surrogateescape"))
        return 1
    for folder in _FOLDERS:
        _link(call, folder)
    call.out("The system has been successfully converted.\n")
    return 0


def _link(call: Call, folder: str) -> None:
    """Makes a link of what only has links and directories now."""
    tree = call.root.tree
    inode = tree.get(folder)
    if inode is not None and inode.kind is Kind.SYMLINK:
        return
    if inode is None and call.files.find(f"/usr/{folder}") is None:
        return
    tree.remove(folder)
    tree.put(folder, symlink(f"usr/{folder}", call.world.who))


def _is_directory(call: Call, path: str) -> bool:
    inode = call.files.find(f"/{path}")
    return inode is not None and inode.kind is Kind.DIRECTORY


class _Merge:
    """A conversion: `links` are the symbolic links that wait for the rest."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.tree = call.root.tree
        self.links: list[str] = []

    def folder(self, path: str, *, later: bool) -> None:
        """Converts all that is in a directory; of a link to one, nothing."""
        for child in self.tree.children(path):
            self.path(child, later=later)

    def path(self, path: str, *, later: bool) -> None:
        """Converts one path: afterwards it is a link to the one in /usr, or a directory of such links.

        With `later`, a link is only noted. Raises _ConflictError.
        """
        merged = f"usr/{path}"
        old, new = self.tree[path], self.tree.get(merged)
        is_link, leads = old.kind is Kind.SYMLINK, self._is_there(path)
        if is_link and not leads and self._is_there(merged):
            self._move(path, f"{path}.{_BROKEN}")
            return
        if new is not None and new.kind is Kind.SYMLINK and not self._is_there(merged):
            self._move(merged, f"{merged}.{_BROKEN}")
            new = None
        if new is None:
            if _is_directory(self.call, path):
                self._move(path, merged)
                self._lead(path)
            elif is_link and later:
                self.links.append(path)
            else:
                self._copy(path, merged)
        elif is_link or new.kind is Kind.SYMLINK:
            self._with_links(path, old, merged, new)
        elif old.kind is Kind.DIRECTORY and new.kind is Kind.DIRECTORY:
            self.folder(path, later=later)
        elif path in _IGNORED:
            self.tree.remove(path)
        elif old.kind is Kind.DIRECTORY or new.kind is Kind.DIRECTORY:
            first, second = (path, merged) if old.kind is Kind.DIRECTORY else (merged, path)
            raise _ConflictError(f"/{first} is a directory and /{second} is not")
        else:
            raise _both(path)

    def _with_links(self, path: str, old: Inode, merged: str, new: Inode) -> None:
        """What becomes of two of which one is a link, or both are."""
        there = f"/{path.rpartition('/')[0]}"
        if old.kind is not Kind.SYMLINK:
            if new.target != f"/{path}":
                raise _both(path)
            self.tree.remove(merged)
            self._copy(path, merged)
        elif new.kind is not Kind.SYMLINK:
            if old.target != f"/{merged}":
                raise _both(path)
        elif new.target == f"/{path}":
            real = self.call.files.real_path(f"/{path}")
            self.tree.put(merged, symlink(real, new.origin))
            self.tree.put(path, symlink(real, old.origin))
        elif new.target not in (old.target, f"{there}/{old.target}", f"/usr{there}/{old.target}") and (
            old.target != f"/{merged}"
        ):
            raise _both(path)

    def _is_there(self, path: str) -> bool:
        return self.call.files.find(f"/{path}") is not None

    def _move(self, old: str, new: str) -> None:
        self.tree.move(old, new)
        owners = self.call.root.unpacker.owners
        for path in [path for path in owners if path == old or path.startswith(f"{old}/")]:
            owners[new + path.removeprefix(old)] = owners.pop(path)

    def _copy(self, old: str, new: str) -> None:
        # As cp does it for each file alone: of two hard links two files become.
        self.tree.put(new, dataclasses.replace(self.tree[old]))
        owners = self.call.root.unpacker.owners
        if old in owners:
            owners[new] = owners.pop(old)
        self._lead(old)

    def _lead(self, path: str) -> None:
        self.tree.put(path, symlink(f"/usr/{path}", self.tree[f"usr/{path}"].origin))


def _both(path: str) -> _ConflictError:
    return _ConflictError(f"Both /{path} and /usr/{path} exist")


def convert_etc_shells(call: Call) -> int:
    """Lists each shell of /bin and /sbin a second time, by its path in /usr."""
    name = call.path(call.arguments[0]) if call.arguments else _SHELLS
    text = call.files.read(name).decode("utf-8", "surrogateescape")
    shells = text.removesuffix("\n").split("\n") if text else []
    new = [
        f"/usr{shell}"
        for shell in shells
        if shell.startswith(("/bin/", "/sbin/")) and f"/usr{shell}" not in shells
    ]
    if new:
        # It is a new file: the old one's mode and owner are lost.
        call.files.write(
            f"{name}.tmp",
            "".join(f"{shell}\n" for shell in (*shells, *new)).encode("utf-8", "surrogateescape"),
        )
        call.files.rename(f"{name}.tmp", name)
    return 0


COMMANDS: Mapping[str, Command] = {
    "convert-etc-shells": convert_etc_shells,
    "convert-usrmerge": convert_usrmerge,
}
"""This family's commands by name."""
