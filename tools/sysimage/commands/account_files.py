"""The account databases as shadow's programs change them: passwd, group, shadow, gshadow, subuid, subgid."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.sysimage.commands.call import Call

PASSWD, GROUP, SHADOW, GSHADOW = "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"
SUBUID, SUBGID = "etc/subuid", "etc/subgid"
_FIELDS = {PASSWD: 7, GROUP: 4, SHADOW: 9, GSHADOW: 4, SUBUID: 3, SUBGID: 3}


@dataclass(slots=True)
class Database:
    """A colon-separated file: the fields of its lines, those that are none kept as they are."""

    path: str
    rows: list[list[str]]
    there: bool = True
    changed: bool = False

    def row(self, name: str) -> list[str] | None:
        """The fields of a name, None if there is none."""
        return next((row for row in self.rows if row[0] == name and len(row) > 1), None)

    def by_number(self, number: int) -> list[str] | None:
        """The fields of who has a number."""
        text = str(number)
        return next((row for row in self.rows if len(row) > 2 and row[2] == text), None)

    def add(self, *fields: str) -> None:
        """Adds a line at the end, if the file is there."""
        if self.there:
            self.rows.append(list(fields))
            self.changed = True

    def remove(self, name: str) -> None:
        """Removes the lines of a name."""
        kept = [row for row in self.rows if row[0] != name]
        self.changed |= len(kept) < len(self.rows)
        self.rows = kept

    def numbers(self) -> Iterator[int]:
        """Yields the numbers in use."""
        for row in self.rows:
            if len(row) > 2 and row[2].isdigit():
                yield int(row[2])


@dataclass(slots=True)
class Accounts:
    """All databases, as they are when a command begins; `save` writes those that have changed."""

    call: Call
    files: dict[str, Database] = field(default_factory=dict)

    def __getitem__(self, path: str) -> Database:
        if path not in self.files:
            lines = self.call.root.text(path).splitlines()
            there = self.call.root.tree.find(path) is not None
            self.files[path] = Database(path, [line.split(":") for line in lines], there)
        return self.files[path]

    def save(self) -> None:
        """Writes what has changed."""
        for path, database in self.files.items():
            if database.changed:
                text = "".join(":".join(row) + "\n" for row in database.rows)
                self.call.root.write(path, text, origin=self.call.world.who)

    def user(self, text: str) -> list[str] | None:
        """The line of a user in passwd, by name."""
        return self[PASSWD].row(text)

    def group(self, text: str) -> list[str] | None:
        """The line of a group, by name, or by number if it is one."""
        found = self[GROUP].row(text)
        return self[GROUP].by_number(int(text)) if found is None and text.isdigit() else found

    def add_member(self, group: str, user: str) -> None:
        """Adds a user to a group, in group and in gshadow."""
        for path in (GROUP, GSHADOW):
            row = self[path].row(group)
            if row is not None:
                members = [name for name in row[3].split(",") if name]
                if user not in members:
                    row[3] = ",".join([*members, user])
                    self[path].changed = True

    def remove_member(self, group: str, user: str) -> bool:
        """Removes a user from a group; says whether it was in it."""
        found = False
        for path in (GROUP, GSHADOW):
            row = self[path].row(group)
            if row is not None and user in row[3].split(","):
                row[3] = ",".join(name for name in row[3].split(",") if name != user)
                self[path].changed = found = True
        return found


def login_defs(call: Call) -> dict[str, str]:
    """What login.defs(5) says, by key."""
    return dict(re.findall(r"^([A-Z_]+)[ \t]+(.*?)[ \t]*$", call.root.text("etc/login.defs"), re.MULTILINE))


def _free(used: set[int], low: int, high: int, *, system: bool) -> int | None:
    """The number that useradd and groupadd take.

    For a system account it is the one below the lowest that is used, else the highest that is free; for
    others the one above the highest, else the lowest that is free.
    """
    inside = [number for number in used if low <= number <= high]
    if system:
        first = min(inside, default=high + 1) - 1
        if low <= first:
            return first
        return next((number for number in range(high, low - 1, -1) if number not in used), None)
    first = max(inside, default=low - 1) + 1
    if first <= high:
        return first
    return next((number for number in range(low, high + 1) if number not in used), None)


def new_number(
    accounts: Accounts, path: str, definitions: dict[str, str], *, system: bool, preferred: int | None = None
) -> int | None:
    """A free number for a user (PASSWD) or a group (GROUP); `preferred` if that is free and in the range."""
    kind = "UID" if path == PASSWD else "GID"
    low = int(definitions.get(f"{kind}_MIN", "1000"))
    high = int(definitions.get(f"{kind}_MAX", "60000"))
    if system:
        high = int(definitions.get(f"SYS_{kind}_MAX", str(low - 1)))
        low = int(definitions.get(f"SYS_{kind}_MIN", "101"))
    used = set(accounts[path].numbers())
    if preferred is not None and preferred not in used and low <= preferred <= high:
        return preferred
    return _free(used, low, high, system=system)


def add_subordinate(accounts: Accounts, name: str, definitions: dict[str, str]) -> None:
    """Gives a user ranges in subuid(5) and subgid(5)."""
    for path, kind in ((SUBUID, "UID"), (SUBGID, "GID")):
        if not accounts[path].there:
            continue
        count = int(definitions.get(f"SUB_{kind}_COUNT", "65536"))
        first = int(definitions.get(f"SUB_{kind}_MIN", "100000"))
        for row in sorted(accounts[path].rows, key=lambda row: int(row[1])):
            if first + count <= int(row[1]):
                break
            first = max(first, int(row[1]) + int(row[2]))
        accounts[path].add(name, str(first), str(count))
