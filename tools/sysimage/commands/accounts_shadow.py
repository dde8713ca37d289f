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
    login_defs,
    new_number,
)
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Inode, Kind, directory

_NAME = re.compile(r"[^-+~:,/\s][^:,/\s]*")  # Debian's rule, which is wider than shadow's
# Statuses of useradd(8) and the others.
_USAGE, _BAD_ARGUMENT, _ID_IN_USE, _NOT_FOUND, _NAME_IN_USE = 2, 3, 4, 6, 9


class _FailureError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _failing(command: Command) -> Command:
    def run(call: Call) -> int:
        try:
            return command(call)
        except _FailureError as error:
            call.complain(str(error))
            return error.status

    return run


def _check_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name) or name.isdigit() or name in (".", "..") or len(name) > 32:
        raise _FailureError(19 if what == "user" else _BAD_ARGUMENT, f"invalid {what} name '{name}'")


def _one(given: Given) -> str:
    if len(given.operands) != 1:
        raise _FailureError(_USAGE, "one name is needed")
    return given.operands[0]


def _definitions(call: Call, given: Given) -> dict[str, str]:
    return login_defs(call) | dict(item.split("=", 1) for item in given.values("key"))


def _groups(accounts: Accounts, text: str) -> list[str]:
    """The names of a list of groups. Raises _FailureError for one that is not there."""
    found = []
    for word in filter(None, text.split(",")):
        row = accounts.group(word)
        if row is None:
            raise _FailureError(_NOT_FOUND, f"group '{word}' does not exist")
        found.append(row[0])
    return found


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
    name = _one(given)
    accounts, definitions, defaults = Accounts(call), _definitions(call, given), _useradd_defaults(call)
    system = "system" in given
    if "inactive" in given or not re.fullmatch(r"\d*", given.value("expiredate")):
        call.refuse("useradd: dates and inactivity are not modelled")
    if accounts.user(name) is not None:
        raise _FailureError(_NAME_IN_USE, f"user '{name}' already exists")
    _check_name(name, "user")
    own_group = (
        "gid" not in given
        and "no-user-group" not in given
        and ("user-group" in given or definitions.get("USERGROUPS_ENAB", "no") == "yes")
    )
    if own_group and accounts.group(name) is not None:
        raise _FailureError(
            _NAME_IN_USE, f"group {name} exists - if you want to add this user to that group, use -g."
        )
    uid = (
        int(given.value("uid"))
        if "uid" in given
        else new_number(accounts, PASSWD, definitions, system=system)
    )
    if uid is None:
        raise _FailureError(_ID_IN_USE, "Can't get unique UID (no more available UIDs)")
    if accounts[PASSWD].by_number(uid) is not None and "non-unique" not in given:
        raise _FailureError(_ID_IN_USE, f"UID {uid} is not unique")
    members = _groups(accounts, given.value("groups"))
    gid = _primary(accounts, given, defaults, definitions, name, uid, own_group)
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
        raise _FailureError(_USAGE, "-k requires -m")
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
    defaults: dict[str, str],
    definitions: dict[str, str],
    name: str,
    uid: int,
    own_group: bool,
) -> int:
    if "gid" in given:
        row = accounts.group(given.value("gid"))
        if row is None:
            raise _FailureError(_NOT_FOUND, f"group '{given.value('gid')}' does not exist")
        return int(row[2])
    if not own_group:
        return int(defaults.get("GROUP", "100"))
    gid = new_number(accounts, GROUP, definitions, system="system" in given, preferred=uid)
    if gid is None:
        raise _FailureError(_ID_IN_USE, "Can't get unique GID (no more available GIDs)")
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
    name = _one(given)
    accounts = Accounts(call)
    row = accounts.user(name)
    if row is None:
        raise _FailureError(_NOT_FOUND, f"user '{name}' does not exist")
    if "uid" in given or "move-home" in given or not re.fullmatch(r"\d*", given.value("expiredate")):
        call.refuse("usermod: the options -u, -m and dates are not modelled")
    groups = _groups(accounts, given.value("groups")) if "groups" in given else []
    for option, path in (("add-subuids", SUBUID), ("add-subgids", SUBGID)):
        for first, last in (value.split("-") for value in given.values(option)):
            accounts[path].add(name, first, str(int(last) - int(first) + 1))
    before = list(row)
    if "gid" in given:
        group = accounts.group(given.value("gid"))
        if group is None:
            raise _FailureError(_NOT_FOUND, f"group '{given.value('gid')}' does not exist")
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
        raise _FailureError(_NAME_IN_USE, f"user '{new}' already exists")
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
    name = _one(given)
    accounts = Accounts(call)
    row = accounts.user(name)
    if row is None:
        raise _FailureError(_NOT_FOUND, f"user '{name}' does not exist")
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


