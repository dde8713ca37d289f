"""groupadd, groupmod, groupdel, gpasswd (shadow)."""

from tools.sysimage.commands.account_files import (
    GROUP,
    GSHADOW,
    PASSWD,
    Accounts,
    new_number,
)
from tools.sysimage.commands.accounts_common import (
    BAD_ARGUMENT,
    ID_IN_USE,
    NAME_IN_USE,
    NOT_FOUND,
    FailureError,
    check_name,
    one,
    read_definitions,
)
from tools.sysimage.commands.call import Call


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
    name = one(given)
    accounts = Accounts(call)
    check_name(name, "group")
    if accounts[GROUP].row(name) is not None:
        if "force" in given:
            return 0
        raise FailureError(NAME_IN_USE, f"group '{name}' already exists")
    gid: int | None = int(given.value("gid")) if "gid" in given else None
    if gid is not None and accounts[GROUP].by_number(gid) is not None and "non-unique" not in given:
        if "force" not in given:
            raise FailureError(ID_IN_USE, f"GID '{gid}' already exists")
        gid = None
    if gid is None:
        gid = new_number(accounts, GROUP, read_definitions(call, given), system="system" in given)
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
    name = one(given)
    accounts = Accounts(call)
    row = accounts[GROUP].row(name)
    if row is None:
        raise FailureError(NOT_FOUND, f"group '{name}' does not exist")
    if "users" in given:
        call.refuse("groupmod: the option -U is not modelled")
    if "gid" in given:
        taken = accounts[GROUP].by_number(int(given.value("gid")))
        if taken is not None and taken is not row and "non-unique" not in given:
            raise FailureError(ID_IN_USE, f"GID '{given.value('gid')}' already exists")
        for user in accounts[PASSWD].rows:
            if len(user) > 3 and user[3] == row[2]:
                user[3] = given.value("gid")
                accounts[PASSWD].changed = True
        row[2] = given.value("gid")
    if "new-name" in given:
        if accounts[GROUP].row(given.value("new-name")) is not None:
            raise FailureError(NAME_IN_USE, f"group '{given.value('new-name')}' already exists")
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
    name = one(given)
    accounts = Accounts(call)
    row = accounts[GROUP].row(name)
    if row is None:
        raise FailureError(NOT_FOUND, f"group '{name}' does not exist")
    if any(len(user) > 3 and user[3] == row[2] for user in accounts[PASSWD].rows) and "force" not in given:
        raise FailureError(8, f"cannot remove the primary group of user '{name}'")
    accounts[GROUP].remove(name)
    accounts[GSHADOW].remove(name)
    accounts.save()
    return 0


def gpasswd(call: Call) -> int:
    """gpasswd(1)."""
    given = call.options(
        "-a --add=", "-d --delete=", "-M --members=", "-r --delete-password", "-R --restrict"
    )
    name = one(given)
    accounts = Accounts(call)
    row = accounts[GROUP].row(name)
    if row is None:
        raise FailureError(BAD_ARGUMENT, f"group '{name}' does not exist in /etc/group")
    shadow = accounts[GSHADOW].row(name)
    if shadow is None and accounts[GSHADOW].there:
        # The password goes where it belongs.
        accounts[GSHADOW].add(name, row[1], "", row[3])
        row[1] = "x"
    if "add" in given:
        if accounts.user(given.value("add")) is None:
            raise FailureError(BAD_ARGUMENT, f"user '{given.value('add')}' does not exist")
        call.out(f"Adding user {given.value('add')} to group {name}\n")
        accounts.add_member(name, given.value("add"))
    elif "delete" in given:
        call.out(f"Removing user {given.value('delete')} from group {name}\n")
        if not accounts.remove_member(name, given.value("delete")):
            raise FailureError(BAD_ARGUMENT, f"user '{given.value('delete')}' is not a member of '{name}'")
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
