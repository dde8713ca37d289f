"""Values of options that several of shadow's programs read: dates, texts, lists of users."""

import datetime
import re

from tools.sysimage.commands.account_files import Accounts, FailureError
from tools.sysimage.commands.account_numbers import number
from tools.sysimage.commands.call import Call
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Kind

USAGE, BAD_ARGUMENT = 2, 3
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_EPOCH = datetime.date(1970, 1, 1)


def usage(condition: bool, message: str = "") -> None:
    """Ends a program with the status of a wrong call, if the condition holds."""
    if condition:
        raise FailureError(USAGE, message or "wrong usage")


def one(given: Given) -> str:
    """The only operand. Raises FailureError if there are none or several."""
    usage(len(given.operands) != 1)
    return given.operands[0]


def day(call: Call, text: str, status: int = BAD_ARGUMENT) -> int:
    """A day as one of 1970 and after, -1 for none. Raises FailureError for what is none.

    Days that only a parser of English dates reads end the build.
    """
    if not text:
        return -1
    if re.fullmatch(r"-? *\d+", text):
        found = number(text)
        if found is None or found < -1:
            raise FailureError(status, f"invalid date '{text}'")
        return found
    match = _DATE.fullmatch(text)
    if match is None:
        if re.fullmatch(r"[a-z]+", text) and text[:3] not in _WORDS:
            raise FailureError(status, f"invalid date '{text}'")
        call.refuse(f"{call.name}: the date '{text}' is not modelled")
    try:
        date = datetime.date(*(int(part) for part in match.groups()))
    except ValueError:
        call.refuse(f"{call.name}: the date '{text}', which no calendar has, is not modelled")
    return (date - _EPOCH).days


# How the words begin that mean something in a date.
_WORDS = (
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    *("sun", "mon", "tue", "wed", "thu", "fri", "sat", "yea", "for", "day", "wee", "hou", "min", "sec"),
    *("tom", "yes", "tod", "now", "las", "thi", "nex", "fir", "ago", "thi", "noo", "mid"),
)


def days(text: str, status: int = BAD_ARGUMENT) -> int:
    """A number of days, -1 for none. Raises FailureError for what is none."""
    found = number(text)
    if found is None or found < -1:
        raise FailureError(status, f"invalid numeric argument '{text}'")
    return found


def field_of(number_of_days: int) -> str:
    """How shadow(5) holds a number of days."""
    return "" if number_of_days < 0 else str(number_of_days)


def text_value(text: str, what: str, start: str = "") -> str:
    """A text that fits into a field, and begins with one of these characters if there are some."""
    if ":" in text or "\n" in text or (start and text[:1] not in tuple(start)):
        raise FailureError(BAD_ARGUMENT, f"invalid {what} '{text}'")
    return text


def shell_value(call: Call, text: str) -> str:
    """A login shell. Complains of one that can't be executed; raises FailureError for a relative path."""
    if text:
        text_value(text, "shell", "/*")
        inode = call.files.find(text)
        executable = inode is not None and inode.kind is not Kind.DIRECTORY and inode.mode & 0o111
        if not text.startswith("*") and text != "/sbin/nologin" and not executable:
            call.complain(f"Warning: missing or non-executable shell '{text}'")
    return text


def existing_users(call: Call, accounts: Accounts, text: str) -> list[str]:
    """The users of a list, each once. Raises FailureError if one does not exist."""
    names = text.split(",") if text else []
    missing = [name for name in names if accounts.user(name) is None]
    for name in missing:
        call.complain(f"user '{name}' does not exist")
    if missing:
        raise FailureError(BAD_ARGUMENT)
    return list(names)
