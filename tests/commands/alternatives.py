"""Calls of update-alternatives, generated, by dpkg's and by ours, on a root filesystem in a folder.

`tools/bazel run //tests/systemd:differential -- alternatives COUNT` compares COUNT calls by hand.
"""

import random
from pathlib import Path

from tests.commands import rooted
from tests.systemd.differential import Case, Kind, Outcome

_CALLS = 5
_PATHS = ("/opt/a", "/opt/b", "/opt/c", "/opt/gone")
_LINKS = ("/usr/bin/x", "/usr/bin/y", "/usr/bin/real", "/usr/share/x/z", "/nowhere/x")
_NAMES = ("x", "y", "m")
_SLAVES = ("/usr/share/x/m", "/usr/share/x/n", "/usr/bin/real", "/usr/bin/y", "/nowhere/m")
_FILES: dict[str, str | None] = {
    "opt/a": "a",
    "opt/b": "b",
    "opt/c": "c",
    "opt/m1": "1",
    "opt/m2": "2",
    "usr/bin/real": "a file of a package",
    "usr/bin/folder": None,
    "usr/share/x": None,
    "etc": None,
}
_DATABASES = (
    "auto\n/usr/bin/x\n\n/opt/a\n10\n\n",
    "manual\n/usr/bin/x\n\n/opt/a\n10\n/opt/b\n20\n\n",
    "auto\n/usr/bin/x\nm\n/usr/share/x/m\n\n/opt/gone\n10\n/opt/m1\n/opt/b\n5\n\n\n",
    "auto\n/usr/bin/x\nm\n/usr/share/x/m\nn\n/usr/share/x/n\n\n/opt/a\n1\n/opt/m1\n\n/opt/b\n1\n\n/opt/m2\n\n",
    "auto\n/usr/bin/x\n\n/opt/a\n-10\n\n",
    "auto\n/usr/bin/x\n\n/opt/a\n 10\n\n",
    "auto\n/usr/bin/x\n\n/opt/a\n10\n\nrest\n",
    "auto\n/usr/bin/x\n\n\n",
    "none\n/usr/bin/x\n\n/opt/a\n10\n\n",
    "auto\n/usr/bin/x\n\n/opt/a\n10\n/opt/a\n20\n\n",
)
_CURRENT = (
    "update-alternatives: using ",
    "update-alternatives: warning: forcing reinstallation of alternative ",
    "update-alternatives: warning: current alternative ",
)
_TARGETS = ("-> /opt/a", "-> /opt/b", "-> /opt/gone", "a file")


def _call(dice: random.Random) -> str:
    name, path = dice.choice(_NAMES), dice.choice(_PATHS)
    if dice.random() < 0.6:
        slaves = "".join(
            f" --slave {dice.choice(_SLAVES)} {dice.choice(('m', 'n', 'x'))} "
            f"{dice.choice(('/opt/m1', '/opt/m2', '/opt/none'))}"
            for _ in range(dice.choice((0, 0, 1, 2)))
        )
        force = dice.choice(("", "", "", "--force ", "--skip-auto "))
        priority = dice.choice(
            ("0", "1", "1", "2", "-1", "010", " 5", "+3", "1x", "2147483647", "2147483648")
        )
        return (
            f"update-alternatives {force}--install {dice.choice(_LINKS)} {name} {path} '{priority}'{slaves}"
        )
    return "update-alternatives " + dice.choice(
        (
            f"--remove {name} {path}",
            f"--remove-all {name}",
            f"--set {name} {path}",
            f"--auto {name}",
            f"--force --auto {name}",
            f"--query {name}",
            f"--display {name}",
            f"--list {name}",
            "--get-selections",
            f"--set-selections <<E\n{name} {dice.choice(('auto', 'manual', 'x'))} {path}\nE\n",
        )
    )


def _case(dice: random.Random) -> Case:
    files = dict(_FILES)
    if dice.random() < 0.4:
        files["var/lib/dpkg/alternatives/x"] = dice.choice(_DATABASES)
        if dice.random() < 0.7:
            files["etc/alternatives/x"] = dice.choice(_TARGETS)
        if dice.random() < 0.5:
            files["usr/bin/x"] = dice.choice(("-> /etc/alternatives/x", "-> /opt/a", "a file"))
    calls = [_call(dice) for _ in range(_CALLS)]
    return Case(
        {},
        (
            "\n".join(f"{call}\necho $?" for call in calls),
            *(f"{k}={v}" for k, v in files.items() if k not in _FILES),
        ),
    )


def _files(case: Case) -> dict[str, str | None]:
    return _FILES | dict(text.split("=", 1) for text in case.given[1:])


def _outcome(done: rooted.Done) -> Outcome:
    said = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    return Outcome(done.status == 0, said, done.files)


def _real(root: Path, case: Case) -> Outcome:
    del root
    return _outcome(rooted.real(case.given[0], _files(case), ["update-alternatives"]))


def _ours(case: Case) -> Outcome:
    return _outcome(rooted.ours(case.given[0], _files(case)))


def _excepted(case: Case, theirs: Outcome, ours: Outcome) -> str:
    del case
    said, mine = set(theirs.output.split("\n")), set(ours.output.split("\n"))
    changed = any("has been changed (manually" in line or "is dangling; it" in line for line in mine)
    if theirs.paths == ours.paths and changed and all(line.startswith(_CURRENT) for line in said ^ mine):
        return (
            "for a new group whose link is there, update-alternatives compares with memory that it has freed"
        )
    return ""


KIND = Kind(_case, _real, _ours, _excepted, each=_CALLS)
