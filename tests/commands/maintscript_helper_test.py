"""Compares dpkg-maintscript-helper, as a first installation has it, with dpkg's shell program under dash."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import judge
from tests.commands.world import run, world

_NAMES = ("preinst", "postinst", "config")


def _real(script: str) -> tuple[int, str]:
    with tempfile.TemporaryDirectory(prefix="helper") as folder:
        program = judge.root() / "usr/bin/dpkg-maintscript-helper"
        for name, words in (
            ("dpkg-maintscript-helper", [*judge.argv("usr/bin/dash"), str(program)]),
            ("dpkg", judge.argv("usr/bin/dpkg")),
            ("basename", judge.argv("usr/bin/basename")),
        ):
            (Path(folder) / name).write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
            (Path(folder) / name).chmod(0o755)
        done = subprocess.run(
            [*judge.argv("usr/bin/dash"), "-c", f"exec 2>&1\n{script}"],
            capture_output=True,
            env={"PATH": folder, **judge.locale(), "DPKG_DATADIR": str(judge.root() / "usr/share/dpkg")},
            cwd=folder,
            timeout=20,
            check=False,
        )
        return done.returncode, os.fsdecode(done.stdout)


def _compare(lines: list[str], variables: str) -> None:
    script = variables + "".join(f"dpkg-maintscript-helper {line}; echo $?\n" for line in lines)
    status, stdout, _ = run(world(), f"exec 2>&1\n{script}".encode())
    assert (status, stdout.decode()) == _real(script)


_VARIABLES = "export DPKG_MAINTSCRIPT_NAME={} DPKG_MAINTSCRIPT_PACKAGE=p DPKG_MAINTSCRIPT_ARCH=amd64\n"


@pytest.mark.parametrize("variables", ["", *(_VARIABLES.format(name) for name in _NAMES)])
def test_a_call_of_the_helper_would_end_otherwise(variables: str) -> None:
    lines = [
        "",
        "supports rm_conffile",
        "supports",
        "supports x",
        "what",
        "rm_conffile",
        "mv_conffile /a /b 1 -- ",
    ]
    lines += [
        f"{command} {words} -- {arguments}"
        for command in ("rm_conffile", "mv_conffile", "symlink_to_dir", "dir_to_symlink")
        for words in ("", "/a", "a", "/a b", "/a/ /b 1~ q", "/a /b 1_0")
        for arguments in ("install", "configure ''")
    ]
    _compare(lines, variables)


_word = st.sampled_from(["/a", "b", "''", "1.0-1~", "bad", "p", "/c/"])
_line = st.builds(
    "{} {} -- {}".format,
    st.sampled_from(["rm_conffile", "mv_conffile", "symlink_to_dir", "dir_to_symlink"]),
    st.lists(_word, max_size=4).map(" ".join),
    st.sampled_from(["install", "configure ''", "", "''"]),
)


@given(st.lists(_line, min_size=8, max_size=8), st.sampled_from(_NAMES))
@settings(max_examples=25, deadline=None)
def test_a_generated_call_of_the_helper_would_end_otherwise(lines: list[str], name: str) -> None:
    _compare(lines, _VARIABLES.format(name))
