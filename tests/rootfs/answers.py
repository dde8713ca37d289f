"""Asks the programs of our root filesystem and of the real installation, and compares what they answer.

compare.sh runs it after compare.py, as root, for chroot(2), where the set's architecture is the host's:

    tools/bazel run //tests/rootfs:answers -- --work DIR

dpkg, systemd, ldconfig, update-alternatives and getent of the set are asked, as far as it has them. What they
answer differently is printed; the exit status is then 1.
"""

import argparse
import difflib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.sysimage.core import errors
from tools.sysimage.formats import tar
from tools.sysimage.rootfs import install

COMMANDS = (
    "dpkg --audit",
    "dpkg --verify",
    "dpkg --list",
    "dpkg-divert --list",
    "dpkg-statoverride --list",
    "dpkg --search /usr/bin/ls /usr/lib/systemd/systemd /bin/sh",
    "update-alternatives --get-selections",
    "ldconfig -p",
    "getent passwd",
    "getent group",
    "systemctl list-unit-files --no-pager --no-legend",
    "systemctl --global list-unit-files --no-pager --no-legend",
    "systemctl get-default",
    "systemd-analyze verify --man=no --generators=no default.target",
    "systemd-sysusers --cat-config",
)


def answers(root: Path) -> Iterator[str]:
    """The lines that each program prints in a root, with its status."""
    users = [line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()]
    for command in (*COMMANDS, *(f"id {user}" for user in users)):
        result = subprocess.run(
            ["chroot", root, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin", "LC_ALL=C", *command.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        yield f"$ {command}: {result.returncode}"
        yield from result.stdout.splitlines()


def unpack(archive: Path, root: Path) -> None:
    """Unpacks a tar with the host's tar; /dev/null is all that the programs ask for beside."""
    root.mkdir()
    words = ["--extract", "--numeric-owner", "--same-owner", "--same-permissions", "--exclude=./dev/*"]
    subprocess.run(["tar", *words, f"--file={archive}"], cwd=root, check=True)
    (root / "dev").mkdir(exist_ok=True)
    subprocess.run(["mknod", "-m", "666", root / "dev/null", "c", "1", "3"], check=True)


def main(argv: Sequence[str]) -> int:
    """Command line: see the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="where reference.py and install.sh were")
    arguments = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="answers.", dir=arguments.work))
    try:
        ours = folder / "ours.tar"
        with ours.open("wb") as stream:
            manifest = install.parse(arguments.work / "manifest.json")
            tar.write(install.build(manifest, folder).tree, stream)
        unpack(ours, folder / "ours")
        unpack(arguments.work / "real.tar", folder / "real")
        real, our = list(answers(folder / "real")), list(answers(folder / "ours"))
    finally:
        shutil.rmtree(folder)
    different = list(difflib.unified_diff(real, our, "real", "ours", n=1, lineterm=""))
    print("\n".join(different) if different else f"{len(our)} lines of answers are the same")
    return 1 if different else 0


if __name__ == "__main__":
    errors.run(main)
