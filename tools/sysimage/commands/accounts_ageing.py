"""passwd(1), chpasswd(8), chage(1), chsh(1) and chfn(1): what becomes of entries without a question."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.account_files import PASSWD, SHADOW, Accounts, FailureError, failing
from tools.sysimage.commands.account_numbers import login_defs, valid_name
from tools.sysimage.commands.account_options import day, days, field_of, one, usage
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given

_LIMITS = {"mindays": 3, "maxdays": 4, "warndays": 5, "inactive": 6}  # the fields of shadow
_BAD_ARGUMENT, _UNCHANGED = 6, 3  # of passwd
_NO_SHADOW = 15
_MAX_COMMENT = 80
_LOCKED = re.compile(r"[*!][^:]*")  # no password has such a hash


def passwd(call: Call) -> int:
    """passwd(1), as far as it asks for no password."""
    given = call.options(
        "-d --delete",
        "-e --expire",
        "-i --inactive=",
        "-l --lock",
        "-n --mindays=",
        "-q --quiet",
        "-S --status",
        "-u --unlock",
        "-w --warndays=",
        "-x --maxdays=",
    )
    limits = {option: days(given.value(option), _BAD_ARGUMENT) for option in _LIMITS if option in given}
    changing = bool(limits) or any(option in given for option in ("delete", "expire", "lock", "unlock"))
    if given.operands and not valid_name(given.operands[0]):
        raise FailureError(1, "Provided user name is not a valid name")
    usage(len(given.operands) > 1 or (changing and (not given.operands or "status" in given)))
    name = given.operands[0] if given.operands else "root"
    accounts = Accounts(call)
    row, shadow = accounts.user(name), accounts[SHADOW].row(name)
    if row is None:
        raise FailureError(1, f"user '{name}' does not exist")
    if "status" in given:
        # An empty date counts as never; a real one would be that of the build.
        call.out(_status(row, shadow))
        return 0
    if not changing:
        call.refuse("passwd: asks for a password")
    if shadow is None:
        accounts[PASSWD].put(name, _password(given, row[1]), *row[2:])
    else:
        changed = list(shadow)
        changed[1] = _password(given, changed[1])
        for option, limit in limits.items():
            changed[_LIMITS[option]] = field_of(limit)
        if "expire" in given:
            changed[2] = "0"
        accounts[SHADOW].put(*changed)
    accounts.save()
    if "quiet" not in given:
        call.out("passwd: password changed.\n")
    return 0


def _status(row: list[str], shadow: list[str] | None) -> str:
    password = row[1] if shadow is None else shadow[1]
    letters = "L" if password[:1] in ("*", "!") else "P" if password else "NP"
    if shadow is None:
        return f"{row[0]} {letters}\n"
    changed = "1970-01-01" if shadow[2] == "0" else "never"
    return " ".join([row[0], letters, changed, *(field or "-1" for field in shadow[3:7])]) + "\n"


def _password(given: Given, password: str) -> str:
    if "delete" in given:
        password = ""
    if "unlock" in given and password.startswith("!"):
        password = password[1:]
        if not password:
            raise FailureError(_UNCHANGED, "unlocking the password would result in a passwordless account.")
    if "lock" in given and not password.startswith("!"):
        password = f"!{password}"
    return password


def chpasswd(call: Call) -> int:
    """chpasswd(8) with -e, for passwords that nobody has: an image has no others."""
    given = call.options("-e --encrypted")
    usage(bool(given.operands))
    accounts = Accounts(call)
    wrong = False
    text = call.stdin().decode("utf-8", "surrogateescape")
    for at, line in enumerate(text.splitlines(), 1):
        name, colon, password = line.partition(":")
        row = accounts.user(name)
        if not colon:
            call.complain(f"line {at}: missing new password")
        elif not _LOCKED.fullmatch(password) or "encrypted" not in given:
            call.refuse(f"chpasswd: a password of {name} would be in the image, for all to read")
        elif row is None:
            call.complain(f"line {at}: user '{name}' does not exist")
        if not colon or row is None:
            wrong = True
            continue
        shadow = accounts[SHADOW].row(name)
        if shadow is None and accounts[SHADOW].there and row[1] == "x":
            shadow = [name, "", "", *login_defs(call).ageing(), "", "", ""]
        if shadow is not None:
            accounts[SHADOW].put(name, password, "", *shadow[3:])
        if shadow is None or row[1] != "x":
            accounts[PASSWD].put(name, password, *row[2:])
    if wrong:
        raise FailureError(1, "error detected, changes ignored")
    accounts.save()
    return 0


def chage(call: Call) -> int:
    """chage(1), as far as it asks nothing."""
    given = call.options(
        "-d --lastday=",
        "-E --expiredate=",
        "-I --inactive=",
        "-m --mindays=",
        "-M --maxdays=",
        "-W --warndays=",
    )
    new: dict[int, str] = {}
    for option, value in given.options:
        if option in _LIMITS:
            new[_LIMITS[option]] = field_of(days(value or "", 2))
        else:
            new[2 if option == "lastday" else 7] = field_of(day(call, value or "", 2))
    name, accounts = one(given), Accounts(call)
    if not given.options:
        call.refuse("chage: asks for the new values")
    if not accounts[SHADOW].there:
        raise FailureError(_NO_SHADOW, "the shadow password file is not present")
    row = accounts.user(name)
    if row is None:
        raise FailureError(1, f"user '{name}' does not exist in /etc/passwd")
    found = accounts[SHADOW].row(name)
    if found is None:
        accounts[PASSWD].put(name, "x", *row[2:])
    shadow = list(found or [name, row[1], "", "", "", "", "", "", ""])
    for at, text in new.items():
        shadow[at] = text
    accounts[SHADOW].put(*shadow)
    accounts.save()
    return 0


def _named(call: Call, given: Given, accounts: Accounts) -> list[str]:
    """The entry of the user whom chsh and chfn change; root, if they name none."""
    name = given.operands[0] if given.operands else "root"
    if not valid_name(name):
        raise FailureError(1, "Provided user name is not a valid name")
    row = accounts.user(name)
    if row is None:
        raise FailureError(1, f"user '{name}' does not exist")
    if not given.options:
        call.refuse(f"{call.name}: asks for the new values")
    return row


def chsh(call: Call) -> int:
    """chsh(1)."""
    given = call.options("-s --shell=")
    accounts = Accounts(call)
    row = _named(call, given, accounts)
    shell = given.value("shell")
    if re.search(r"[:,=\n]", shell) or not shell.isascii() or not shell.isprintable():
        raise FailureError(1, f"Invalid entry: {shell}")
    if shell and shell not in call.root.text("etc/shells").splitlines():
        call.complain(f"Warning: {shell} is an invalid shell")
    accounts[PASSWD].put(*row[:6], shell)
    accounts.save()
    return 0


def chfn(call: Call) -> int:
    """chfn(1)."""
    given = call.options(
        "-f --full-name=", "-h --home-phone=", "-o --other=", "-r --room=", "-w --work-phone="
    )
    if len(given.value("other").encode("utf-8", "surrogateescape")) > _MAX_COMMENT:
        raise FailureError(1, "fields too long")
    accounts = Accounts(call)
    row = _named(call, given, accounts)
    parts, named, rest = _parts(row[4])
    other = [*named, *rest]
    for at, option in enumerate(("full-name", "room", "work-phone", "home-phone")):
        if option in given:
            parts[at] = given.value(option)
        text = parts[at]
        # Only a name and a room can have letters beyond ASCII.
        narrow = option.endswith("phone") and not text.isascii()
        if re.search(r"[:,=\x00-\x1f\x7f]", text) or narrow:
            raise FailureError(1, f"invalid {option}: '{text}'")
    if "other" in given:
        # The fields with "=" come behind what was given.
        other = [given.value("other"), *named]
    if re.search(r"[:\x00-\x1f\x7f]", ",".join(other)):
        raise FailureError(1, f"'{','.join(other)}' contains illegal characters")
    comment = ",".join([*parts, *filter(None, other)])
    if len("".join([*parts, ",".join(other)]).encode("utf-8", "surrogateescape")) > _MAX_COMMENT:
        raise FailureError(1, "fields too long")
    accounts[PASSWD].put(*row[:4], comment, *row[5:])
    accounts.save()
    return 0


def _parts(comment: str) -> tuple[list[str], list[str], list[str]]:
    """The four fields of a comment, those with "=" that stand between them, and all after the fourth."""
    words = comment.split(",")
    parts, named = ["", "", "", ""], []
    for at in range(4):
        while words and "=" in words[0]:
            named.append(words.pop(0))
        if not words:
            break
        parts[at] = words.pop(0)
    return parts, named, [",".join(words)] if words else []


COMMANDS: Mapping[str, Command] = {
    "chage": failing(chage),
    "chfn": failing(chfn),
    "chpasswd": failing(chpasswd),
    "chsh": failing(chsh),
    "passwd": failing(passwd),
}
"""This family's commands by name."""
