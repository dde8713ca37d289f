"""Copies of dpkg and of what it calls that start without a shell, for many cases by hand."""

import os
from contextlib import suppress
from pathlib import Path

from tests.commands import judge

_PROGRAMS = ("dpkg", "dpkg-deb", "dpkg-split", "tar", "rm")
_LOADERS = (b"/lib64/ld-linux-x86-64.so.2\0", b"/lib/ld-linux-aarch64.so.1\0")


def start(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Makes this process's copies in a folder, whose path has to be short: the programs name a loader there.

    Returns what starts dpkg, and its environment.
    """
    loader, _, libraries, *_ = judge.argv("usr/bin/dpkg")
    [system] = [path for path in _LOADERS if Path(path.decode()).name == f"{Path(loader).name}\0"]
    link = folder / "l"
    if len(str(link)) >= len(system):
        raise ValueError(f"{folder}: the path of a loader there is longer than {system[:-1].decode()}")
    with suppress(FileExistsError):
        link.symlink_to(loader)
    own = folder / str(os.getpid())
    own.mkdir()
    for name in _PROGRAMS:
        made = own / name
        data = (judge.root() / "usr/bin" / name).read_bytes()
        made.write_bytes(data.replace(system, bytes(link).ljust(len(system), b"\0"), 1))
        made.chmod(0o755)
    return [str(own / "dpkg")], {"PATH": str(own), "LD_LIBRARY_PATH": libraries}
