"""Accounts that the user adds to a root filesystem."""

from collections.abc import Sequence

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import accounts
from tools.sysimage.effects.root import Root


def users(root: Root, lines: Sequence[str]) -> None:
    """Makes accounts, from lines of sysusers.d(5).

    Raises ToolError for a name or a number that is there already, and for a member that is nobody.
    """
    items = [accounts.parse(root, line, f"users: {line!r}") for line in lines]
    for item in items:
        tables = {"u": ("etc/passwd", "etc/group"), "g": ("etc/group",)}.get(item.kind, ())
        for path in tables:
            if item.name in accounts.Table(root, path, 0).names():
                raise ToolError(f"users: {item.name} is in /{path} already; choose another name")
        if item.number.isdigit() and item.kind in "ug":
            for path in tables:
                taken = accounts.Table(root, path, 0).names_of(int(item.number))
                if taken:
                    who = ", ".join(sorted(taken))
                    raise ToolError(
                        f"users: {item.name}: {who} in /{path} has the number {item.number}; choose another"
                    )
    numbers = [(item.kind, item.number) for item in items if item.kind in "ug" and item.number]
    doubled = sorted({number for kind, number in numbers if numbers.count((kind, number)) > 1})
    names = [(item.kind, item.name) for item in items if item.kind in "ug"]
    doubled += sorted({name for kind, name in names if names.count((kind, name)) > 1})
    if doubled:
        raise ToolError(f"users: {', '.join(doubled)} is given twice; keep one")
    made = {name for kind, name in names if kind == "u"}
    for item in items:
        # systemd-sysusers would make such a user; here it is a slip.
        if item.kind == "m" and item.name not in made and root.uid(item.name) is None:
            raise ToolError(
                f"users: there is no user {item.name} to be in the group {item.number}; add a line"
            )
    if notes := accounts.apply(root, "users", items):
        # systemd-sysusers goes on, with other numbers than those that are asked for.
        raise ToolError(f"{notes[0]}; correct the lines")
