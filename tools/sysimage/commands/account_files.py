"""The account databases as shadow's programs change them: passwd, group, shadow, gshadow, subuid, subgid."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.sysimage.commands.call import Call, Command

PASSWD, GROUP, SHADOW, GSHADOW = "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"
SUBUID, SUBGID = "etc/subuid", "etc/subgid"
_FIELDS = {PASSWD: 7, GROUP: 4, SHADOW: 9, GSHADOW: 4, SUBUID: 3, SUBGID: 3}
_NUMBERS = {PASSWD: (2, 3), GROUP: (2,), SHADOW: (), GSHADOW: (), SUBUID: (1, 2), SUBGID: (1, 2)}
_NOT_WRITTEN = 10  # E_GRP_UPDATE
MAX_ID = 2**32 - 1
"""The highest number; it stands for none, so that no account has it."""


class FailureError(Exception):
    """A program ends with a status and a message."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


def failing(command: Command) -> Command:
    """Makes a command of one that raises FailureError."""

    def run(call: Call) -> int:
        try:
            return command(call)
        except FailureError as error:
            if str(error):
                call.complain(str(error))
            return error.status

    return run


@dataclass(slots=True)
class Database:
    """A colon-separated file: the fields of its lines; lines that are no entries are kept as they are."""

    path: str
    rows: list[list[str]]
    there: bool = True
    changed: bool = False

    def entries(self) -> Iterator[list[str]]:
        """Yields the lines that are entries."""
        count, numbers = _FIELDS[self.path], _NUMBERS[self.path]
        for row in self.rows:
            if len(row) == count and row[0] and all(row[at].isdigit() for at in numbers):
                yield row

    def row(self, name: str) -> list[str] | None:
        """The fields of a name, None if there is none."""
        return next((row for row in self.entries() if row[0] == name), None)

    def by_number(self, number: int) -> list[str] | None:
        """The fields of who has a number."""
        return next((row for row in self.entries() if int(row[2]) == number), None)

    def numbers(self) -> Iterator[int]:
        """Yields the numbers in use."""
        for row in self.entries():
            yield int(row[2])

    def put(self, *fields: str) -> None:
        """Gives the entry of a name these fields; one that is not there comes to the end of the file.

        Raises FailureError if two entries have the name, as shadow refuses to change either.
        """
        if not self.there:
            return
        found = [row for row in self.entries() if row[0] == fields[0]]
        if len(found) > 1:
            message = (
                f"Multiple entries named '{fields[0]}' in /{self.path}. Please fix this with pwck or grpck."
            )
            raise FailureError(_NOT_WRITTEN if self.path in (GROUP, GSHADOW) else 1, message)
        self.changed = True
        if found:
            found[0][:] = fields
        else:
            nis = (at for at, row in enumerate(self.rows) if row[0][:1] in ("+", "-"))
            self.rows.insert(next(nis, len(self.rows)), list(fields))

    def remove(self, name: str) -> None:
        """Removes the entries of a name."""
        kept = [row for row in self.rows if row[0] != name]
        self.changed |= len(kept) < len(self.rows)
        self.rows = kept


def members(row: list[str], at: int = 3) -> list[str]:
    """The names in a list of an entry of group or gshadow."""
    return [name for name in row[at].split(",") if name]


@dataclass(slots=True)
class Accounts:
    """All databases, as they are when a command begins; `save` writes those that have changed."""

    call: Call
    files: dict[str, Database] = field(default_factory=dict)

    def __getitem__(self, path: str) -> Database:
        if path not in self.files:
            there = self.call.root.tree.find(path) is not None
            lines = self.call.root.text(path).removesuffix("\n").split("\n") if there else []
            rows = [line.split(":") for line in lines] if lines != [""] else []
            self.files[path] = Database(path, rows, there)
        return self.files[path]

    def save(self) -> None:
        """Writes what has changed."""
        for path, database in self.files.items():
            if database.changed:
                text = "".join(":".join(row) + "\n" for row in database.rows)
                self.call.root.write(path, text, origin=self.call.world.who)

    def user(self, name: str) -> list[str] | None:
        """The entry of a user in passwd, by name."""
        return self[PASSWD].row(name)

    def group(self, text: str) -> list[str] | None:
        """The entry of a group, by its number if the text is one, else by its name."""
        if text.isascii() and text.isdigit():
            return self[GROUP].by_number(int(text))
        return self[GROUP].row(text)

    def add_member(self, group: str, user: str) -> None:
        """Adds a user to a group, in group and in gshadow."""
        for path in (GROUP, GSHADOW):
            row = self[path].row(group)
            if row is not None and user not in members(row):
                self[path].put(*row[:3], ",".join([*members(row), user]))
