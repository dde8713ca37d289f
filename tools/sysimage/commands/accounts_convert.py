"""pwconv(8), grpconv(8), and pwck(8), grpck(8) that only look."""

from collections.abc import Callable, Iterator, Mapping

from tools.sysimage.commands.account_files import (
    GROUP,
    GSHADOW,
    PASSWD,
    SHADOW,
    Accounts,
    Database,
    failing,
    members,
)
from tools.sysimage.commands.account_numbers import login_defs, valid_name
from tools.sysimage.commands.account_options import usage
from tools.sysimage.commands.call import Call, Command

_WRONG = 2  # the status of pwck and grpck that have found something


def pwconv(call: Call) -> int:
    """pwconv(8): the passwords of passwd go to shadow, which has no other users then."""
    usage(bool(call.options().operands))
    accounts = Accounts(call)
    _begin(call, accounts, SHADOW, PASSWD)
    for row in list(accounts[PASSWD].entries()):
        shadow = accounts[SHADOW].row(row[0])
        if shadow is not None and row[1] == "x":
            continue
        rest = shadow[3:] if shadow else [*login_defs(call).ageing(), "", "", ""]
        accounts[SHADOW].put(row[0], row[1], "", *rest)
        accounts[PASSWD].put(row[0], "x", *row[2:])
    accounts.save()
    return 0


def grpconv(call: Call) -> int:
    """grpconv(8): the passwords of group go to gshadow, and its members too."""
    usage(bool(call.options().operands))
    accounts = Accounts(call)
    _begin(call, accounts, GSHADOW, GROUP)
    for row in list(accounts[GROUP].entries()):
        shadow = accounts[GSHADOW].row(row[0])
        password = shadow[1] if shadow and row[1] == "x" else row[1]
        accounts[GSHADOW].put(row[0], password, shadow[2] if shadow else "", row[3])
        accounts[GROUP].put(row[0], "x", *row[2:])
    accounts.save()
    return 0


def _begin(call: Call, accounts: Accounts, path: str, of: str) -> None:
    """Makes a shadow file if there is none; removes whom the other file lacks."""
    if not accounts[path].there:
        call.root.write(path, "", 0o440, call.world.who)
        made, owner = call.files.get(f"/{path}"), accounts[GROUP].row("shadow")
        made.gid = int(owner[2]) if owner else 0
        del accounts.files[path]
        accounts[path].changed = True
    for row in list(accounts[path].entries()):
        if accounts[of].row(row[0]) is None:
            accounts[path].remove(row[0])


def pwck(call: Call) -> int:
    """pwck(8) with -r."""
    return _check(call, _wrong_users)


def grpck(call: Call) -> int:
    """grpck(8) with -r."""
    return _check(call, _wrong_groups)


def _check(call: Call, wrong: Callable[[Call, Accounts, bool], Iterator[str]]) -> int:
    given = call.options("-q --quiet", "-r --read-only")
    if "read-only" not in given or given.operands:
        call.refuse(f"{call.name}: without -r it asks what to change, which is not modelled")
    found = list(wrong(call, Accounts(call), "quiet" in given))
    for text in found:
        call.out(text)
    if any(not text.startswith("'") for text in found):
        call.out(f"{call.name}: no changes\n")
        return _WRONG
    return 0


def _asked(what: str, question: str) -> str:
    return f"{what}\n{question}? No\n"


def _broken(database: Database, what: str) -> Iterator[tuple[list[str], str]]:
    """Yields each line with what is wrong of it as a line of its file, "" if nothing is."""
    entries = list(database.entries())
    for row in database.rows:
        line = ":".join(row)
        if row not in entries:
            yield row, _asked(f"invalid {what} file entry", f"delete line '{line}'")
            continue
        same = [other for other in entries if other[0] == row[0] and other is not row]
        yield row, "".join(_asked(f"duplicate {what} entry", f"delete line '{line}'") for _ in same)


