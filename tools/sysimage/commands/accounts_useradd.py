"""useradd(8) and userdel(8), as shadow 4.17 has them."""

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
from tools.sysimage.commands.account_homes import (
    copy_skeleton,
    home_mode,
    mailbox,
    make_mailbox,
    make_parents,
)
from tools.sysimage.commands.account_numbers import (
    Definitions,
    add_subordinate,
    group_names,
    group_number,
    identity,
    login_defs,
    new_number,
    valid_name,
)
from tools.sysimage.commands.account_options import day, days, field_of, one, shell_value, text_value, usage
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given

_ID_IN_USE, _NOT_FOUND, _BUSY, _NAME_IN_USE, _HOME, _BAD_NAME = 4, 6, 8, 9, 12, 19


@dataclass(slots=True)
class _Values:
    """What the options of useradd say, and where they don't, its defaults."""

    shell: str
    home: str = ""
    comment: str = ""
    password: str = "!"
    uid: int | None = None
    gid: str = ""
    groups: list[str] = field(default_factory=list)
    expires: int = -1
    inactive: int = -1


def useradd(call: Call) -> int:
    """useradd(8)."""
    given = call.options(
        "-b --base-dir=",
        "-c --comment=",
        "-d --home-dir=",
        "-e --expiredate=",
        "-f --inactive=",
        "-g --gid=",
        "-G --groups=",
        "-k --skel=",
        "-K --key=",
        "-l --no-log-init",
        "-m --create-home",
        "-M --no-create-home",
        "-N --no-user-group",
        "-o --non-unique",
        "-p --password=",
        "-r --system",
        "-s --shell=",
        "-u --uid=",
        "-U --user-group",
        "-F --add-subids-for-system",
        "--badname",
    )
    accounts, defaults = Accounts(call), _defaults(call)
    values = _values(call, given, accounts, defaults)
    definitions = login_defs(call, given.values("key"))
    own = "user-group" in given
    if not own and "gid" not in given and "no-user-group" not in given:
        own = definitions.yes("USERGROUPS_ENAB")
    usage("non-unique" in given and values.uid is None, "-o flag is only allowed with the -u flag")
    usage("skel" in given and "create-home" not in given, "-k flag is only allowed with the -m flag")
    usage(own and "gid" in given, "options -U and -g conflict")
    usage(own and "no-user-group" in given, "options -U and -N conflict")
    usage("create-home" in given and "no-create-home" in given, "options -m and -M conflict")
    name = one(given)
    if not valid_name(name, bad="badname" in given):
        raise FailureError(_BAD_NAME, f"invalid user name '{name}'")
    values.home = values.home or f"{given.value('base-dir') or defaults.get('HOME') or '/home'}/{name}"
    _add(accounts, name, values, definitions, given, own_group=own)
    system = "system" in given
    create = ("create-home" in given or definitions.yes("CREATE_HOME")) and "no-create-home" not in given
    if "create-home" in given or (create and not system):
        skeletons = [given.value("skel") or defaults.get("SKEL") or "/etc/skel"]
        skeletons.append(defaults.get("USRSKEL") or "/usr/etc/skel")
        _create_home(call, accounts, name, values.home, home_mode(definitions), skeletons)
    if not system and defaults.get("CREATE_MAIL_SPOOL", "no").lower() == "yes":
        row, mail = accounts.user(name), accounts[GROUP].row("mail")
        if row is not None:
            make_mailbox(call, name, int(row[2]), int(mail[2]) if mail else None, definitions)
    return 0


def _defaults(call: Call) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", call.root.text("etc/default/useradd"), re.MULTILINE))


def _values(call: Call, given: Given, accounts: Accounts, defaults: dict[str, str]) -> _Values:
    """Reads the options in their order, as the first wrong one gives the status."""
    found = _Values(defaults.get("SHELL", "/bin/sh"))
    found.expires = day(call, defaults.get("EXPIRE", ""))
    found.inactive = days(defaults.get("INACTIVE") or "-1")
    found.groups = group_names(accounts, defaults.get("GROUPS", ""))
    shadowed = accounts[SHADOW].there
    for option, value in given.options:
        text = value or ""
        if option == "base-dir":
            text_value(text, "base directory", "/")
        elif option == "comment":
            found.comment = text_value(text, "comment")
        elif option == "home-dir":
            found.home = text_value(text, "home directory", "/")
        elif option == "expiredate":
            found.expires = day(call, text)
            usage(found.expires != -1 and not shadowed, "shadow passwords required for -e")
        elif option == "inactive":
            found.inactive = days(text)
            usage(found.inactive != -1 and not shadowed, "shadow passwords required for -f")
        elif option == "gid":
            found.gid = group_number(accounts, text)
        elif option == "groups":
            found.groups = group_names(accounts, text)
        elif option == "key":
            login_defs(call, [text])
        elif option == "password":
            found.password = text_value(text, "field")
        elif option == "shell":
            found.shell = shell_value(call, text)
        elif option == "uid":
            found.uid = identity(text, "user")
    if not found.gid:
        row = accounts.group(defaults.get("GROUP", "100"))
        found.gid = row[2] if row is not None else "100"
    return found


