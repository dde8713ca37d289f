"""Generated services, for systemd-analyze verify and for ours: which load, and which programs they start."""

import random
import re
from pathlib import Path

from tests.systemd import differential
from tests.systemd.differential import Case, Kind, Outcome
from tests.testing.debs import File, Node
from tools.sysimage.systemd import unit_file, unit_loads
from tools.sysimage.systemd.unit_loads import Source

UNITS = 25
"""Services a case has, which one call of systemd-analyze reads."""
_LIB = "units"
_WORDS = (
    *(
        "/bin/a",
        "/bin/none",
        "/bin/sh",
        "sh",
        "none",
        "-c",
        "x",
        ";",
        ";",
        "\\;",
        '";"',
        "';'",
        "a;b",
        ";x",
        "x;",
    ),
    *(
        '"a b"',
        '"/bin/with space"',
        "'q",
        '"q',
        "\\x20",
        "\\x2fbin/b",
        "\\q",
        "a\\",
        "\\\\",
        '"\\""',
        "'\\''",
        "/bin/\\x41",
        "\\073",
        "\\;x",
    ),
    *(
        "%n",
        "%%",
        "%i",
        "%Z",
        "%5",
        "/%p",
        "/bin/%N",
        "%",
        "%-",
        "$X",
        "${X}",
        '""',
        "''",
        "%H",
        "/opt/%I",
        "%j",
    ),
    *(
        "-/bin/c",
        "@/bin/d",
        "@-/e",
        "+/f",
        "!/g",
        "!!/h",
        "!!!/i",
        "+!/j",
        "!+/k",
        ":/l",
        "--/m",
        "-@:+/n",
        "|/o",
        "-",
        "@",
        "/",
        "/bin/",
        "/bin/.",
        "a/b",
        "./x",
        "..",
        "/bin//x",
        "/bin/./y",
    ),
    *(
        '/bin/"quoted"',
        "/bin/a'b c'd",
        "/b\\tc",
        "/ü",
        "\\u00fc",
        "-none",
        "-%Z",
        "-/bin/'x",
        "@/p argv0",
        "\\\n# comment\n  /cont",
        "\\\n ; comment\n y",
    ),
)
_SETTINGS = (
    "Type=oneshot",
    "Type=oneshot",
    "Type=simple",
    "Type=dbus",
    "Type=forking",
    "Type=no",
    "RemainAfterExit=yes",
    "RemainAfterExit=no",
    "Restart=always",
    "Restart=on-failure",
    "BusName=a.b",
    "ExitType=cgroup",
    "ExecStrat=/x",
    "ExecStart=",
    "ExecStop=",
    "execstart=/x",
    "Type=",
    "RemainAfterExit=ON",
)
_KEYS = (
    "ExecStart",
    "ExecStart",
    "ExecStart",
    "ExecStart",
    "ExecStop",
    "ExecStartPre",
    "ExecStartPost",
    "ExecCondition",
    "ExecReload",
    "ExecStopPost",
)


def _line(dice: random.Random) -> str:
    if dice.random() < 0.3:
        return dice.choice(_SETTINGS)
    odd = dice.random() < 0.6
    first = (
        dice.choice(("/bin/a", "/bin/none", "sh", "-/bin/c", "@/bin/d"))
        if dice.random() < 0.7
        else dice.choice(_WORDS)
    )
    words = [
        first,
        *(dice.choice(_WORDS if odd else _WORDS[:12]) for _ in range(dice.choice((0, 1, 2, 3, 5)))),
    ]
    return f"{dice.choice(_KEYS)}={' '.join(words)}"


def case(dice: random.Random) -> Case:
    """A tree of services, and their names."""
    files: dict[str, Node] = {"bin/sh": File("#!", 0o755), "usr/bin/sh": File("#!", 0o755)}
    files |= {f"{_LIB}/{name}": "[Unit]\n" for name in ("sysinit.target", "basic.target", "shutdown.target")}
    # What a service with BusName= needs.
    files[f"{_LIB}/dbus.socket"] = "[Socket]\nListenStream=/x\n"
    files[f"{_LIB}/dbus.service"] = "[Service]\nExecStart=/bin/sh\n"
    names: list[str] = []
    for number in range(UNITS):
        name = f"u-{number}{dice.choice(('', '@x', '@a-b'))}.service"
        names.append(name)
        lines = [_line(dice).replace("a.b", f"a.b{number}") for _ in range(dice.choice((1, 1, 1, 2, 3)))]
        if dice.random() < 0.3 or sum(line.startswith("ExecStart=") for line in lines) > 1:
            lines.insert(0, "Type=oneshot")
        action = dice.choice(("", "", "", "", "SuccessAction=exit\n", "SuccessAction=none\n"))
        files[f"{_LIB}/{name}"] = f"[Unit]\n{action}[Service]\n" + "\n".join(lines) + "\n"
    return Case(files, tuple(names))


def real(root: Path, made: Case) -> Outcome:
    """What systemd-analyze verify says of each service."""
    # As an ordinary user it reads units with --user, which goes with no --root.
    environment = {"SYSTEMD_UNIT_PATH": str(root / _LIB)}
    words = ("--user", "--man=no", "--recursive-errors=no", "verify", *made.given)
    done = differential.call(root, "usr/bin/systemd-analyze", *words, environment=environment)
    found = {name: set[str]() for name in made.given}
    for line in done.stderr.splitlines():
        if match := re.match(r"Unit (\S+) has a bad unit file setting", line):
            found[match[1]] = {"bad"}
        elif match := re.match(r"(\S+): Command (.*) is not executable: ", line):
            found[match[1]].add(match[2])
    return Outcome(True, "", {name: ", ".join(sorted(what)) for name, what in found.items()})


def ours(made: Case) -> Outcome:
    """What we say of them."""
    found: dict[str, str] = {}
    for name in made.given:
        text = made.files[f"{_LIB}/{name}"]
        assert isinstance(text, str)
        sources = [Source(f"{_LIB}/{name}", text)]
        try:
            bad = unit_loads.problem(name, sources) is not None
        except unit_file.UnitSyntaxError:
            bad = True
        programs = {
            command.program
            for _, _, command in unit_loads.commands(name, sources)
            if not command.may_fail and command.program not in ("/bin/sh", "sh")
        }
        found[name] = "bad" if bad else ", ".join(sorted(programs))
    return Outcome(True, "", found)


def excepted(made: Case, theirs: Outcome, mine: Outcome) -> str:
    """The reason why a difference is meant."""
    for name in made.given:
        text = made.files[f"{_LIB}/{name}"]
        if theirs.paths[name] != mine.paths[name] and not (
            isinstance(text, str) and re.search(r"%[HfyY]", text)
        ):
            return ""
    return "a program's path that only the machine knows"


KIND = Kind(case, real, ours, excepted, each=UNITS)