def _wrong_users(call: Call, accounts: Accounts, quiet: bool) -> Iterator[str]:
    definitions = login_defs(call)
    low, high = definitions.number("SYS_UID_MIN", 101), definitions.number("SYS_UID_MAX", 999)
    entries = list(accounts[PASSWD].entries())
    for row, wrong in _broken(accounts[PASSWD], "password"):
        yield from filter(None, [wrong])
        if row not in entries:
            continue
        name, home, shell = row[0], row[5], row[6]
        if not valid_name(name):
            yield f"invalid user name '{name}': use --badname to ignore\n"
        if not quiet:
            if accounts[GROUP].by_number(int(row[3])) is None:
                yield f"user '{name}': no group {row[3]}\n"
            missing = home and call.files.find(home) is None and home != definitions.get("NONEXISTENT")
            if missing and not low <= int(row[2]) <= high:
                yield f"user '{name}': directory '{home}' does not exist\n"
            if shell and call.files.find(shell) is None:
                yield f"user '{name}': program '{shell}' does not exist\n"
        if accounts[SHADOW].there:
            if accounts[SHADOW].row(name) is None:
                question = f"add user '{name}' in /{SHADOW}"
                yield _asked(f"no matching password file entry in /{SHADOW}", question)
            elif not quiet and row[1] != "x":
                yield (
                    f"user {name} has an entry in /{SHADOW}, "
                    f"but its password field in /{PASSWD} is not set to 'x'\n"
                )
    yield from _orphans(accounts, SHADOW, PASSWD, "shadow password", "password")


def _orphans(accounts: Accounts, path: str, of: str, what: str, other: str) -> Iterator[str]:
    """Yields what is wrong with the entries of a shadow file as such."""
    entries = list(accounts[path].entries())
    for row, wrong in _broken(accounts[path], what):
        yield from filter(None, [wrong])
        if row in entries and accounts[of].row(row[0]) is None:
            yield _asked(f"no matching {other} file entry in /{of}", f"delete line '{':'.join(row)}'")


def _wrong_groups(_: Call, accounts: Accounts, quiet: bool) -> Iterator[str]:
    entries = list(accounts[GROUP].entries())
    shadowed = accounts[GSHADOW].there
    for row, wrong in _broken(accounts[GROUP], "group"):
        yield from filter(None, [wrong])
        if row not in entries:
            continue
        name = row[0]
        if not valid_name(name, group=True):
            yield f"invalid group name '{name}'\n"
        yield from _strangers(accounts, f"group {name}: no user", members(row))
        shadow = accounts[GSHADOW].row(name)
        if shadowed and shadow is None:
            question = f"add group '{name}' in /{GSHADOW}"
            yield _asked(f"no matching group file entry in /{GSHADOW}", question)
        elif shadow is not None:
            yield from [] if quiet else _lacking(name, row, shadow, GROUP, GSHADOW)
            if row[1] != "x":
                yield (
                    f"group {name} has an entry in /{GSHADOW}, "
                    f"but its password field in /{GROUP} is not set to 'x'\n"
                )
    for row in accounts[GSHADOW].entries():
        found = accounts[GROUP].row(row[0])
        if found is None:
            yield _asked(f"no matching group file entry in /{GROUP}", f"delete line '{':'.join(row)}'")
        else:
            yield from [] if quiet else _lacking(row[0], row, found, GSHADOW, GROUP)
        yield from _strangers(accounts, f"shadow group {row[0]}: no administrative user", members(row, 2))
        yield from _strangers(accounts, f"shadow group {row[0]}: no user", members(row))


def _strangers(accounts: Accounts, what: str, names: list[str]) -> Iterator[str]:
    for name in names:
        if accounts.user(name) is None:
            kind = "administrative member" if "administrative" in what else "member"
            yield _asked(f"{what} {name}", f"delete {kind} '{name}'")


def _lacking(name: str, row: list[str], other: list[str], path: str, of: str) -> Iterator[str]:
    """Yields who is a member in one file only; that counts as no error."""
    for member in members(row):
        if member not in members(other):
            yield f"'{member}' is a member of the '{name}' group in /{path} but not in /{of}\n"


COMMANDS: Mapping[str, Command] = {
    "grpck": failing(grpck),
    "grpconv": failing(grpconv),
    "pwck": failing(pwck),
    "pwconv": failing(pwconv),
}
"""This family's commands by name."""
