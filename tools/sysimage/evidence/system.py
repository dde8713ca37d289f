"""What a tree says of the system that it is: users, groups, units, the distribution."""

from tools.sysimage.core.files import Files
from tools.sysimage.evidence.facts import Group, Unit, User
from tools.sysimage.systemd import unit_file, unit_programs, unit_state
from tools.sysimage.systemd.install import BeyondError, InvalidUnitError, NotThereError

_SUFFIXES = (".service", ".socket", ".timer", ".target", ".mount", ".automount", ".path", ".slice", ".swap")
_LISTEN = (
    "ListenStream",
    "ListenDatagram",
    "ListenSequentialPacket",
    "ListenNetlink",
    "ListenFIFO",
    "ListenSpecial",
)
_EXEC = ("ExecStartPre", "ExecStart", "ExecStartPost")


def users(files: Files) -> tuple[User, ...]:
    """The users of /etc/passwd, by number."""
    shadow = {line.split(":")[0]: line.split(":")[1] for line in _lines(files, "etc/shadow", 2)}
    found = []
    for line in _lines(files, "etc/passwd", 7):
        name, password, uid, gid, _, home, shell = line.split(":")[:7]
        secret = shadow.get(name, "*") if password == "x" else password
        found.append(User(name, int(uid), int(gid), home, shell, not secret.startswith(("*", "!"))))
    return tuple(sorted(found, key=lambda user: (user.uid, user.name)))


def groups(files: Files) -> tuple[Group, ...]:
    """The groups of /etc/group, by number."""
    found = []
    for line in _lines(files, "etc/group", 4):
        name, _, gid, members = line.split(":")[:4]
        found.append(Group(name, int(gid), tuple(member for member in members.split(",") if member)))
    return tuple(sorted(found, key=lambda group: (group.gid, group.name)))


def units(files: Files) -> tuple[Unit, ...]:
    """The units that there are, by name, and what the sockets among them listen to."""
    found = sorted(unit_programs.paths(files.tree).items())
    return tuple(_unit(files, name, path) for name, path in found if name.endswith(_SUFFIXES))


def os_release(files: Files) -> dict[str, str]:
    """The variables of os-release(5)."""
    pairs = (line.partition("=") for line in files.text("usr/lib/os-release").splitlines())
    return {name: value.strip("\"'") for name, separator, value in pairs if separator}


def _unit(files: Files, name: str, path: str) -> Unit:
    try:
        state = unit_state.state(files, name)
    except InvalidUnitError, NotThereError, BeyondError:
        state = "bad"
    listen = tuple(_settings(files, name, "Socket", _LISTEN)) if name.endswith(".socket") else ()
    runs = tuple(_settings(files, name, "Service", _EXEC)) if name.endswith(".service") else ()
    return Unit(name, path, state, listen, runs)


def _settings(files: Files, name: str, section: str, keys: tuple[str, ...]) -> list[str]:
    found: dict[str, list[str]] = {}
    for source in unit_programs.sources(files.tree, name):
        try:
            for line in unit_file.assignments(source.text):
                if line.section == section and line.key in keys:
                    # An empty value forgets what came before: of a socket, all that it listens to.
                    if not line.value and section == "Socket":
                        found.clear()
                    elif not line.value:
                        found.pop(line.key, None)
                    else:
                        found.setdefault(line.key, []).append(f"{line.key}={line.value}")
        except unit_file.UnitSyntaxError:
            continue
    return [value for key in keys for value in found.get(key, ())]


def _lines(files: Files, path: str, fields: int) -> list[str]:
    return [line for line in files.text(path).split("\n") if line.count(":") >= fields - 1]
