"""Copies of dpkg and of what it calls that start without a shell, for many cases by hand."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.commands import judge

_PROGRAMS = ("dpkg", "dpkg-deb", "tar")
# What dpkg asks of others for each package, and what no record shows: whether a package is a part of one,
# and to remove a folder.
_OTHERS = {
    "dpkg-split": "int main(void) { return 1; }",
    "rm": """#define _GNU_SOURCE
#include <ftw.h>
#include <stdio.h>
static int gone(const char *path, const struct stat *status, int kind, struct FTW *at) {
  return remove(path);
}
int main(int count, char **words) { return nftw(words[count - 1], gone, 8, FTW_DEPTH | FTW_PHYS) && 0; }""",
}
_LOADERS = (b"/lib64/ld-linux-x86-64.so.2\0", b"/lib/ld-linux-aarch64.so.1\0")


def start(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Makes this process's copies in a folder, whose path has to be short: programs name a loader there.

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
    for name, source in _OTHERS.items():
        compiler = ["cc", "-O2", "-static", "-w", "-x", "c", "-", "-o", str(own / name)]
        subprocess.run(compiler, input=source.encode(), check=True)
    return [str(own / "dpkg")], {"PATH": str(own), "LD_LIBRARY_PATH": libraries}
