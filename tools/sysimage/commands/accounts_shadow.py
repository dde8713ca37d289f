"""useradd, usermod, userdel, groupadd, groupmod, groupdel, gpasswd, passwd, chage, chsh, chfn (shadow)."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.account_files import (
    GROUP,
    GSHADOW,
    PASSWD,
    SHADOW,
    SUBGID,
    SUBUID,
    Accounts,
    add_subordinate,
    new_number,
)
from tools.sysimage.commands.accounts_common import (
    ID_IN_USE,
    NAME_IN_USE,
    NOT_FOUND,
    USAGE,
    FailureError,
    check_name,
    failing,
    group_names,
    one,
    read_definitions,
)
from tools.sysimage.commands.accounts_fields import chage, chsh, getent, passwd
from tools.sysimage.commands.accounts_groups import gpasswd, groupadd, groupdel, groupmod
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Inode, Kind, directory


def _useradd_defaults(call: Call) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", call.root.text("etc/default/useradd"), re.MULTILINE))


def useradd(call: Call) -> int:
    """useradd(8)."""
    given = call.options(
        "-b --base-dir=",
        "-c --comment=",
        "-d --home-dir --home=",
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
        "--badnames",
        "-D --defaults",
    )
    if "defaults" in given:
        call.refuse("useradd: the option -D is not modelled")
    name = one(given)
    accounts, definitions, defaults = Accounts(call), read_definitions(call, given), _useradd_defaults(call)
    system = "system" in given
    if "inactive" in given or not re.fullmatch(r"\d*", given.value("expiredate")):
        call.refuse("useradd: dates and inactivity are not modelled")
    if accounts.user(name) is not None:
        raise FailureError(NAME_IN_USE, f"user '{name}' already exists")
    check_name(name, "user")
    own_group = (
        "gid" not in given
        and "no-user-group" not in given
        and ("user-group" in given or definitions.get("USERGROUPS_ENAB", "no") == "yes")
    )
    if own_group and accounts.group(name) is not None:
        raise FailureError(
            NAME_IN_USE, f"group {name} exists - if you want to add this user to that group, use -g."
        )
    uid = (
        int(given.value("uid"))
        if "uid" in given
        else new_number(accounts, PASSWD, definitions, system=system)
    )
    if uid is None:
        raise FailureError(ID_IN_USE, "Can't get unique UID (no more available UIDs)")
    if accounts[PASSWD].by_number(uid) is not None and "non-unique" not in given:
        raise FailureError(ID_IN_USE, f"UID {uid} is not unique")
    members = group_names(accounts, given.value("groups"))
    gid = _primary(accounts, given, (name, uid, own_group), defaults, definitions)
    home = given.value("home") or f"{given.value('base-dir') or defaults.get('HOME', '/home')}/{name}"
    shell = given.value("shell") if "shell" in given else defaults.get("SHELL", "")
    accounts[PASSWD].add(name, "x", str(uid), str(gid), given.value("comment"), home, shell)
    ageing = (
        ("", "", "")
        if system
        else tuple(definitions.get(key, "") for key in ("PASS_MIN_DAYS", "PASS_MAX_DAYS", "PASS_WARN_AGE"))
    )
    expires = "" if system else given.value("expiredate")
    accounts[SHADOW].add(name, given.value("password", "!"), "", *ageing, "", expires, "")
    for group in members:
        accounts.add_member(group, name)
    if "skel" in given and "create-home" not in given:
        raise FailureError(USAGE, "-k requires -m")
    first, last = int(definitions.get("UID_MIN", "1000")), int(definitions.get("UID_MAX", "60000"))
    if (not system and (not uid or first <= uid <= last)) or "add-subids-for-system" in given:
        add_subordinate(accounts, name, definitions)
    accounts.save()
    create = "create-home" in given or (definitions.get("CREATE_HOME") == "yes" and not system)
    if create and "no-create-home" not in given:
        create_home(
            call,
            home,
            uid,
            gid,
            home_mode(definitions),
            given.value("skel") or defaults.get("SKEL") or "/etc/skel",
        )
    return 0


def _primary(
    accounts: Accounts,
    given: Given,
    user: tuple[str, int, bool],
    defaults: dict[str, str],
    definitions: dict[str, str],
) -> int:
    """The number of a user's group; `user` is a name, a number, and whether there is to be a group of it."""
    name, uid, own_group = user
    if "gid" in given:
        row = accounts.group(given.value("gid"))
        if row is None:
            raise FailureError(NOT_FOUND, f"group '{given.value('gid')}' does not exist")
        return int(row[2])
    if not own_group:
        return int(defaults.get("GROUP", "100"))
    gid = new_number(accounts, GROUP, definitions, system="system" in given, preferred=uid)
    if gid is None:
        raise FailureError(ID_IN_USE, "Can't get unique GID (no more available GIDs)")
    accounts[GROUP].add(name, "x", str(gid), "")
    accounts[GSHADOW].add(name, "!", "", "")
    return gid


def home_mode(definitions: dict[str, str]) -> int:
    """The mode of a home that useradd makes."""
    if "HOME_MODE" in definitions:
        return int(definitions["HOME_MODE"], 8)
    return 0o777 & ~int(definitions.get("UMASK", "022"), 8)


