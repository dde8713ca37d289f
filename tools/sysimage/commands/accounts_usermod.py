"""usermod(8), as shadow 4.17 has it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.sysimage.commands.account_files import (
    GROUP,
    GSHADOW,
    PASSWD,
    SHADOW,
    SUBGID,
    SUBUID,
    Accounts,
    FailureError,
    failing,
    members,
)
from tools.sysimage.commands.account_homes import give, mailbox
from tools.sysimage.commands.account_numbers import (
    group_names,
    group_number,
    identity,
    login_defs,
    remove_subordinate,
    valid_name,
)
from tools.sysimage.commands.account_options import (
    BAD_ARGUMENT,
    day,
    days,
    field_of,
    one,
    shell_value,
    text_value,
    usage,
)
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Kind

_ID_IN_USE, _NOT_FOUND, _BUSY, _NAME_IN_USE, _HOME = 4, 6, 8, 9, 12
_FIELDS = {"uid": 2, "gid": 3, "comment": 4, "home": 5, "shell": 6}  # of passwd
_RANGES = {
    "del-subuids": SUBUID,
    "add-subuids": SUBUID,
    "del-subgids": SUBGID,
    "add-subgids": SUBGID,
}  # in the order in which they are applied


@dataclass(slots=True)
class _Change:
    """What is to change: the options that make a difference."""

    fields: dict[str, str] = field(default_factory=dict)  # of passwd, by option
    name: str = ""  # a new one
    inactive: int | None = None
    expires: int | None = None
    groups: list[str] | None = None
    ranges: list[tuple[str, int, int]] = field(default_factory=list)


def usermod(call: Call) -> int:
    """usermod(8)."""
    given = call.options(
        "-a --append",
        "-b --badname --badnames",
        "-c --comment=",
        "-d --home=",
        "-e --expiredate=",
        "-f --inactive=",
        "-g --gid=",
        "-G --groups=",
        "-l --login=",
        "-L --lock",
        "-m --move-home",
        "-o --non-unique",
        "-p --password=",
        "-r --remove",
        "-s --shell=",
        "-u --uid=",
        "-U --unlock",
        "-v --add-subuids=",
        "-V --del-subuids=",
        "-w --add-subgids=",
        "-W --del-subgids=",
    )
    accounts = Accounts(call)
    change = _change(call, given, accounts)
    name = one(given)
    row = accounts.user(name)
    if row is None:
        raise FailureError(_NOT_FOUND, f"user '{name}' does not exist")
    before = list(row)
    _check_usage(given)
    move = _drop_what_is_so_already(accounts, given, change, row)
    passwords = any(option in given for option in ("lock", "unlock", "password"))
    shadowing = change.inactive is not None or change.expires is not None
    anything = change.fields or change.name or change.groups is not None or change.ranges
    if not (anything or shadowing or passwords):
        call.out("usermod: no changes\n")
        return 0
    _check(accounts, given, change, row, shadowing)
    if change.fields or change.name or passwords or shadowing:
        _update_user(accounts, given, change, name)
    if change.groups is not None or change.name:
        _update_groups(accounts, given, change, name)
    for option, first, last in change.ranges:
        _change_range(accounts, option, name, first, last)
    accounts.save()
    _change_files(call, before, change, move)
    return 0


def _change(call: Call, given: Given, accounts: Accounts) -> _Change:
    """Reads the options in their order, as the first wrong one gives the status."""
    found = _Change()
    for option, value in given.options:
        text = value or ""
        if option == "comment":
            found.fields[option] = text_value(text, "field")
        elif option == "home":
            text_value(text, "field")
            if text and not text.startswith("/"):
                raise FailureError(BAD_ARGUMENT, "homedir must be an absolute path")
            found.fields[option] = text
        elif option == "expiredate":
            found.expires = day(call, text)
        elif option == "inactive":
            found.inactive = days(text)
        elif option == "gid":
            found.fields[option] = group_number(accounts, text)
        elif option == "groups":
            found.groups = group_names(accounts, text)
        elif option == "login":
            if not valid_name(text, bad="badnames" in given):
                raise FailureError(BAD_ARGUMENT, f"invalid user name '{text}'")
            found.name = text
        elif option == "shell":
            found.fields[option] = shell_value(call, text)
        elif option == "uid":
            found.fields[option] = str(identity(text, "user"))
        elif option in _RANGES:
            match = re.fullmatch(r"(\d+)-(\d+)", text)
            if match is None or int(match[1]) > int(match[2]):
                raise FailureError(BAD_ARGUMENT, f"invalid subordinate range '{text}'")
            found.ranges.append((option, int(match[1]), int(match[2])))
    # Each kind is applied from its last range to its first.
    found.ranges.reverse()
    found.ranges.sort(key=lambda item: list(_RANGES).index(item[0]))
    return found


def _check_usage(given: Given) -> None:
    usage(not given.options, "no options")
    usage("append" in given and "groups" not in given, "-a flag is only allowed with the -G flag")
    usage("remove" in given and "groups" not in given, "-r flag is only allowed with the -G flag")
    usage("remove" in given and "append" in given, "-r and -a are mutually exclusive flags")
    exclusive = sum(option in given for option in ("lock", "unlock", "password"))
    usage(exclusive > 1, "the -L, -p, and -U flags are exclusive")
    usage("non-unique" in given and "uid" not in given, "-o flag is only allowed with the -u flag")
    usage("move-home" in given and "home" not in given, "-m flag is only allowed with the -d flag")


def _drop_what_is_so_already(accounts: Accounts, given: Given, change: _Change, row: list[str]) -> bool:
    """Takes what changes nothing out of a change; says whether the home moves."""
    for option, at in _FIELDS.items():
        if change.fields.get(option) == row[at]:
            del change.fields[option]
    if change.name == row[0]:
        change.name = ""
    shadow = accounts[SHADOW].row(row[0])
    # Without an entry both count as 0, as if the account had expired in 1970.
    if change.inactive == (int(shadow[6] or -1) if shadow else 0):
        change.inactive = None
    if change.expires == (int(shadow[7] or -1) if shadow else 0):
        change.expires = None
    return "move-home" in given and "home" in change.fields


def _check(accounts: Accounts, given: Given, change: _Change, row: list[str], shadowing: bool) -> None:
    usage(shadowing and not accounts[SHADOW].there, "shadow passwords required for -e and -f")
    if change.name and accounts.user(change.name) is not None:
        raise FailureError(_NAME_IN_USE, f"user '{change.name}' already exists")
    uid = change.fields.get("uid")
    if uid and "non-unique" not in given and accounts[PASSWD].by_number(int(uid)) is not None:
        raise FailureError(_ID_IN_USE, f"UID '{uid}' already exists")
    for option, _, _ in change.ranges:
        usage(not accounts[_RANGES[option]].there, f"/{_RANGES[option]} does not exist")
    deleting = any(option.startswith("del") for option, _, _ in change.ranges)
    if row[2] == "0" and (uid or change.name or "home" in change.fields or deleting):
        # The processes of an installation are root's.
        raise FailureError(_BUSY, f"user {row[0]} is currently used by process 1")


def _update_user(accounts: Accounts, given: Given, change: _Change, name: str) -> None:
    """Changes the entries in passwd and shadow."""
    row, shadow = accounts.user(name), accounts[SHADOW].row(name)
    if row is None:
        return
    new = list(row)
    for option, value in change.fields.items():
        new[_FIELDS[option]] = value
    if "home" in change.fields and len(new[5]) > 1:
        new[5] = new[5].removesuffix("/")
    if not accounts[SHADOW].there or row[1] != "x":
        new[1] = _new_password(given, new[1])
    aged = change.inactive is not None or change.expires is not None
    there = accounts[SHADOW].there and shadow is not None
    if accounts[SHADOW].there and shadow is None and (("password" in given and new[1] == "x") or aged):
        # Who asks for what only shadow has gets an entry there.
        shadow = [name, new[1], "", *login_defs(accounts.call).ageing(), "", "", ""]
        new[1] = "x"
    passwords = any(option in given for option in ("lock", "unlock", "password"))
    if change.fields or change.name or passwords:
        _put(accounts, PASSWD, name, [change.name or name, *new[1:]])
    if shadow is None or not (change.name or aged or passwords):
        return
    changed = list(shadow)
    if change.inactive is not None:
        changed[6] = field_of(change.inactive)
    if change.expires is not None:
        changed[7] = field_of(change.expires)
    changed[1] = _new_password(given, changed[1])
    if "password" in given or not there:
        changed[2] = ""
    _put(accounts, SHADOW, name, [change.name or name, *changed[1:]])


def _put(accounts: Accounts, path: str, old: str, row: list[str]) -> None:
    # Who gets another name comes to the end of the file.
    accounts[path].put(*row)
    if row[0] != old:
        accounts[path].remove(old)


def _new_password(given: Given, password: str) -> str:
    if "lock" in given and not password.startswith("!"):
        return f"!{password}"
    if "unlock" in given and password.startswith("!"):
        return password[1:] or password
    return given.value("password") if "password" in given else password


def _update_groups(accounts: Accounts, given: Given, change: _Change, name: str) -> None:
    for path in (GROUP, GSHADOW):
        for row in list(accounts[path].entries()):
            changed = list(row)
            if path == GSHADOW and change.name and name in members(row, 2):
                changed[2] = _joined(members(row, 2), name, change.name)
            changed[3] = _new_members(given, change, name, row)
            if changed != row:
                accounts[path].put(*changed)


def _new_members(given: Given, change: _Change, name: str, row: list[str]) -> str:
    """Who is in a group after the change."""
    new = change.name or name
    was = name in members(row)
    named = change.groups is not None and row[0] in change.groups
    stays = change.groups is None or named or ("append" in given and was)
    if change.groups is not None and "remove" in given and (was or named):
        stays = not stays
    if was and not stays:
        return _joined(members(row), name, "")
    if was and change.name:
        return _joined(members(row), name, new)
    if not was and stays and change.groups is not None:
        return _joined(members(row), "", new)
    return row[3]


def _joined(names: list[str], without: str, with_: str) -> str:
    kept = [name for name in names if name != without]
    return ",".join([*kept, with_] if with_ and with_ not in kept else kept)


def _change_range(accounts: Accounts, option: str, name: str, first: int, last: int) -> None:
    database = accounts[_RANGES[option]]
    if option.startswith("del"):
        remove_subordinate(accounts, _RANGES[option], name, first, last)
        return
    covered = (
        row[0] == name and int(row[1]) <= first and int(row[1]) + int(row[2]) > last
        for row in database.entries()
    )
    if not any(covered):
        database.rows.append([name, str(first), str(last - first + 1)])
        database.changed = True


def _change_files(call: Call, before: list[str], change: _Change, move: bool) -> None:
    """Moves and gives the home and the mailbox."""
    name, home, uid, gid = before[0], before[5], int(before[2]), int(before[3])
    target = change.fields.get("home", home)
    uids = (uid, int(change.fields.get("uid", uid)))
    gids = (gid, int(change.fields.get("gid", gid)))
    if move:
        _move_home(call, home, target, uids, gids)
    if change.name or "uid" in change.fields:
        path = mailbox(name, login_defs(call))
        inode = call.files.find(path) if path else None
        if inode is not None and inode.uid == uid:
            inode.uid = uids[1]
            if change.name:
                call.files.rename(path, mailbox(change.name, login_defs(call)))
    if not move and ("uid" in change.fields or "gid" in change.fields):
        inode = call.files.find(target) if target else None
        if inode is not None and inode.uid in uids:
            give(call, target, uids, gids)


def _move_home(call: Call, home: str, target: str, uids: tuple[int, int], gids: tuple[int, int]) -> None:
    if target and call.files.find(target) is not None:
        raise FailureError(_HOME, f"directory {target} exists")
    inode = call.files.find(home) if home else None
    if inode is None:
        call.complain(f"The previous home directory ({home}) does not exist or is inaccessible.")
        return
    if inode.kind is not Kind.DIRECTORY:
        raise FailureError(_HOME, f"The previous home directory ({home}) was not a directory.")
    try:
        call.files.rename(home, target)
    except OSError:
        raise FailureError(_HOME, f"cannot rename directory {home} to {target}") from None
    give(call, target, uids, gids)


COMMANDS: Mapping[str, Command] = {"usermod": failing(usermod)}
"""This family's commands by name."""
