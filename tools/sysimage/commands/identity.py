"""id, groups, whoami, logname, who, users (GNU coreutils): scripts are root's, and nobody is logged in."""

from collections.abc import Mapping
from dataclasses import dataclass

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.owners import group_name, known


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]  # the primary one first


def _table(call: Call, name: str, least: int) -> list[list[str]]:
    rows = [line.split(":") for line in call.root.text(f"etc/{name}").splitlines()]
    return [row for row in rows if len(row) >= least and row[2].isdigit()]


def _user(call: Call, name: str) -> _User | None:
    rows = [row for row in _table(call, "passwd", 4) if row[3].isdigit()]
    row = next((row for row in rows if row[0] == name and not name.startswith("+")), None)
    if row is None and name.removeprefix("+").isdigit():
        row = next((row for row in rows if int(row[2]) == int(name.removeprefix("+"))), None)
    if row is None:
        return None
    gid = int(row[3])
    more = [int(g[2]) for g in _table(call, "group", 4) if row[0] in g[3].split(",")]
    return _User(row[0], int(row[2]), gid, tuple(dict.fromkeys([gid, *more])))


def _named(call: Call, gid: int) -> str:
    return f"{gid}({group_name(call.root, gid)})" if known(call.root, "etc/group", gid) else str(gid)


def identity(call: Call) -> int:
    """id(1)."""
    given = call.options(
        "-u --user", "-g --group", "-n --name", "-G --groups", "-r --real", "-z --zero", "-a"
    )
    kinds = [kind for kind in ("user", "group", "groups") if kind in given]
    if len(kinds) > 1:
        return call.complain('cannot print "only" of more than one choice')
    if not kinds and ("name" in given or "real" in given):
        return call.complain("printing only names or real IDs requires -u, -g, or -G")
    if not kinds and "zero" in given:
        return call.complain("option --zero not permitted in default format")
    status = 0
    # A script's own groups are those that the installation runs with, not those of the table.
    own = _User("root", 0, 0, (0,))
    for name in given.operands or ("",):
        user = _user(call, name) if name else own
        if user is None:
            status = call.complain(f"'{name}': no such user")
            continue
        call.out(_answer(call, user, kinds[0] if kinds else "", "name" in given, "zero" in given))
    return status


def _answer(call: Call, user: _User, kind: str, names: bool, zero: bool) -> str:
    end = "\0" if zero else "\n"
    if kind == "user":
        return f"{user.name if names else user.uid}{end}"
    if kind:
        gids = user.groups if kind == "groups" else (user.gid,)
        words = [group_name(call.root, gid) if names else str(gid) for gid in gids]
        return ("\0" if zero else " ").join(words) + end
    groups = ",".join(_named(call, gid) for gid in user.groups)
    return f"uid={user.uid}({user.name}) gid={_named(call, user.gid)} groups={groups}\n"


def groups(call: Call) -> int:
    """groups(1)."""
    names = call.options().operands
    if not names:
        call.out(f"{group_name(call.root, 0)}\n")
    status = 0
    for name in names:
        user = _user(call, name)
        if user is None:
            status = call.complain(f"'{name}': no such user")
        else:
            call.out(f"{name} : {' '.join(group_name(call.root, gid) for gid in user.groups)}\n")
    return status


def whoami(call: Call) -> int:
    """whoami(1)."""
    call.options()
    call.out("root\n")
    return 0


def logname(call: Call) -> int:
    """logname(1): nobody has logged in."""
    call.options()
    return call.complain("no login name")


def nobody(call: Call) -> int:
    """who(1), users(1): nobody has logged in."""
    if call.arguments:
        call.refuse(f"{call.name} is not modelled with arguments")
    return 0


COMMANDS: Mapping[str, Command] = {
    "groups": groups,
    "id": identity,
    "logname": logname,
    "users": nobody,
    "who": nobody,
    "whoami": whoami,
}
"""This family's commands by name."""
