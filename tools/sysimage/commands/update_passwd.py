"""update-passwd(8) of base-passwd: whether the accounts are those of its masters."""

from collections.abc import Mapping

from tools.sysimage.commands.account_files import GROUP, PASSWD, Accounts
from tools.sysimage.commands.call import Call, Command

_MASTERS = {PASSWD: "usr/share/base-passwd/passwd.master", GROUP: "usr/share/base-passwd/group.master"}
_STATIC = 100  # numbers below are Debian's own, for all machines


def update_passwd(call: Call) -> int:
    """update-passwd(8) where nothing is to change, as after each installation; it asks about each change."""
    given = call.options("-v --verbose", "-n --dry-run", "-L --no-locking", "-s --sanity-check")
    if given.operands or "sanity-check" in given:
        call.refuse("update-passwd: these options are not modelled")
    accounts = Accounts(call)
    for path, master in _MASTERS.items():
        if not accounts[path].there or call.root.tree.find(master) is None:
            call.refuse(f"update-passwd: /{path} or /{master} is not there")
        wanted = {row[0]: row for row in (line.split(":") for line in call.root.text(master).splitlines())}
        for name, row in wanted.items():
            there = accounts[path].row(name)
            # The administrator's own comment, home and shell stay.
            if there is None or _compared(path, there) != _compared(path, row):
                call.refuse(f"update-passwd: {name} in /{path} is not as in /{master}; it would ask")
        for row in accounts[path].entries():
            if row[0] not in wanted and int(row[2]) < _STATIC:
                call.refuse(f"update-passwd: {row[0]} in /{path} is not in /{master}; it would ask")
    if "verbose" in given or "dry-run" in given:
        call.out("No changes needed\n")
    return 0


def _compared(path: str, row: list[str]) -> list[str]:
    if path == GROUP:
        return row[2:3]
    return row[2:4] if row[2] == "0" else row[2:]


COMMANDS: Mapping[str, Command] = {"update-passwd": update_passwd}
"""This family's commands by name."""
