#!/usr/bin/env python3
"""Asks the tools of an image whether it is a sound Debian installation. Needs root, for chroot(2).

    tests/rootfs/installed_check.py TAR MANIFEST

TAR is a root filesystem of the stage rootfs, MANIFEST the JSON that it was made from: it says what was
left out. Unpacks the tar with the host's tar and runs, in there, dpkg --audit, dpkg --verify,
systemd-analyze verify, systemctl is-enabled, ldconfig -p and getent. The image's own programs are run, so
that its architecture has to be the host's.
"""

import fnmatch
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path


class Image:
    """An unpacked image."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str) -> tuple[int, list[str]]:
        """Runs a program of the image in it; returns its status and the lines that it prints."""
        result = subprocess.run(
            ["chroot", self.root, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin", "LC_ALL=C", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout.splitlines()


def left_out(path: str, patterns: Sequence[str]) -> bool:
    """Whether one of the manifest's patterns excludes a path."""
    # In fnmatch, "*" is "**".
    return any(fnmatch.fnmatchcase(path, pattern.replace("**", "*")) for pattern in patterns)


def dpkg_problems(image: Image, manifest: dict[str, list[str]]) -> Iterator[str]:
    """What dpkg finds wrong, but for what was left out."""
    status, lines = image.run("dpkg", "--audit")
    if status or lines:
        yield f"dpkg --audit: status {status}: {lines}"
    _, lines = image.run("dpkg", "--verify")
    patterns = list(manifest["exclude"])
    for path in manifest["exclude_from"]:
        entries = tomllib.loads(Path(path).read_text())["exclude"]
        patterns += [pattern for entry in entries for pattern in entry["paths"]]
    for line in lines:
        # "missing     /usr/share/doc/x", "??5?????? c /etc/x": rpm's format (dpkg(1)).
        path = line.split(maxsplit=1)[-1].removeprefix("c ").strip().lstrip("/")
        if not (line.startswith("missing") and left_out(path, patterns)):
            yield f"dpkg --verify: {line}"
    _, lines = image.run("dpkg-query", "--show", "--showformat=${binary:Package} ${db:Status-Status}\n")
    installed = {line.split()[0].partition(":")[0] for line in lines if line.endswith(" installed")}
    for package in manifest["packages"]:
        if package["name"] not in installed:  # type: ignore[index]
            yield f"dpkg-query: {package['name']} is not installed"  # type: ignore[index]
    status, lines = image.run("dpkg", "--search", "/usr/lib/systemd/systemd")
    if lines != ["systemd: /usr/lib/systemd/systemd"]:
        yield f"dpkg --search: {lines}"


def systemd_problems(image: Image) -> Iterator[str]:
    """What systemd finds wrong with the units."""
    # The orchestrator comes with the system image; the root filesystem has its unit alone.
    status, lines = image.run("systemd-analyze", "verify", "--man=no", "--generators=no", "default.target")
    lines = [line for line in lines if "/usr/bin/orchestrator" not in line]
    if lines:
        yield f"systemd-analyze verify: status {status}: {lines}"
    for unit in ("orchestrator.service", "systemd-networkd.service", "systemd-networkd-wait-online.service"):
        status, lines = image.run("systemctl", "is-enabled", unit)
        if status:
            yield f"systemctl is-enabled {unit}: {lines}"
    # Without /proc it warns first.
    status, lines = image.run("systemctl", "get-default")
    if lines[-1:] != ["multi-user.target"]:
        yield f"systemctl get-default: {lines}"


def library_problems(image: Image) -> Iterator[str]:
    """Whether the loader's cache is the one that ldconfig would write."""
    cache = image.root / "etc/ld.so.cache"
    ours = cache.read_bytes()
    status, lines = image.run("ldconfig", "-p")
    if status or not any("libc.so.6 " in line for line in lines) or len(lines) < 20:
        yield f"ldconfig -p: status {status}: {lines[:5]}"
    status, lines = image.run("ldconfig", "-X")
    if status or lines or cache.read_bytes() != ours:
        yield f"ldconfig writes another cache than the image has: status {status}: {lines}"


def account_problems(image: Image) -> Iterator[str]:
    """Whether names are found, with the ids of a real installation."""
    for database, name, number in (
        ("passwd", "root", "0"),
        ("passwd", "systemd-network", "998"),
        ("passwd", "messagebus", "997"),
        ("group", "systemd-journal", "999"),
        ("group", "kvm", "993"),
    ):
        status, lines = image.run("getent", database, name)
        if status or lines[0].split(":")[2] != number:
            yield f"getent {database} {name}: {lines}, but a real installation gives the id {number}"


def main(argv: Sequence[str]) -> int:
    """Prints what is wrong; returns 1 if anything is."""
    archive, manifest = Path(argv[0]).resolve(), json.loads(Path(argv[1]).read_text())
    root = Path(tempfile.mkdtemp(prefix="installed_check."))
    try:
        subprocess.run(
            [
                "tar",
                "--extract",
                "--numeric-owner",
                "--same-owner",
                "--same-permissions",
                f"--file={archive}",
            ],
            cwd=root,
            check=True,
        )
        image = Image(root)
        # /dev/null is all that the programs ask for.
        (root / "dev").mkdir(exist_ok=True)
        subprocess.run(["mknod", "-m", "666", root / "dev/null", "c", "1", "3"], check=True)
        problems = [
            *dpkg_problems(image, manifest),
            *systemd_problems(image),
            *library_problems(image),
            *account_problems(image),
        ]
    finally:
        shutil.rmtree(root)
    for problem in problems:
        print(problem)
    print(f"{archive.name}: {'sound' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
