"""Whether systemd would load a unit: what it has to have, or it is in the state "bad-setting"."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tools.sysimage.systemd import exec_lines, unit_file
from tools.sysimage.systemd.exec_lines import BadCommandError, Command
from tools.sysimage.systemd.unit_file import Assignment

EXECS = (
    *(
        "ExecCondition",
        "ExecStartPre",
        "ExecStart",
        "ExecStartPost",
        "ExecReload",
        "ExecStop",
        "ExecStopPost",
    ),
)
"""The keys of a service whose values are commands."""
_TRUE = ("1", "yes", "y", "true", "t", "on")
_TYPES = ("simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle")
_RESTARTS = ("always", "on-success")
_VALUES = {
    "Type": _TYPES,
    "Restart": (*_RESTARTS, "no", "on-failure", "on-abnormal", "on-watchdog", "on-abort"),
    "ExitType": ("main", "cgroup"),
    "RemainAfterExit": (*_TRUE, "0", "no", "n", "false", "f", "off"),
}
"""What systemd takes of keys; another value is passed over."""
_NEEDED = {
    "socket": ("Listen", "ListenStream=, or another of the sockets that it is about"),
    "timer": ("On", "OnCalendar=, or another of its times"),
    "path": ("", "PathExists=, or another of the paths that it is about"),
}
_SOCKETS = (
    *("ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenSpecial"),
    *("ListenNetlink", "ListenMessageQueue", "ListenUSBFunction"),
)
_PATHS = ("PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty")
_TIMES = (
    *("OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar"),
    *("OnClockChange", "OnTimezoneChange"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a unit is made of, or a drop-in of it."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why systemd does not load a unit: where, which assignment, and what to do."""

    path: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"/{self.path}:{self.line}" if self.line else f"/{self.path}"
        return f"{where}: {self.what}; {self.remedy}"


@dataclass(slots=True)
class Service:
    """What the files of a service say of its commands, as systemd takes it."""

    commands: list[tuple[str, str, Command]]  # key, value, command
    settings: dict[str, Assignment]
    problem: Problem | None = None

    def has(self, key: str) -> bool:
        """Whether there is a command of a key."""
        return any(found == key for found, _, _ in self.commands)


def service(name: str, sources: Iterable[Source]) -> Service:
    """Reads a service, up to what systemd refuses. Raises UnitSyntaxError."""
    made = Service([], {})
    for source in sources:
        for line in unit_file.assignments(source.text):
            if line.section == "Unit" and line.key == "SuccessAction":
                made.settings[line.key] = line
            if line.section != "Service":
                continue
            if line.key not in EXECS:
                taken = line.value.lower() if line.key == "RemainAfterExit" else line.value
                if taken not in _VALUES.get(line.key, (taken,)):
                    continue
                made.settings[line.key] = line
                continue
            if not line.value:
                made.commands = [one for one in made.commands if one[0] != line.key]
            try:
                for command in exec_lines.commands(line.value, name):
                    made.commands.append((line.key, line.value, command))
            except BadCommandError as error:
                what = f"{line.key}={line.value}: {error}"
                made.problem = made.problem or Problem(source.path, line.line, what, "mend the line")
    return made


def problem(name: str, sources: Sequence[Source]) -> Problem | None:
    """Why systemd would not load a unit; None if nothing speaks against it. Raises UnitSyntaxError."""
    if not sources:
        return None
    kind = name.rpartition(".")[2]
    if kind == "service":
        made = service(name, sources)
        return made.problem or _service_problem(made, sources)
    lines = [line for source in sources for line in unit_file.assignments(source.text)]
    where = sources[0].path
    if kind == "mount" and not any(line.key == "What" and line.value for line in _of(lines, "Mount")):
        return Problem(where, 0, "it has no What=", "say what it mounts")
    if kind in _NEEDED and not _has_needed(kind, lines):
        near = _near(_of(lines, kind.title()), (*_PATHS, *_TIMES, *_SOCKETS))
        return Problem(where, 0, f"it has no {_NEEDED[kind][1]}{near}", "add one")
    return None


def _of(lines: Iterable[Assignment], section: str) -> list[Assignment]:
    return [line for line in lines if line.section == section]


def _has_needed(kind: str, lines: Iterable[Assignment]) -> bool:
    there = False
    for line in _of(lines, kind.title()):
        wanted = {
            "socket": line.key in _SOCKETS,
            "timer": line.key in _TIMES,
            "path": line.key in _PATHS,
        }
        if wanted[kind]:
            there = bool(line.value)
    return there


def _near(lines: Iterable[Assignment], keys: Iterable[str]) -> str:
    """A hint at a key that is written almost as one that counts."""
    for line in lines:
        if line.key not in keys and (near := difflib.get_close_matches(line.key, list(keys), 1, 0.75)):
            return f", but line {line.line} has {line.key}=, which is no key; {near[0]}= may be meant"
    return ""


def _service_problem(made: Service, sources: Sequence[Source]) -> Problem | None:
    def setting(key: str) -> str:
        return made.settings[key].value if key in made.settings else ""

    def found(what: str, remedy: str) -> Problem:
        return Problem(sources[0].path, 0, what, remedy)

    lines = [line for source in sources for line in _of(unit_file.assignments(source.text), "Service")]
    starts = [key for key, _, _ in made.commands].count("ExecStart")
    ends = setting("SuccessAction") not in ("", "none")
    kind = setting("Type")
    if kind not in _TYPES:
        kind = "dbus" if setting("BusName") else "simple" if starts else "oneshot"
    if not starts and not made.has("ExecStop") and not ends:
        near = _near(lines, EXECS)
        return found(f"the service has no ExecStart={near}", "say what it starts")
    if not starts and kind != "oneshot":
        near = _near(lines, EXECS)
        return found(f"the service of Type={kind} has no ExecStart={near}", "say what it starts")
    if not starts and not ends and setting("RemainAfterExit").lower() not in _TRUE:
        return found("the service has no ExecStart= and not RemainAfterExit=yes", "add one of them")
    if starts > 1 and kind != "oneshot":
        return found(f"the service of Type={kind} has {starts} commands in ExecStart=", "leave one")
    if kind == "oneshot" and setting("Restart") in _RESTARTS:
        return found(
            f"Restart={setting('Restart')} is not for Type=oneshot", "choose on-failure, or another type"
        )
    if kind == "oneshot" and setting("ExitType") == "cgroup":
        return found("ExitType=cgroup is not for Type=oneshot", "leave it out")
    if kind == "dbus" and not setting("BusName"):
        return found("the service of Type=dbus has no BusName=", "add it")
    return None


def commands(name: str, sources: Iterable[Source]) -> Iterator[tuple[str, str, Command]]:
    """Yields what a service starts: key, value, command. Raises UnitSyntaxError."""
    yield from service(name, sources).commands
