"""getent(1), from the files of the tree alone."""

from collections.abc import Iterator, Mapping

from tools.sysimage.commands.account_files import GROUP, GSHADOW, PASSWD, SHADOW, Accounts, members
from tools.sysimage.commands.call import Call, Command

_FOUND, _UNKNOWN, _MISSING, _NO_LIST = 0, 1, 2, 3
_ACCOUNTS = {"passwd": PASSWD, "group": GROUP, "shadow": SHADOW, "gshadow": GSHADOW}
_NUMBERED = {"services": "etc/services", "protocols": "etc/protocols", "rpc": "etc/rpc"}
_KNOWN = ("ahosts", "ahostsv4", "ahostsv6", "aliases", "ethers", "netgroup", "networks")


def getent(call: Call) -> int:
    """getent(1): 0, 1 for an unknown database, 2 for a key that is not there, 3 for what can't be listed."""
    given = call.options("-s --service=", "-i --no-idn", "-A --no-addrconfig", permute=False)
    if not given.operands:
        call.complain("wrong number of arguments")
        return _UNKNOWN
    if any(value.rpartition(":")[2] != "files" for value in given.values("service")):
        call.refuse("getent: services other than files are not modelled")
    database, *keys = given.operands
    if database in _ACCOUNTS:
        return _accounts(call, _ACCOUNTS[database], keys)
    if database == "initgroups":
        return _initgroups(call, keys)
    if database in _NUMBERED:
        return _numbered(call, database, keys)
    if database == "hosts":
        return _hosts(call, keys)
    if database in _KNOWN:
        call.refuse(f"getent: the database {database} is not modelled")
    call.machine.stream(2).write(f"Unknown database: {database}\n".encode())
    call.out("Try `getent --help' or `getent --usage' for more information.\n")
    return _UNKNOWN


def _answers(call: Call, found: list[str | None]) -> int:
    for text in found:
        if text is not None:
            call.out(f"{text}\n")
    return _MISSING if None in found else _FOUND


def _accounts(call: Call, path: str, keys: list[str]) -> int:
    entries = list(Accounts(call)[path].entries())
    if not keys:
        return _answers(call, [":".join(row) for row in entries])
    found: list[str | None] = []
    for key in keys:
        digits = key.removeprefix("+")
        numbered = path in (PASSWD, GROUP) and digits.isascii() and digits.isdigit()
        rows = (row for row in entries if (int(row[2]) == int(digits) if numbered else row[0] == key))
        row = next(rows, None)
        found.append(None if row is None else ":".join(row))
    return _answers(call, found)


def _initgroups(call: Call, keys: list[str]) -> int:
    if not keys:
        call.machine.stream(2).write(b"Enumeration not supported on initgroups\n")
        return _NO_LIST
    for key in keys:
        numbers = [f" {row[2]}" for row in Accounts(call)[GROUP].entries() if key in members(row)]
        call.out(f"{key:<21}{''.join(numbers)}\n")
    return _FOUND


def _lines(call: Call, path: str, default: str = "") -> Iterator[list[str]]:
    """Yields the words of a file's lines, without comments."""
    text = call.root.text(path) if call.root.tree.find(path) else default
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1:
            yield words


def _numbered(call: Call, database: str, keys: list[str]) -> int:
    lines = list(_lines(call, _NUMBERED[database]))
    if not keys:
        return _answers(call, [_line(database, words) for words in lines])
    found = []
    for key in keys:
        name, slash, protocol = key.partition("/")
        matches = (
            _line(database, words)
            for words in lines
            if (not slash or words[1].partition("/")[2] == protocol)
            and (words[1].partition("/")[0] == name if name.isdigit() else name in (words[0], *words[2:]))
        )
        found.append(next(matches, None))
    return _answers(call, found)


def _line(database: str, words: list[str]) -> str:
    name, number, *aliases = words
    if database == "rpc":
        return f"{name:<15} {number}{' ' if aliases else ''}{''.join(f' {alias}' for alias in aliases)}"
    return " ".join([f"{name:<21} {number}", *aliases])


def _hosts(call: Call, keys: list[str]) -> int:
    """Answers of /etc/hosts; a tree without one has the host localhost. Nobody else is asked."""
    if not keys:
        call.refuse("getent: a list of all hosts is not modelled")
    lines = list(_lines(call, "etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"))
    # An address of the newer kind comes first.
    lines.sort(key=lambda words: ":" not in words[0])
    found = []
    for key in keys:
        words = next((words for words in lines if key in words), None)
        found.append(f"{words[0]:<15} {' '.join(words[1:])}" if words else None)
    return _answers(call, found)


COMMANDS: Mapping[str, Command] = {"getent": getent}
"""This family's commands by name."""
