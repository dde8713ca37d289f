"""Single files, directories and links that a script makes by itself, with the path in the ledger."""

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.effects.root import Root


def owner_of(root: Root, owner: str, who: str) -> tuple[int, int]:
    """The numbers of "USER:GROUP", or of a user and the group of that name.

    Raises ToolError for one that is unknown.
    """
    user, _, group = owner.partition(":")
    uid, gid = root.uid(user), root.gid(group or user)
    if uid is None or gid is None:
        raise ToolError(f"{who}: no user or group {owner} in /etc/passwd and /etc/group; correct it")
    return uid, gid


def copy(root: Root, who: str, *, source: str, to: str, mode: int | None = None) -> None:
    """Copies a file that a package ships to where it is used, mode and owner too, unless one is there."""
    if root.tree.find(to) is not None:
        return
    old = root.need(source, who)
    path = root.tree.resolve(to)
    root.tree.make_parents(path, who)
    new = Inode(
        Kind.FILE, old.mode if mode is None else mode, old.uid, old.gid, content=old.content, origin=who
    )
    root.tree.put(path, new)


def touch(
    root: Root, who: str, *, path: str, mode: int | None = None, owner: str = "", text: str = ""
) -> None:
    """Makes a file with `text` unless one is there; sets mode and owner where they are given."""
    if root.tree.find(path) is None:
        root.write(path, text, origin=who)
    inode = root.need(path, who)
    if mode is not None:
        inode.mode = mode
    if owner:
        inode.uid, inode.gid = owner_of(root, owner, who)


def mkdir(root: Root, who: str, *, path: str, mode: int = 0o755, owner: str = "root:root") -> None:
    """Makes a directory with this mode and owner unless something is there."""
    uid, gid = owner_of(root, owner, who)
    root.mkdir(path, mode, uid, gid, who)


def link(root: Root, who: str, *, path: str, target: str, replace: bool = False) -> None:
    """Makes a symbolic link; `replace` removes what is there, and only an empty directory."""
    inode = root.tree.get(path)
    if replace and inode is not None and inode.kind is Kind.DIRECTORY and root.tree.children(path):
        raise ToolError(f"{who}: /{path} would become a link but is a directory that is not empty")
    root.link(path, target, who, replace=replace)


def own(root: Root, who: str, *, path: str, mode: int | None = None, owner: str = "") -> None:
    """Sets mode and owner of what a package ships, as chmod(1) and chown(1) do."""
    inode = root.tree.find(path)
    if inode is None:
        raise ToolError(f"{who} needs /{path}, which no package of the set has; add it or correct the ledger")
    if mode is not None:
        inode.mode = mode
    if owner:
        inode.uid, inode.gid = owner_of(root, owner, who)
