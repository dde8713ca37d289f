"""Compares add-shell, remove-shell and update-shells with those of debianutils, under dash."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import judge
from tests.commands.rooted import in_memory, laid, rooted
from tests.commands.world import run

_TREE: dict[str, str | None] = {
    "usr/bin/sh": "x",
    "usr/local/bin": None,
    "bin": "-> usr/bin",
    "usr/share/debianutils/shells": "# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n",
    "usr/share/debianutils/shells.d/a": "/bin/dash\n",
    "usr/share/debianutils/shells.d/b": "/bin/zsh # a comment\n\n/usr/local/bin/own\n",
    "var/lib": None,
    "etc": None,
}
_PROGRAMS = (
    *("cat", "chmod", "chown", "grep", "mv", "rm", "dirname", "basename"),
    "stat",
    "sync",
    "dpkg-realpath",
)
_READ = ("etc/shells", "var/lib/shells.state")


def _real(files: dict[str, str | None]) -> dict[str, str]:
    """Runs update-shells on a root in a folder."""
    with tempfile.TemporaryDirectory(prefix="shells") as folder:
        root, binaries = Path(folder) / "root", Path(folder) / "bin"
        binaries.mkdir()
        laid(root, files)
        for name in _PROGRAMS:
            (binaries / name).write_text(f'#!/bin/sh\nexec {" ".join(judge.argv(f"usr/bin/{name}"))} "$@"\n')
            (binaries / name).chmod(0o755)
        program = judge.root() / "usr/sbin/update-shells"
        subprocess.run(
            [*judge.argv("usr/bin/dash"), str(program), "--root", str(root)],
            env={"PATH": str(binaries), **judge.locale()},
            capture_output=True,
            timeout=20,
            check=True,
        )
        return {path: (root / path).read_text() for path in _READ if (root / path).exists()}


def _compare(files: dict[str, str | None]) -> None:
    made = rooted(files)
    assert run(made, b"update-shells")[0] == 0
    mine = in_memory(made.root.tree)
    assert {path: mine[path] for path in _READ if path in mine} == _real(files)


def test_update_shells_would_list_other_shells() -> None:
    _compare(_TREE)


_lines = st.lists(
    st.sampled_from(["/bin/sh", "/bin/dash", "/usr/bin/dash", "/bin/gone", "# note", "", "/bin/zsh"]),
    max_size=6,
).map(lambda lines: "".join(f"{line}\n" for line in lines))


@given(_lines, _lines)
@settings(max_examples=30, deadline=None)
def test_update_shells_would_keep_other_lines(shells: str, state: str) -> None:
    _compare(_TREE | {"etc/shells": shells, "var/lib/shells.state": state})


@pytest.mark.parametrize(
    ("call", "left"),
    [
        ("add-shell /bin/new", "/bin/sh\n/bin/new\n/usr/bin/new\n"),
        ("add-shell /bin/sh", "/bin/sh\n/usr/bin/sh\n"),
        ("add-shell /usr/local/bin/x /opt/y", "/bin/sh\n/usr/local/bin/x\n/opt/y\n"),
        ("add-shell /bin/new; remove-shell /bin/sh", "/bin/new\n/usr/bin/new\n"),
    ],
)
def test_a_shell_would_not_be_listed_under_both_its_names(call: str, left: str) -> None:
    made = rooted(_TREE | {"etc/shells": "/bin/sh\n"})
    assert run(made, call.encode())[0] == 0
    assert made.root.text("etc/shells") == left


def test_a_program_of_lsbs_names_would_be_passed_over() -> None:
    names = (
        *(
            "0",
            "_a-b",
            "_x-dpkg-old",
            "a-",
            "a-b-dpkg-dist",
            "a-b.c",
            "a.b",
            "a.b-c",
            "a_b",
            "A",
            "a-B",
            "-a",
        ),
        *(".a-b", "a-.b-c", "a-b.dpkg-new", "a-b.dpkg-x", "x-y.dpkg-old", "_a", "ab~"),
    )
    made = rooted({f"d/{name}": "" for name in names})
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / name).touch()
        real = subprocess.run(
            [*judge.argv("usr/bin/run-parts"), "--lsbsysinit", "--list", folder],
            env=judge.locale(),
            capture_output=True,
            check=True,
        ).stdout.replace(folder.encode(), b"/d")
    assert run(made, b"run-parts --lsbsysinit --list /d") == (0, real, b"")
