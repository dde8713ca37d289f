"""Users and groups: passwd(5), group(5), shadow(5), gshadow(5), as sysusers.d(5) makes them.

Numbers are given as `systemd-sysusers --root` gives them: from 999 downwards, anew for each call, a
user's group first. The date of the last password change stays empty, as systemd writes it for
SOURCE_DATE_EPOCH=0: the date of a build is nothing that an image should tell.
"""

import shlex
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.root import Root

_FOLDERS = ("etc/sysusers.d", "run/sysusers.d", "usr/local/lib/sysusers.d", "usr/lib/sysusers.d")
_FIRST, _LAST = 999, 100  # the numbers of dynamic system accounts, as Debian builds systemd
_NOLOGIN = "/usr/sbin/nologin"


@dataclass(slots=True)
class Item:
    """A line of sysusers.d(5)."""

    kind: str  # "u", "g", "m", "r"
    name: str
    number: str
    group: str = ""
    gecos: str = ""
    home: str = ""
    shell: str = ""
    locked: bool = False  # "u!"


class Table:
    """A colon-separated database; its lines stay as they are, new ones come at the end."""

    def __init__(self, root: Root, path: str, mode: int) -> None:
        self._root, self._path, self._mode = root, path, mode
        self.lines = root.text(path).splitlines()
        self.changed = False

    def field(self, name: str, index: int) -> str | None:
        """A field of the line for `name`, or None."""
        for line in self.lines:
            fields = line.split(":")
            if fields[0] == name and len(fields) > index:
                return fields[index]
        return None

    def names(self) -> set[str]:
        """The names of all lines."""
        return {line.partition(":")[0] for line in self.lines}

    def names_of(self, number: int) -> set[str]:
        """Who has this number."""
        return {fields[0] for line in self.lines if (fields := line.split(":"))[2:3] == [str(number)]}

    def add(self, line: str) -> None:
        """Adds a line at the end."""
        self.lines.append(line)
        self.changed = True

    def add_member(self, name: str, index: int, user: str) -> None:
        """Adds a user to the list in a field of the line for `name`, if there is one."""
        for at, line in enumerate(self.lines):
            fields = line.split(":")
            if fields[0] == name:
                members = [member for member in fields[index].split(",") if member]
                if user not in members:
                    fields[index] = ",".join([*members, user])
                    self.lines[at] = ":".join(fields)
                    self.changed = True

    def save(self, who: str) -> None:
        """Writes the file if anything has changed."""
        if self.changed:
            mode = None if self._root.tree.find(self._path) else self._mode
            self._root.write(self._path, "".join(f"{line}\n" for line in self.lines), mode, who)


def sysusers(root: Root, who: str, *, names: list[str]) -> None:
    """Makes the accounts of these files of sysusers.d.

    Raises ToolError for a file that is not there or a line that sysusers.d(5) does not allow.
    """
    items: list[Item] = []
    for name in names:
        path = next((f"{folder}/{name}" for folder in _FOLDERS if root.tree.find(f"{folder}/{name}")), None)
        if path is None:
            raise ToolError(f"{who} needs sysusers.d/{name}, which no package of the set has; add it")
        for number, line in enumerate(root.text(path).splitlines(), 1):
            if line.strip() and line.lstrip()[0] not in "#;":
                items.append(parse(root, line, f"/{path}:{number}"))
    apply(root, who, items)


def parse(root: Root, line: str, where: str) -> Item:
    """Reads a line of sysusers.d(5). Raises ToolError for what is none."""
    words = shlex.split(line)
    kind = words[0].rstrip("!")
    if kind not in ("u", "g", "m", "r") or len(words) < (3 if kind == "m" else 2):
        raise ToolError(f"{where}: not a line of sysusers.d(5): {line!r}; correct the package or the file")
    words += ["-"] * (6 - len(words))
    values = ["" if word == "-" else word for word in words]
    number, group = values[2], ""
    if kind == "u" and number.startswith("/"):
        inode = root.tree.find(number.lstrip("/"))
        number = str(inode.uid) if inode else ""
    if kind == "u" and ":" in number:
        number, group = number.split(":")
        number = "" if number == "-" else number
    return Item(kind, values[1], number, group, values[3], values[4], values[5], words[0] == "u!")


def apply(root: Root, who: str, items: list[Item]) -> None:
    """Makes the accounts of parsed lines: groups, then users, then memberships."""
    passwd = Table(root, "etc/passwd", 0o644)
    group = Table(root, "etc/group", 0o644)
    shadow = Table(root, "etc/shadow", 0)
    gshadow = Table(root, "etc/gshadow", 0)
    next_free = _FIRST

    def free(name: str) -> int:
        nonlocal next_free
        while next_free >= _LAST:
            number = next_free
            next_free -= 1
            if not passwd.names_of(number) - {name} and not group.names_of(number) - {name}:
                return number
        raise ToolError(f"{who}: no number from {_LAST} to {_FIRST} is free for {name}; give it one")

    def add_group(name: str, wanted: str) -> None:
        if group.field(name, 2) is not None:
            return
        number = int(wanted) if wanted.isdigit() and not group.names_of(int(wanted)) else free(name)
        group.add(f"{name}:x:{number}:")
        gshadow.add(f"{name}:!*::")

    for item in items:
        if item.kind == "g" or (item.kind == "u" and not item.group):
            add_group(item.name, item.number)
        elif item.kind == "m":
            add_group(item.number, "")
    for item in items:
        if item.kind == "u" and passwd.field(item.name, 2) is None:
            gid = group.field(item.group or item.name, 2) or item.group
            taken = passwd.names_of(int(item.number or gid or 0))
            number = item.number or gid
            if taken or not number:
                number = str(free(item.name))
            shell = item.shell or ("/bin/sh" if number == "0" else _NOLOGIN)
            passwd.add(f"{item.name}:x:{number}:{gid}:{item.gecos}:{item.home or '/'}:{shell}")
            # Expired on the second day of 1970: locked for every way of logging in.
            shadow.add(f"{item.name}:!*::::::{'1' if item.locked else ''}:")
    for item in items:
        if item.kind == "m":
            group.add_member(item.number, 3, item.name)
            gshadow.add_member(item.number, 3, item.name)
    for table in (passwd, group, shadow, gshadow):
        table.save(who)
