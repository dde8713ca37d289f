"""A colon-separated database of accounts: passwd(5), group(5), shadow(5), gshadow(5)."""

from collections.abc import Sequence

from tools.sysimage.effects.root import Root


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

    def add_sorted_members(self, name: str, index: int, users: Sequence[str]) -> None:
        """Adds users to a list, which is sorted then; nothing if they are all in it, or there is no line."""
        for at, line in enumerate(self.lines):
            fields = line.split(":")
            members = (
                {member for member in fields[index].split(",") if member} if len(fields) > index else set()
            )
            if fields[0] == name and not members >= set(users):
                fields[index] = ",".join(sorted(members | set(users)))
                self.lines[at] = ":".join(fields)
                self.changed = True

    def touch(self) -> None:
        """Has the file written, also if nothing changes."""
        self.changed = True

    def save(self, who: str) -> None:
        """Writes the file if anything has changed."""
        if self.changed:
            mode = None if self._root.tree.find(self._path) else self._mode
            self._root.write(self._path, "".join(f"{line}\n" for line in self.lines), mode, who)
