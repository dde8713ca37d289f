"""login.defs(5), the names that shadow allows, and the numbers that it gives."""

import re
from collections.abc import Sequence

from tools.sysimage.commands.account_files import (
    MAX_ID,
    PASSWD,
    SUBGID,
    SUBUID,
    Accounts,
    FailureError,
)
from tools.sysimage.commands.call import Call

_NAME = re.compile(r"[a-zA-Z0-9_.][a-zA-Z0-9_.-]*\$?")
_MAX_GROUP, _MAX_USER = 32, 255  # bytes
_BAD_ARGUMENT = 3
_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_NO_NUMBER = (2**16 - 1, MAX_ID)  # of 16 and of 32 bits


def number(text: str) -> int | None:
    """A number as strtol(3) reads it: decimal, 0 before an octal one, 0x before a hexadecimal one."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    sign, digits = (-1, text.strip()[1:]) if text.strip().startswith("-") else (1, text.strip().lstrip("+"))
    base = 16 if digits[:2].lower() == "0x" else 8 if digits.startswith("0") else 10
    return sign * int(digits, base)


def identity(text: str, what: str) -> int:
    """The number of a user or a group in an option, always decimal. Raises FailureError for what is none."""
    digits = text.strip().removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or int(digits) >= MAX_ID:
        raise FailureError(_BAD_ARGUMENT, f"invalid {what} ID '{text}'")
    return int(digits)


def valid_name(name: str, *, group: bool = False, bad: bool = False) -> bool:
    """Whether shadow allows a name; `bad` is its option --badname."""
    if len(name.encode("utf-8", "surrogateescape")) > (_MAX_GROUP if group else _MAX_USER):
        return False
    return bad or (name not in (".", "..") and not name.isdigit() and _NAME.fullmatch(name) is not None)


class Definitions(dict[str, str]):
    """The settings of login.defs(5)."""

    def number(self, key: str, default: int) -> int:
        """A number; an octal or hexadecimal one is known by its beginning."""
        found = number(self.get(key, ""))
        return default if found is None else found

    def yes(self, key: str) -> bool:
        """Whether a setting is on."""
        return self.get(key, "").lower() == "yes"

    def ageing(self) -> list[str]:
        """The fields of shadow that limit the age of a password, in days."""
        keys = ("PASS_MIN_DAYS", "PASS_MAX_DAYS", "PASS_WARN_AGE")
        return [str(days) if (days := self.number(key, -1)) >= 0 else "" for key in keys]


def login_defs(call: Call, overriding: Sequence[str] = ()) -> Definitions:
    """What login.defs says, and before it KEY=VALUE of the option -K. Raises FailureError for others."""
    text = call.root.text("etc/login.defs")
    found = Definitions(re.findall(r'^[ \t]*([A-Z_0-9a-z]+)[ \t"]+(.*?)[ \t"]*$', text, re.MULTILINE))
    for item in overriding:
        key, equals, value = item.partition("=")
        if not equals:
            raise FailureError(_BAD_ARGUMENT, "-K requires KEY=VALUE")
        found[key] = value
    return found


def _first_free(used: set[int], candidates: Sequence[int]) -> int | None:
    return next((n for n in candidates if n not in used and n not in _NO_NUMBER), None)


def new_number(
    accounts: Accounts, path: str, definitions: Definitions, *, system: bool, preferred: int | None = None
) -> int | None:
    """A free number for a user (PASSWD) or a group (GROUP); `preferred` if that is free and in the range.

    For a system account it is the one below the lowest that is used, else the highest that is free; for
    others the one above the highest, else the lowest that is free. None if there is none.
    """
    kind = "UID" if path == PASSWD else "GID"
    low, high = definitions.number(f"{kind}_MIN", 1000), definitions.number(f"{kind}_MAX", 60000)
    if system:
        high = definitions.number(f"SYS_{kind}_MAX", low - 1)
        low = definitions.number(f"SYS_{kind}_MIN", 101)
    if high < low:
        return None
    used = set(accounts[path].numbers())
    # One that is asked for may be below the range of system accounts.
    least = 1 if system else low
    if preferred is not None and preferred not in used and least <= preferred <= high:
        return preferred
    low = max(low, 1)
    inside = [n for n in used if low <= n <= high]
    if system:
        start = min(inside, default=high + 1) - 1
        found = _first_free(used, range(start, low - 1, -1)) if start >= low else None
        return found if found is not None else _first_free(used, range(high, low - 1, -1))
    start = max(inside, default=low - 1) + 1
    found = _first_free(used, range(start, high + 1))
    return found if found is not None else _first_free(used, range(low, high + 1))


def add_subordinate(accounts: Accounts, name: str, definitions: Definitions) -> None:
    """Gives a user ranges in subuid(5) and subgid(5), unless it has some. Raises FailureError."""
    for path, kind, status in ((SUBUID, "UID", 16), (SUBGID, "GID", 18)):
        database = accounts[path]
        count = definitions.number(f"SUB_{kind}_COUNT", 65536)
        if not database.there or count <= 0:
            continue
        low = definitions.number(f"SUB_{kind}_MIN", 100000)
        high = definitions.number(f"SUB_{kind}_MAX", 600100000)
        # The search sorts the file itself.
        database.rows.sort(key=lambda row: (int(row[1]), int(row[2]), row[0]))
        database.changed = True
        for row in database.entries():
            first = min(int(row[1]), high + 1)
            if first > low and first - low >= count:
                break
            low = max(low, int(row[1]) + int(row[2]))
        if high - low + 1 < count:
            raise FailureError(status, f"can't create subordinate {'user' if kind == 'UID' else 'group'} IDs")
        if database.row(name) is None:
            database.rows.append([name, str(low), str(count)])


def remove_subordinate(accounts: Accounts, path: str, name: str, first: int, last: int) -> None:
    """Takes numbers from the ranges of a user, which are shortened, split or removed."""
    database = accounts[path]
    for row in list(database.entries()):
        start, end = int(row[1]), int(row[1]) + int(row[2]) - 1
        if row[0] != name or last < start or first > end:
            continue
        database.changed = True
        if first > start:
            if last < end:
                database.rows.append([name, str(last + 1), str(end - last)])
            row[2] = str(first - start)
        elif last < end:
            row[1:] = [str(last + 1), str(end - last)]
        else:
            database.rows.remove(row)


def group_number(accounts: Accounts, text: str) -> str:
    """The number of a group in an option. Raises FailureError if there is none."""
    row = accounts.group(text)
    if row is None:
        raise FailureError(6, f"group '{text}' does not exist")
    return row[2]


def group_names(accounts: Accounts, text: str) -> list[str]:
    """The names of a list of groups. Raises FailureError for one that is not there."""
    found = []
    for word in text.split(",") if text else []:
        row = accounts.group(word)
        if row is None:
            raise FailureError(6, f"group '{word}' does not exist")
        found.append(row[0])
    return found
