"""Reads maintainer scripts of real packages and says whether the parser reads those that dash reads.

Run by hand: `tools/bazel run //tests/scripts:real_scripts_check -- FOLDER`, an absolute path of a folder with *.deb.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.scripts.judge import DASH
from tests.testing.progress import told
from tools.sysimage.formats.deb import open_deb
from tools.sysimage.scripts.failures import ShellSyntaxError
from tools.sysimage.scripts.parser import parse

_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")


def _scripts(folder: Path) -> Iterator[tuple[str, bytes]]:
    packages = sorted(folder.glob("*.deb"))
    for package in told(packages, len(packages), "packages"):
        control = open_deb(package).control
        yield from ((f"{package.name}: {name}", control[name]) for name in _SCRIPTS if name in control)


def _is_read(script: bytes) -> bool:
    try:
        parse(script.decode("latin-1"))
    except ShellSyntaxError:
        return False
    return True


def main() -> int:
    shell = read = 0
    different = []
    for name, script in _scripts(Path(sys.argv[1])):
        if not script.startswith((b"#!/bin/sh", b"#! /bin/sh", b"#!/bin/dash")):
            continue
        shell += 1
        with tempfile.NamedTemporaryFile() as file:
            file.write(script)
            file.flush()
            accepted = (
                subprocess.run([*DASH, "-n", file.name], capture_output=True, check=False).returncode == 0
            )
        read += accepted
        if accepted != _is_read(script):
            different.append(name)
    print(f"{shell} shell scripts, {read} of them read by dash; read differently: {different or 'none'}")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