def _add(
    accounts: Accounts, name: str, values: _Values, definitions: Definitions, given: Given, *, own_group: bool
) -> None:
    """Makes the entries of a user."""
    if accounts.user(name) is not None:
        raise FailureError(_NAME_IN_USE, f"user '{name}' already exists")
    if own_group and accounts[GROUP].row(name) is not None:
        message = f"group {name} exists - if you want to add this user to that group, use -g."
        raise FailureError(_NAME_IN_USE, message)
    system, uid = "system" in given, values.uid
    if uid is None:
        uid = new_number(accounts, PASSWD, definitions, system=system)
        if uid is None:
            raise FailureError(_ID_IN_USE, "can't create user")
    elif "non-unique" not in given and accounts[PASSWD].by_number(uid) is not None:
        raise FailureError(_ID_IN_USE, f"UID {uid} is not unique")
    gid = values.gid
    if own_group:
        new = new_number(accounts, GROUP, definitions, system=system, preferred=uid)
        if new is None:
            raise FailureError(_ID_IN_USE, "can't create group")
        gid = str(new)
        shadowed = accounts[GSHADOW].there
        accounts[GROUP].put(name, "x" if shadowed else "!", gid, "")
        accounts[GSHADOW].put(name, "!", "", "")
    password = "x" if accounts[SHADOW].there else values.password
    accounts[PASSWD].put(name, password, str(uid), gid, values.comment, values.home, values.shell)
    ageing, expiry = ["", "", ""], ["", ""]
    if not system:
        ageing, expiry = definitions.ageing(), [field_of(values.inactive), field_of(values.expires)]
    # A line of a user of this name that was left behind is replaced.
    accounts[SHADOW].put(name, values.password, "", *ageing, *expiry, "")
    first, last = definitions.number("UID_MIN", 1000), definitions.number("UID_MAX", 60000)
    # The number that was asked for decides, not the one that was found.
    in_range = not values.uid or first <= values.uid <= last
    if in_range and (not system or "add-subids-for-system" in given):
        add_subordinate(accounts, name, definitions)
    for group in values.groups:
        accounts.add_member(group, name)
    accounts.save()


def _create_home(
    call: Call, accounts: Accounts, name: str, home: str, mode: int, skeletons: list[str]
) -> None:
    row = accounts.user(name)
    if row is None or call.files.find(home) is not None:
        call.complain(f"warning: the home directory {home} already exists.")
        return
    try:
        make_parents(call, home)
    except OSError:
        raise FailureError(_HOME, f"cannot create directory {home}") from None
    made = call.files.get(home)
    uid, gid = int(row[2]), int(row[3])
    made.uid, made.gid, made.mode = uid, gid, mode
    for skeleton in skeletons:
        copy_skeleton(call, skeleton, home, uid, gid)


def userdel(call: Call) -> int:
    """userdel(8)."""
    given = call.options("-f --force", "-r --remove")
    name = one(given)
    accounts, definitions = Accounts(call), login_defs(call)
    row = accounts.user(name)
    if row is None:
        raise FailureError(_NOT_FOUND, f"user '{name}' does not exist")
    force = "force" in given
    if row[2] == "0" and not force:
        # The processes of an installation are root's.
        raise FailureError(_BUSY, f"user {name} is currently used by process 1")
    for path in (PASSWD, SHADOW, SUBUID, SUBGID):
        accounts[path].remove(name)
    _leave_groups(accounts, name)
    if definitions.yes("USERGROUPS_ENAB"):
        _remove_own_group(call, accounts, name, row[3], force)
    failed = False
    if "remove" in given:
        failed = _remove_mailbox(call, name, int(row[2]), definitions, force)
        failed |= _remove_home(call, row, force)
    accounts.save()
    return _HOME if failed else 0


def _leave_groups(accounts: Accounts, name: str) -> None:
    for group in list(accounts[GROUP].entries()):
        if name in members(group):
            accounts[GROUP].put(*group[:3], ",".join(m for m in members(group) if m != name))
    for group in list(accounts[GSHADOW].entries()):
        if name in members(group) or name in members(group, 2):
            lists = [",".join(m for m in members(group, at) if m != name) for at in (2, 3)]
            accounts[GSHADOW].put(*group[:2], *lists)


def _remove_own_group(call: Call, accounts: Accounts, name: str, gid: str, force: bool) -> None:
    own = accounts[GROUP].row(name)
    if own is None:
        return
    others = [user[0] for user in accounts[PASSWD].entries() if user[3] == own[2]]
    if own[2] != gid:
        call.complain(f"group {name} not removed because it is not the primary group of user {name}.")
    elif own[3]:
        call.complain(f"group {name} not removed because it has other members.")
    elif others and not force:
        call.complain(f"group {name} is the primary group of another user and is not removed.")
    else:
        accounts[GROUP].remove(name)
        accounts[GSHADOW].remove(name)


def _remove_mailbox(call: Call, name: str, uid: int, definitions: Definitions, force: bool) -> bool:
    """Removes a mailbox; says whether that failed."""
    path = mailbox(name, definitions)
    inode = call.files.find(path) if path else None
    if inode is None:
        call.complain(f"{name} mail spool ({path}) not found")
        return False
    if inode.uid != uid and not force:
        call.complain(f"{path} not owned by {name}, not removing")
        return True
    call.files.unlink(path)
    return False


def _remove_home(call: Call, row: list[str], force: bool) -> bool:
    """Removes a home; says whether that failed."""
    name, home = row[0], row[5]
    inode = call.files.find(home) if home else None
    if inode is None:
        call.complain(f"{name} home directory ({home}) not found")
        return False
    if not force and inode.uid != int(row[2]):
        call.complain(f"{home} not owned by {name}, not removing")
        return True
    where, _ = call.files.lookup(home)
    if not where:
        call.refuse(f"userdel: the home of {name} is the root directory")
    call.root.tree.remove(where)
    return False


COMMANDS: Mapping[str, Command] = {"useradd": failing(useradd), "userdel": failing(userdel)}
"""This family's commands by name."""
