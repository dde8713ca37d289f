"""System accounts as adduser(8) and addgroup(8) make them.

Numbers are the first that are free from 100 upwards, one for the user and one for the group of the same
name. As everywhere, the date of the last password change stays empty.
"""

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.account_table import Table
from tools.sysimage.effects.root import Root

_FIRST, _LAST = 100, 999  # FIRST_SYSTEM_UID and LAST_SYSTEM_UID of adduser.conf(5)


def addgroup(root: Root, who: str, *, name: str) -> None:
    """`addgroup --system`: nothing if there is such a group."""
    group = Table(root, "etc/group", 0o644)
    if group.field(name, 2) is not None:
        return
    group.add(f"{name}:x:{_free(group, name, who)}:")
    group.save(who)
    _add_shadow(root, who, "etc/gshadow", f"{name}:!::")


def adduser(
    root: Root,
    who: str,
    *,
    name: str,
    group: bool = False,
    home: str = "/nonexistent",
    shell: str = "/usr/sbin/nologin",
    comment: str = "",
) -> None:
    """`adduser --system --no-create-home`: nothing if there is such a user.

    With `group`, the user gets a group of the same name, else the group nogroup.
    """
    passwd = Table(root, "etc/passwd", 0o644)
    if passwd.field(name, 2) is not None:
        return
    if group:
        addgroup(root, who, name=name)
    gid = root.gid(name if group else "nogroup")
    passwd.add(f"{name}:x:{_free(passwd, name, who)}:{gid}:{comment}:{home}:{shell}")
    passwd.save(who)
    _add_shadow(root, who, "etc/shadow", f"{name}:!:::::::")


def add_member(root: Root, who: str, *, user: str, group: str) -> None:
    """`adduser USER GROUP`. Raises ToolError if there is no such group."""
    if root.gid(group) is None:
        raise ToolError(f"{who}: no group {group} for {user} to be in; correct the ledger")
    for path in ("etc/group", "etc/gshadow"):
        table = Table(root, path, 0o640)
        table.add_member(group, 3, user)
        table.save(who)


def _free(table: Table, name: str, who: str) -> int:
    number = next((number for number in range(_FIRST, _LAST + 1) if not table.names_of(number)), None)
    if number is None:
        raise ToolError(f"{who}: no number from {_FIRST} to {_LAST} is free for {name}; leave something out")
    return number


def _add_shadow(root: Root, who: str, path: str, line: str) -> None:
    # Before shadowconfig has run there is none, and it makes the line.
    if root.tree.find(path) is not None:
        table = Table(root, path, 0o640)
        table.add(line)
        table.save(who)
