"""groupadd(8), groupmod(8), groupdel(8) and gpasswd(1), as shadow 4.17 has them."""

from collections.abc import Mapping

from tools.sysimage.commands.account_files import (
    GROUP,
    GSHADOW,
    PASSWD,
    Accounts,
    FailureError,
    failing,
    members,
)
from tools.sysimage.commands.account_numbers import identity, login_defs, new_number, valid_name
from tools.sysimage.commands.account_options import BAD_ARGUMENT, existing_users, one, usage
from tools.sysimage.commands.call import Call, Command

_ID_IN_USE, _NOT_FOUND, _BUSY, _NAME_IN_USE, _NOT_WRITTEN, _NO_GSHADOW = 4, 6, 8, 9, 10, 17


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
    )
    gid: int | None = None
    for option, value in given.options:
        if option == "gid":
            gid = identity(value or "", "group")
        elif option == "key":
            login_defs(call, [value or ""])
    name, accounts = one(given), Accounts(call)
    usage("non-unique" in given and gid is None)
    if not valid_name(name, group=True):
        raise FailureError(BAD_ARGUMENT, f"'{name}' is not a valid group name")
    if accounts[GROUP].row(name) is not None:
        if "force" in given:
            return 0
        raise FailureError(_NAME_IN_USE, f"group '{name}' already exists")
    if gid is not None and accounts[GROUP].by_number(gid) is not None and "non-unique" not in given:
        if "force" not in given:
            raise FailureError(_ID_IN_USE, f"GID '{gid}' already exists")
        gid = None
    if gid is None:
        definitions = login_defs(call, given.values("key"))
        gid = new_number(accounts, GROUP, definitions, system="system" in given)
        if gid is None:
            raise FailureError(_ID_IN_USE, "Can't get unique GID (no more available GIDs)")
    shadowed = accounts[GSHADOW].there
    users = _members(accounts, given.value("users"), [])
    password = given.value("password") if "password" in given and not shadowed else "x"
    accounts[GROUP].put(name, password, str(gid), users)
    accounts[GSHADOW].put(name, given.value("password", "!") if "password" in given else "!", "", users)
    accounts.save()
    return 0


def _members(accounts: Accounts, text: str, before: list[str]) -> str:
    found = list(before)
    for user in text.split(",") if text else []:
        if accounts.user(user) is None:
            raise FailureError(_NOT_WRITTEN, f"Invalid member username {user}")
        if user not in found:
            found.append(user)
    return ",".join(found)


def groupmod(call: Call) -> int:
    """groupmod(8)."""
    given = call.options(
        "-a --append", "-g --gid=", "-n --new-name=", "-o --non-unique", "-p --password=", "-U --users="
    )
    gid = str(identity(given.value("gid"), "group")) if "gid" in given else ""
    usage("non-unique" in given and not gid)
    name, accounts = one(given), Accounts(call)
    row = accounts[GROUP].row(name)
    if row is None:
        raise FailureError(_NOT_FOUND, f"group '{name}' does not exist")
    taken = bool(gid) and accounts[GROUP].by_number(int(gid)) is not None
    if taken and gid != row[2] and "non-unique" not in given:
        raise FailureError(_ID_IN_USE, f"GID '{gid}' already exists")
    new = given.value("new-name") if "new-name" in given else name
    if new != name:
        if not valid_name(new, group=True):
            raise FailureError(BAD_ARGUMENT, f"invalid group name '{new}'")
        if accounts[GROUP].row(new) is not None:
            raise FailureError(_NAME_IN_USE, f"group '{new}' already exists")
    shadow = accounts[GSHADOW].row(name)
    changed, hidden = [new, *row[1:]], [new, *shadow[1:]] if shadow else None
    if "password" in given:
        if hidden is None and accounts[GSHADOW].there and row[1] == "x":
            hidden = [new, "", "", row[3]]
        if hidden is not None:
            hidden[1] = given.value("password")
        if not accounts[GSHADOW].there or row[1] != "x":
            changed[1] = given.value("password")
    if gid and gid != row[2]:
        _change_primary(accounts, row[2], gid)
        changed[2] = gid
    if "users" in given:
        append = "append" in given
        changed[3] = _members(accounts, given.value("users"), members(row) if append else [])
        if hidden is not None:
            hidden[3] = _members(accounts, given.value("users"), members(hidden) if append else [])
    _put(accounts, GROUP, name, changed)
    if hidden is not None and (new != name or "password" in given or "users" in given):
        _put(accounts, GSHADOW, name, hidden)
    accounts.save()
    return 0