def groupadd(call: Call) -> int:
    """groupadd(8)."""
    given = call.options(
        "-f --force",
        "-g --gid=",
        "-K --key=",
        "-o --non-unique",
        "-p --password=",
        "-r --system",
        "-U --users=",
        "--badname",
    )
    name = _one(given)
    accounts = Accounts(call)
    _check_name(name, "group")
    if accounts[GROUP].row(name) is not None:
        if "force" in given:
            return 0
        raise _FailureError(_NAME_IN_USE, f"group '{name}' already exists")
    gid: int | None = int(given.value("gid")) if "gid" in given else None
    if gid is not None and accounts[GROUP].by_number(gid) is not None and "non-unique" not in given:
        if "force" not in given:
            raise _FailureError(_ID_IN_USE, f"GID '{gid}' already exists")
        gid = None
    if gid is None:
        gid = new_number(accounts, GROUP, _definitions(call, given), system="system" in given)
    accounts[GROUP].add(name, "x", str(gid), "")
    accounts[GSHADOW].add(name, given.value("password", "!"), "", "")
    for user in filter(None, given.value("users").split(",")):
        accounts.add_member(name, user)
    accounts.save()
    return 0


def groupmod(call: Call) -> int:
    """groupmod(8)."""
    given = call.options(
        "-g --gid=", "-n --new-name=", "-o --non-unique", "-p --password=", "-a --append", "-U --users="
    )
    name = _one(given)
    accounts = Accounts(call)
    row = accounts[GROUP].row(name)
    if row is None:
        raise _FailureError(_NOT_FOUND, f"group '{name}' does not exist")
    if "users" in given:
        call.refuse("groupmod: the option -U is not modelled")
    if "gid" in given:
        taken = accounts[GROUP].by_number(int(given.value("gid")))
        if taken is not None and taken is not row and "non-unique" not in given:
            raise _FailureError(_ID_IN_USE, f"GID '{given.value('gid')}' already exists")
        for user in accounts[PASSWD].rows:
            if len(user) > 3 and user[3] == row[2]:
                user[3] = given.value("gid")
                accounts[PASSWD].changed = True
        row[2] = given.value("gid")
    if "new-name" in given:
        if accounts[GROUP].row(given.value("new-name")) is not None:
            raise _FailureError(_NAME_IN_USE, f"group '{given.value('new-name')}' already exists")
        for path in (GROUP, GSHADOW):
            found = accounts[path].row(name)
            if found is not None:
                found[0] = given.value("new-name")
                accounts[path].changed = True
    accounts[GROUP].changed = True
    accounts.save()
    return 0


def groupdel(call: Call) -> int:
    """groupdel(8)."""
    given = call.options("-f --force")
    name = _one(given)
    accounts = Accounts(call)
    row = accounts[GROUP].row(name)
    if row is None:
        raise _FailureError(_NOT_FOUND, f"group '{name}' does not exist")
    if any(len(user) > 3 and user[3] == row[2] for user in accounts[PASSWD].rows) and "force" not in given:
        raise _FailureError(8, f"cannot remove the primary group of user '{name}'")
    accounts[GROUP].remove(name)
    accounts[GSHADOW].remove(name)
    accounts.save()
    return 0


def gpasswd(call: Call) -> int:
    """gpasswd(1)."""
    given = call.options(
        "-a --add=", "-d --delete=", "-M --members=", "-r --delete-password", "-R --restrict"
    )
    name = _one(given)
    accounts = Accounts(call)
    row = accounts[GROUP].row(name)
    if row is None:
        raise _FailureError(_BAD_ARGUMENT, f"group '{name}' does not exist in /etc/group")
    shadow = accounts[GSHADOW].row(name)
    if shadow is None and accounts[GSHADOW].there:
        # The password goes where it belongs.
        accounts[GSHADOW].add(name, row[1], "", row[3])
        row[1] = "x"
    if "add" in given:
        if accounts.user(given.value("add")) is None:
            raise _FailureError(_BAD_ARGUMENT, f"user '{given.value('add')}' does not exist")
        call.out(f"Adding user {given.value('add')} to group {name}\n")
        accounts.add_member(name, given.value("add"))
    elif "delete" in given:
        call.out(f"Removing user {given.value('delete')} from group {name}\n")
        if not accounts.remove_member(name, given.value("delete")):
            raise _FailureError(_BAD_ARGUMENT, f"user '{given.value('delete')}' is not a member of '{name}'")
    elif "members" in given:
        for path in (GROUP, GSHADOW):
            found = accounts[path].row(name)
            if found is not None:
                found[3] = given.value("members")
    else:
        call.refuse("gpasswd: these options are not modelled")
    accounts[GROUP].changed = accounts[GSHADOW].changed = True
    accounts.save()
    return 0


