"""What the programs of shadow share: failures, names, login.defs."""

import re

from tools.sysimage.commands.account_files import (
    Accounts,
    login_defs,
)
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given

_NAME = re.compile(r"[^-+~:,/\s][^:,/\s]*")  # Debian's rule, which is wider than shadow's


# Statuses of useradd(8) and the others.
USAGE, BAD_ARGUMENT, ID_IN_USE, NOT_FOUND, NAME_IN_USE = 2, 3, 4, 6, 9


class FailureError(Exception):
    """The end of a program: its status and its complaint."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def failing(command: Command) -> Command:
    """Makes a FailureError the status of a program."""

    def run(call: Call) -> int:
        try:
            return command(call)
        except FailureError as error:
            call.complain(str(error))
            return error.status

    return run


def check_name(name: str, what: str) -> None:
    """Raises FailureError for a name that no user or group may have."""
    if not _NAME.fullmatch(name) or name.isdigit() or name in (".", "..") or len(name) > 32:
        raise FailureError(19 if what == "user" else BAD_ARGUMENT, f"invalid {what} name '{name}'")


def one(given: Given) -> str:
    """Returns the only operand. Raises FailureError if there are more or none."""
    if len(given.operands) != 1:
        raise FailureError(USAGE, "one name is needed")
    return given.operands[0]


def read_definitions(call: Call, given: Given) -> dict[str, str]:
    """Returns what login.defs(5) says, with what -K says instead."""
    return login_defs(call) | dict(item.split("=", 1) for item in given.values("key"))


def group_names(accounts: Accounts, text: str) -> list[str]:
    """The names of a list of groups. Raises FailureError for one that is not there."""
    found = []
    for word in filter(None, text.split(",")):
        row = accounts.group(word)
        if row is None:
            raise FailureError(NOT_FOUND, f"group '{word}' does not exist")
        found.append(row[0])
    return found