def _change_primary(accounts: Accounts, old: str, new: str) -> None:
    for user in list(accounts[PASSWD].entries()):
        if user[3] == old:
            accounts[PASSWD].put(*user[:3], new, *user[4:])


def _put(accounts: Accounts, path: str, old: str, row: list[str]) -> None:
    # What gets another name comes to the end of the file.
    accounts[path].put(*row)
    if row[0] != old:
        accounts[path].remove(old)


def groupdel(call: Call) -> int:
    """groupdel(8)."""
    given = call.options("-f --force")
    name, accounts = one(given), Accounts(call)
    row = accounts[GROUP].row(name)
    if row is None:
        raise FailureError(_NOT_FOUND, f"group '{name}' does not exist")
    if "force" not in given:
        for user in accounts[PASSWD].entries():
            if user[3] == row[2]:
                raise FailureError(_BUSY, f"cannot remove the primary group of user '{user[0]}'")
    accounts[GROUP].remove(name)
    accounts[GSHADOW].remove(name)
    accounts.save()
    return 0


def gpasswd(call: Call) -> int:
    """gpasswd(1)."""
    given = call.options(
        "-a --add=",
        "-A --administrators=",
        "-d --delete=",
        "-M --members=",
        "-r --remove-password",
        "-R --restrict",
    )
    accounts = Accounts(call)
    shadowed = accounts[GSHADOW].there
    for option, value in given.options:
        text = value or ""
        if option == "add" and accounts.user(text) is None:
            raise FailureError(BAD_ARGUMENT, f"user '{text}' does not exist")
        if option == "administrators" and not shadowed:
            raise FailureError(_NO_GSHADOW, "shadow group passwords required for -A")
        if option in ("administrators", "members"):
            existing_users(call, accounts, text)
    exclusive = sum(option in given for option in ("add", "delete", "remove-password", "restrict"))
    usage(exclusive + ("administrators" in given or "members" in given) > 1)
    name = one(given)
    found = accounts[GROUP].row(name)
    if found is None:
        raise FailureError(BAD_ARGUMENT, f"group '{name}' does not exist in /etc/group")
    row = list(found)
    shadow = [name, row[1], "", row[3]]
    if shadowed:
        # The password goes where it belongs.
        hidden = accounts[GSHADOW].row(name)
        shadow = list(hidden) if hidden else shadow
        row[1] = row[1] if hidden else "x"
    option = given.last("add", "delete", "remove-password", "restrict")
    if option in ("remove-password", "restrict"):
        shadow[1] = "!" if option == "restrict" else ""
        # Without gshadow, group has it.
        row[1] = "x" if shadowed else shadow[1]
    elif option:
        _change_members(call, option, given.value(option), row, shadow)
    if "administrators" in given:
        shadow[2] = given.value("administrators")
    if "members" in given:
        row[3] = shadow[3] = given.value("members")
    if not given.options:
        raise FailureError(1, "Not a tty")
    accounts[GROUP].put(*row)
    accounts[GSHADOW].put(*shadow)
    accounts.save()
    return 0


def _change_members(call: Call, option: str, user: str, row: list[str], shadow: list[str]) -> None:
    """Adds or removes a member, in the entries of both files."""
    if option == "add":
        call.out(f"Adding user {user} to group {row[0]}\n")
        for entry in (row, shadow):
            entry[3] = ",".join(dict.fromkeys([*members(entry), user]))
        return
    call.out(f"Removing user {user} from group {row[0]}\n")
    if user not in members(row) and user not in members(shadow):
        raise FailureError(BAD_ARGUMENT, f"user '{user}' is not a member of '{row[0]}'")
    for entry in (row, shadow):
        entry[3] = ",".join(name for name in members(entry) if name != user)


COMMANDS: Mapping[str, Command] = {
    "gpasswd": failing(gpasswd),
    "groupadd": failing(groupadd),
    "groupdel": failing(groupdel),
    "groupmod": failing(groupmod),
}
"""This family's commands by name."""
