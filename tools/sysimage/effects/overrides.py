"""dpkg-statoverride(1) and dpkg-divert(1)."""

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.unpack import Diversion
from tools.sysimage.effects.root import Root


def statoverride(root: Root, who: str, *, path: str, owner: str, mode: int, later: bool = False) -> None:
    """Sets mode and owner of a packaged file or folder and records that dpkg is to keep them.

    With `later` it need not be there yet, and is then made by something else as it is wanted.
    """
    user, _, group = owner.partition(":")
    uid, gid = root.uid(user), root.gid(group)
    inode = root.tree.find(path)
    if inode is None and not later:
        raise ToolError(f"{who} needs /{path}, which no package of the set has; add it or correct the ledger")
    if uid is None or gid is None:
        raise ToolError(f"{who}: no user or group {owner} for /{path}; correct the ledger")
    if inode is not None:
        inode.mode, inode.uid, inode.gid = mode, uid, gid
    root.overrides[path] = f"{user} {group} {mode:o} /{path}"


def divert(root: Root, who: str, *, path: str, to: str, package: str = "") -> None:
    """Records a diversion: what other packages ship as `path` is unpacked as `to`. Nothing is renamed."""
    root.unpacker.diversions[path] = Diversion(path, to, package or who)