def passwd(call: Call) -> int:
    """passwd(1) with -l, -u, -d, -e, -S."""
    given = call.options(
        "-l --lock", "-u --unlock", "-d --delete", "-e --expire", "-q --quiet", "-S --status"
    )
    name = _one(given)
    accounts = Accounts(call)
    row = accounts[SHADOW].row(name)
    if accounts.user(name) is None or row is None:
        raise _FailureError(1, f"user '{name}' does not exist")
    if "lock" in given and not row[1].startswith("!"):
        row[1] = f"!{row[1]}"
    elif "unlock" in given:
        row[1] = row[1].removeprefix("!") or row[1]
    elif "delete" in given:
        row[1] = ""
    elif "lock" not in given:
        call.refuse("passwd: setting a password is not modelled")
    call.out("passwd: password changed.\n")
    accounts[SHADOW].changed = True
    accounts.save()
    return 0


def chage(call: Call) -> int:
    """chage(1), as far as it sets no date."""
    given = call.options(
        "-E --expiredate=",
        "-I --inactive=",
        "-m --mindays=",
        "-M --maxdays=",
        "-W --warndays=",
        "-d --lastday=",
        "-l --list",
    )
    name = _one(given)
    accounts = Accounts(call)
    row = accounts[SHADOW].row(name)
    if row is None:
        raise _FailureError(1, f"user '{name}' does not exist in /etc/shadow")
    places = {"mindays": 3, "maxdays": 4, "warndays": 5, "inactive": 6, "expiredate": 7}
    for option, value in given.options:
        if option not in places or not re.fullmatch(r"-?\d+", value or ""):
            call.refuse(f"chage: --{option} {value} is not modelled")
        row[places[option]] = "" if value == "-1" else value or ""
    accounts[SHADOW].changed = True
    accounts.save()
    return 0


def chsh(call: Call) -> int:
    """chsh(1) and chfn(1) -f."""
    given = call.options(
        "-s --shell=", "-f --full-name=", "-o --other=", "-h --home-phone=", "-r --room=", "-w --work-phone="
    )
    name = _one(given)
    accounts = Accounts(call)
    row = accounts.user(name)
    if row is None:
        raise _FailureError(1, f"user '{name}' does not exist")
    if "shell" in given:
        row[6] = given.value("shell")
    elif "full-name" in given:
        rest = [*row[4].split(",")[1:], "", "", ""]
        row[4] = ",".join([given.value("full-name"), *rest[: max(3, len(rest) - 3)]])
    else:
        call.refuse(f"{call.name}: these options are not modelled")
    accounts[PASSWD].changed = True
    accounts.save()
    return 0


def getent(call: Call) -> int:
    """getent(1), from files."""
    given = call.options("-s --service=", "-i --no-idn", "-A --no-addrconfig", permute=False)
    if not given.operands:
        return call.complain("wrong number of arguments")
    database, *keys = given.operands
    paths = {
        "passwd": PASSWD, "group": GROUP, "shadow": SHADOW, "gshadow": GSHADOW,
        "services": "etc/services", "protocols": "etc/protocols", "rpc": "etc/rpc", "networks": "etc/networks",
    }  # fmt: skip
    if database in ("hosts", "ahosts", "ahostsv4"):
        if keys == ["localhost"]:
            call.out("::1             localhost ip6-localhost ip6-loopback\n")
            return 0
        return 2
    if database not in paths:
        call.complain(f"Unknown database: {database}")
        call.out("Try `getent --help' or `getent --usage' for more information.\n")
        return 1
    lines = [
        line for line in call.root.text(paths[database]).splitlines() if line and not line.startswith("#")
    ]
    if not keys:
        call.out("".join(f"{line}\n" for line in lines))
        return 0
    status = 0
    for key in keys:
        if paths[database] not in (PASSWD, GROUP, SHADOW, GSHADOW):
            if not any(key in line.partition("#")[0].split() for line in lines):
                status = 2
            else:
                call.refuse(f"getent: the answer from {database} is not modelled")
            continue
        found = next(
            (
                line
                for line in lines
                if (f := line.split(":"))[0] == key or (key.isdigit() and f[2:3] == [key])
            ),
            None,
        )
        if found is None:
            status = 2
        else:
            call.out(f"{found}\n")
    return status


COMMANDS: Mapping[str, Command] = {
    "chage": _failing(chage),
    "chfn": _failing(chsh),
    "chsh": _failing(chsh),
    "getent": getent,
    "gpasswd": _failing(gpasswd),
    "groupadd": _failing(groupadd),
    "groupdel": _failing(groupdel),
    "groupmod": _failing(groupmod),
    "passwd": _failing(passwd),
    "useradd": _failing(useradd),
    "userdel": _failing(userdel),
    "usermod": _failing(usermod),
}
"""This family's commands by name."""
