"""Accounts as systemd-sysusers(8) 257 makes them with `--root`: groups, then users, then memberships.

Numbers are given from 999 downwards, anew for each call, a user's group first. What is there stays as it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.account_table import Table
from tools.sysimage.effects.root import Root
from tools.sysimage.effects.sysusers_lines import Item

_FIRST, _LAST = 100, 999  # the numbers of dynamic system accounts, as Debian builds systemd
_NOLOGIN = "/usr/sbin/nologin"


@dataclass(slots=True)
class _Run:
    root: Root
    who: str
    passwd: Table
    group: Table
    shadow: Table
    gshadow: Table
    range: frozenset[int]  # of the numbers that it gives
    numbers: Iterator[int]  # those that it has not tried yet, the highest first
    notes: list[str] = field(default_factory=list)
    new_groups: dict[str, int] = field(default_factory=dict)

    def free(self, name: str) -> int:
        """The next number that neither a user nor a group of another name has. Raises ToolError."""
        for number in self.numbers:
            if self.is_free_for_both(number, name):
                return number
        low, high = min(self.range), max(self.range)
        raise ToolError(f"{self.who}: no number from {low} to {high} is free for {name}; give it one")

    def is_free_for_both(self, number: int, name: str) -> bool:
        """Whether a user of this name and its group can have a number."""
        return not (self.passwd.names_of(number) | self.group.names_of(number)) - {name}

    def add_group(self, item: Item, number: str) -> None:
        """Makes a group, unless there is one of the name. `number` is of the group alone, if it has one."""
        name = item.name
        if self.group.field(name, 2) is not None:
            return
        gid: int | None = None
        if number:
            gid = None if self.group.names_of(int(number)) else int(number)
            if gid is None:
                self.notes.append(f"{item.where}: the group number {number} of {name} is used already")
        elif item.number and item.kind == "u":
            uid = int(item.number)
            # A number of a user can be its group's, if nobody else has it.
            gid = uid if not self.group.names_of(uid) and not self.passwd.names_of(uid) - {name} else None
        if gid is None and item.path:
            gid = self._of_path(item, user=False)
        self.new_groups[name] = gid = self.free(name) if gid is None else gid
        self.group.add(f"{name}:x:{gid}:")
        self.gshadow.add(f"{name}:!*::")

    def _of_path(self, item: Item, *, user: bool) -> int | None:
        inode = self.root.tree.find(item.path.lstrip("/"))
        number = None if inode is None else inode.uid if user else inode.gid
        fits = number in self.range and number and self.is_free_for_both(number, item.name)
        return number if fits else None

    def add_user(self, item: Item, groups: dict[str, Item]) -> None:
        """Makes a user, and a group of its name if it is given none. Raises ToolError."""
        name, shared, gid = item.name, False, ""
        target = item.group if item.group and not item.group.isdigit() else name
        if not item.group.isdigit() and target in groups and target in self.new_groups:
            gid, shared = str(self.new_groups[target]), True
        elif item.group and not item.group.isdigit():
            found = self.group.field(item.group, 2)
            if found is None:
                raise ToolError(f"{item.where}: the group {item.group} of {name} is not there; add it")
            gid, shared = found, True
        elif item.group and (self.group.field(name, 2) is None or name in self.new_groups):
            if not self.group.names_of(int(item.group)):
                raise ToolError(f"{item.where}: no group has the number {item.group} of {name}; add one")
            gid, shared = item.group, True
        else:
            self.add_group(item, "")
            gid, shared = self.group.field(name, 2) or "", bool(item.group)
        if self.passwd.field(name, 2) is not None:
            return
        uid = self._uid(item, int(gid), shared)
        shell = item.shell or (self._root_shell() if uid == 0 else _NOLOGIN)
        self.passwd.add(f"{name}:x:{uid}:{gid}:{item.gecos}:{item.home or '/'}:{shell}")
        if name not in self.shadow.names():
            # Expired on the second day of 1970: locked for every way of logging in.
            self.shadow.add(f"{name}:!*::::::{'1' if item.locked else ''}:")
        else:
            self.shadow.touch()

    def _uid(self, item: Item, gid: int, shared: bool) -> int:
        if item.number:
            uid, name = int(item.number), item.name
            # With a group that others have too, the number of the user is its own matter.
            if not self.passwd.names_of(uid) and (shared or self.is_free_for_both(uid, name)):
                return uid
            self.notes.append(f"{item.where}: the user number {uid} of {name} is used already")
        found = self._of_path(item, user=True) if item.path else None
        if found is not None:
            return found
        return gid if self.is_free_for_both(gid, item.name) else self.free(item.name)

    def _root_shell(self) -> str:
        return "/bin/bash" if self.root.tree.find("bin/bash") is not None else "/bin/sh"


def apply(root: Root, who: str, items: Iterable[Item], *, lenient: bool = False) -> list[str]:
    """Makes the accounts of parsed lines, and returns what systemd-sysusers would complain of.

    Raises ToolError for an account that can't be made; with `lenient`, that is a complaint as well.
    """
    users: dict[str, Item] = {}
    groups: dict[str, Item] = {}
    members: dict[str, list[str]] = {}
    numbers: set[int] = set()
    notes: list[str] = []
    for item in items:
        if item.kind == "r":
            first, _, last = item.number.partition("-")
            numbers.update(range(int(first), int(last) + 1))
        elif item.kind == "m":
            names = members.setdefault(item.number, [])
            names += [item.name] if item.name not in names else []
        else:
            earlier = (users if item.kind == "u" else groups).setdefault(item.name, item)
            if earlier.meaning() != item.meaning():
                notes.append(f"{item.where}: conflicts with {earlier.where}, and is ignored")
    for group, names in members.items():
        for name in names:
            users.setdefault(name, Item("u", name, ""))
        if group not in users:
            groups.setdefault(group, Item("g", group, ""))
    # Debian's systemd does not ask login.defs(5).
    numbers = numbers or set(range(_FIRST, _LAST + 1))
    run = _Run(
        root,
        who,
        Table(root, "etc/passwd", 0o644),
        Table(root, "etc/group", 0o644),
        Table(root, "etc/shadow", 0),
        Table(root, "etc/gshadow", 0),
        frozenset(numbers),
        iter(sorted(numbers, reverse=True)),
        notes,
    )
    for item in [*groups.values(), *users.values()]:
        try:
            if item.kind == "g":
                run.add_group(item, item.number)
            else:
                run.add_user(item, groups)
        except ToolError as error:
            if not lenient:
                raise
            notes.append(str(error))
    for table in (run.group, run.gshadow):
        for group, names in members.items():
            table.add_sorted_members(group, 3, names)
    for table in (run.passwd, run.group, run.shadow, run.gshadow):
        table.save(who)
    return run.notes
