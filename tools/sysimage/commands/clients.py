"""Clients of databases: no server runs while an image is built, so that none of them connects.

Of what they ask files, pg_conftool.
"""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command

_MYSQL_SOCKET = "/run/mysqld/mysqld.sock"
_POSTGRES_SOCKET = "/var/run/postgresql/.s.PGSQL.5432"


def _unconnected(status: int, message: str) -> Command:
    """A program that asks its server first, of which it says `message`."""

    def run(call: Call) -> int:
        if set(call.arguments) & {"--help", "-?", "--version", "-V", "--print-defaults"}:
            call.refuse(f"{call.name} {' '.join(call.arguments)} is not modelled")
        call.machine.stream(2).write(message.format(call.name.replace("mysql", "mariadb")).encode())
        return status

    return run


_MYSQL = f"Can't connect to local server through socket '{_MYSQL_SOCKET}' (2)"
_POSTGRES = (
    f'connection to server on socket "{_POSTGRES_SOCKET}" failed: No such file or directory\n'
    "\tIs the server running locally and accepting connections on that socket?\n"
)
_PARAMETER = re.compile(r"\s*([\w.]+)(?:\s*=\s*|\s+)(?:'((?:[^']|'')*)'|([^\s#']*))")
_TRUE = ("on", "true", "tru", "tr", "t", "yes", "ye", "y", "1")
_ISQL = "*** Error S2801: [Virtuoso Driver]CL033: Connect failed to localhost:1111 = localhost:1111.\n"


def pg_isready(call: Call) -> int:
    """pg_isready(1): nothing answers."""
    given = call.options("-q --quiet", "-h --host=", "-p --port=", "-d --dbname=", "-U --username=", "-t=")
    if "quiet" not in given:
        call.out("/var/run/postgresql:5432 - no response\n")
    return 2


def pg_conftool(call: Call) -> int:
    """pg_conftool(1) of a file with an absolute path: `show` of one parameter."""
    given = call.options("-b --boolean", "-s --short", "-v --verbose")
    if len(given.operands) != 3 or given.operands[1] not in ("show", "get") or given.operands[0][0] != "/":
        call.refuse(f"pg_conftool {' '.join(call.arguments)} is not modelled")
    path, _, key = given.operands
    value: str | None = None
    for line in call.files.read(path).decode().splitlines():
        match = _PARAMETER.match(line)
        if match is None:
            continue
        if match[1].lower().startswith("include"):
            if match[1].lower() != "include_dir" or call.files.find(match[2] or match[3]) is not None:
                names = call.files.names(match[2] or match[3]) if match[1] == "include_dir" else ["…"]
                if any(not name.startswith(".") and name.endswith((".conf", "…")) for name in names):
                    call.refuse(f"pg_conftool: {path} includes other files, which is not modelled")
        elif match[1].lower() == key:
            value = match[3] if match[2] is None else match[2].replace("''", "'")
    if value is None or key == "all":
        if "verbose" in given or key == "all":
            call.refuse(f"pg_conftool {' '.join(call.arguments)} is not modelled")
        return 1
    if "boolean" in given:
        value = "on" if value.lower() in _TRUE else "off"
    elif "short" not in given:
        call.refuse("pg_conftool show without -s is not modelled")
    call.out(f"{value}\n" if "short" in given else f"{key} = {value}\n")
    return 0


COMMANDS: Mapping[str, Command] = {
    **dict.fromkeys(("mysql", "mariadb"), _unconnected(1, f"ERROR 2002 (HY000): {_MYSQL}\n")),
    **dict.fromkeys(
        ("mysqladmin", "mariadb-admin"),
        _unconnected(1, f"{{}}: connect to server at 'localhost' failed\nerror: '{_MYSQL}'\n"),
    ),
    **dict.fromkeys(
        ("mysqldump", "mariadb-dump"),
        _unconnected(2, f'{{}}: Got error: 2002: "{_MYSQL}" when trying to connect\n'),
    ),
    "psql": _unconnected(2, f"{{}}: error: {_POSTGRES}"),
    **dict.fromkeys(
        ("createdb", "createuser", "dropdb", "dropuser", "pg_dump", "vacuumdb", "reindexdb"),
        _unconnected(1, f"{{}}: error: {_POSTGRES}"),
    ),
    "pg_conftool": pg_conftool,
    "pg_isready": pg_isready,
    "isql-vt": _unconnected(3, _ISQL),
}
"""This family's commands by name."""
