"""Homes of users: made with what a skeleton has, given to others, removed; mailboxes."""

import errno

from tools.sysimage.commands.account_numbers import Definitions
from tools.sysimage.commands.call import Call
from tools.sysimage.core.tree import Inode, Kind, directory, file


def make_parents(call: Call, path: str) -> None:
    """Makes a directory and those above it. Raises OSError if something that is none is in the way."""
    done = ""
    for part in filter(None, path.split("/")):
        done = f"{done}/{part}"
        inode = call.files.find(done)
        if inode is None:
            call.files.make_directory(done, 0o755)
            made = call.files.get(done)
            made.uid = made.gid = 0
        elif inode.kind is not Kind.DIRECTORY:
            raise OSError(errno.ENOTDIR, "Not a directory", done)


def copy_skeleton(call: Call, skeleton: str, home: str, uid: int, gid: int) -> None:
    """Copies what is in a directory into a home, with its modes, for its user."""
    source = call.files.find(skeleton)
    if source is None or source.kind is not Kind.DIRECTORY:
        return
    where, _ = call.files.lookup(skeleton)
    target, _ = call.files.lookup(home)
    for below in list(call.root.tree.below(where)):
        inode = call.root.tree[below]
        copy = directory() if inode.kind is Kind.DIRECTORY else Inode(inode.kind, 0, content=inode.content)
        copy.mode, copy.uid, copy.gid, copy.target = inode.mode, uid, gid, inode.target
        if inode.kind is Kind.FILE:
            copy.content = file(inode.read()).content
        copy.origin = call.world.who
        call.root.tree.put(target + below[len(where) :], copy)


def home_mode(definitions: Definitions) -> int:
    """The mode of a home that useradd makes."""
    return definitions.number("HOME_MODE", 0o777 & ~definitions.number("UMASK", 0o022))


def give(call: Call, path: str, uids: tuple[int, int], gids: tuple[int, int]) -> None:
    """Gives all that one user and one group have in a tree to others: of (1, 2), what 1 has comes to 2."""
    where, _ = call.files.lookup(path)
    for below in [where, *call.root.tree.below(where)]:
        inode = call.root.tree[below]
        uid = uids[1] if inode.uid == uids[0] else None
        gid = gids[1] if inode.gid == gids[0] else None
        if (uid, gid) != (inode.uid, inode.gid):
            call.files.chown(inode, uid, gid)


def mailbox(name: str, definitions: Definitions) -> str:
    """The path of a user's mailbox, "" if there is none."""
    if "MAIL_DIR" not in definitions and "MAIL_FILE" in definitions:
        return ""
    return f"{definitions.get('MAIL_DIR', '/var/mail')}/{name}"


def make_mailbox(call: Call, name: str, uid: int, gid: int | None, definitions: Definitions) -> None:
    """Makes an empty mailbox, if its folder is there; `gid` is the group mail."""
    path = mailbox(name, definitions)
    if not path or call.files.find(path, follow=False) is not None:
        return
    try:
        call.files.write(path, b"", 0)
    except OSError:
        return
    inode = call.files.get(path)
    inode.uid, inode.mode = uid, 0o600 if gid is None else 0o660
    if gid is not None:
        inode.gid = gid