def create_home(call: Call, home: str, uid: int, gid: int, mode: int, skeleton: str = "") -> None:
    """Makes a home, its parents too, with what is in the skeleton."""
    if call.files.find(home) is not None:
        return
    path = ""
    for part in home.split("/"):
        path = f"{path}/{part}" if part else path
        if path and call.files.find(path) is None:
            call.files.make_directory(path, 0o755)
    made = call.files.get(home)
    made.uid, made.gid, made.mode = uid, gid, mode
    source = call.files.find(skeleton) if skeleton else None
    if source is None or source.kind is not Kind.DIRECTORY:
        return
    where, _ = call.files.lookup(skeleton)
    target, _ = call.files.lookup(home)
    for below in call.root.tree.below(where):
        inode = call.root.tree[below]
        copy = directory() if inode.kind is Kind.DIRECTORY else Inode(inode.kind, 0, content=inode.content)
        copy.mode, copy.uid, copy.gid, copy.target = inode.mode, uid, gid, inode.target
        copy.origin = call.world.who
        call.root.tree.put(target + below[len(where) :], copy)


def usermod(call: Call) -> int:
    """usermod(8)."""
    given = call.options(
        "-a --append",
        "-c --comment=",
        "-d --home=",
        "-e --expiredate=",
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
        "-b --badname",
        "-v --add-subuids=",
        "-w --add-subgids=",
    )
    name = one(given)
    accounts = Accounts(call)
    row = accounts.user(name)
    if row is None:
        raise FailureError(NOT_FOUND, f"user '{name}' does not exist")
    if "uid" in given or "move-home" in given or not re.fullmatch(r"\d*", given.value("expiredate")):
        call.refuse("usermod: the options -u, -m and dates are not modelled")
    groups = group_names(accounts, given.value("groups")) if "groups" in given else []
    for option, path in (("add-subuids", SUBUID), ("add-subgids", SUBGID)):
        for first, last in (value.split("-") for value in given.values(option)):
            accounts[path].add(name, first, str(int(last) - int(first) + 1))
    before = list(row)
    if "gid" in given:
        group = accounts.group(given.value("gid"))
        if group is None:
            raise FailureError(NOT_FOUND, f"group '{given.value('gid')}' does not exist")
        row[3] = group[2]
    for option, at in (("comment", 4), ("home", 5), ("shell", 6)):
        if option in given:
            row[at] = given.value(option)
    accounts[PASSWD].changed = row != before
    _change_groups(accounts, given, name, groups)
    shadow = accounts[SHADOW].row(name)
    if shadow is not None:
        unchanged = list(shadow)
        _change_password(given, shadow)
        accounts[SHADOW].changed = shadow != unchanged
    if "login" in given:
        _rename(accounts, name, given.value("login"))
    elif (
        not _asked(given, "groups", "password", "lock", "unlock", "expiredate", "add-subuids", "add-subgids")
        and row == before
    ):
        call.out("usermod: no changes\n")
    accounts.save()
    return 0


def _asked(given: Given, *names: str) -> bool:
    return any(name in given for name in names)


def _change_groups(accounts: Accounts, given: Given, name: str, groups: list[str]) -> None:
    if "groups" not in given:
        return
    if "append" not in given:
        for other in [row[0] for row in accounts[GROUP].rows if len(row) > 3]:
            if "remove" in given:
                if other in groups:
                    accounts.remove_member(other, name)
            elif other not in groups:
                accounts.remove_member(other, name)
    if "remove" not in given:
        for group in groups:
            accounts.add_member(group, name)


def _change_password(given: Given, shadow: list[str]) -> None:
    if "password" in given:
        shadow[1], shadow[2] = given.value("password"), ""
    if "lock" in given and not shadow[1].startswith("!"):
        shadow[1] = f"!{shadow[1]}"
    if "unlock" in given and len(shadow[1]) > 1:
        shadow[1] = shadow[1].removeprefix("!")
    if "expiredate" in given:
        shadow[7] = given.value("expiredate")


def _rename(accounts: Accounts, old: str, new: str) -> None:
    if accounts.user(new) is not None:
        raise FailureError(NAME_IN_USE, f"user '{new}' already exists")
    for path in (PASSWD, SHADOW):
        row = accounts[path].row(old)
        if row is not None:
            row[0] = new
            accounts[path].changed = True
    for path in (GROUP, GSHADOW):
        for row in accounts[path].rows:
            if len(row) > 3 and old in row[3].split(","):
                row[3] = ",".join(new if name == old else name for name in row[3].split(","))
                accounts[path].changed = True


def userdel(call: Call) -> int:
    """userdel(8)."""
    given = call.options("-f --force", "-r --remove")
    name = one(given)
    accounts = Accounts(call)
    row = accounts.user(name)
    if row is None:
        raise FailureError(NOT_FOUND, f"user '{name}' does not exist")
    for group in [group[0] for group in accounts[GROUP].rows if len(group) > 3]:
        accounts.remove_member(group, name)
    own = accounts.group(name)
    used = [user[0] for user in accounts[PASSWD].rows if len(user) > 3 and own and user[3] == own[2]]
    if own is not None and not own[3] and own[2] == row[3] and used == [name]:
        accounts[GROUP].remove(name)
        accounts[GSHADOW].remove(name)
    for path in (PASSWD, SHADOW, SUBUID, SUBGID):
        accounts[path].remove(name)
    accounts.save()
    if "remove" in given and call.files.find(row[5]) is not None:
        call.root.tree.remove(call.files.lookup(row[5])[0])
    return 0


COMMANDS: Mapping[str, Command] = {
    "chage": failing(chage),
    "chfn": failing(chsh),
    "chsh": failing(chsh),
    "getent": getent,
    "gpasswd": failing(gpasswd),
    "groupadd": failing(groupadd),
    "groupdel": failing(groupdel),
    "groupmod": failing(groupmod),
    "passwd": failing(passwd),
    "useradd": failing(useradd),
    "userdel": failing(userdel),
    "usermod": failing(usermod),
}
"""This family's commands by name."""
