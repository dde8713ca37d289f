"""dpkg's own programs at work on a root filesystem in a folder, and ours on the same one in memory."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.commands import judge
from tests.commands.world import run, world
from tools.sysimage.commands.world import World
from tools.sysimage.core.tree import Kind, Tree, directory, file, symlink
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.formats import deb822
from tools.sysimage.formats.deb import Deb

_SECONDS = 20
_MD5 = "2cd6ee2c70b0bde53fbe6cac3c8b8bb1"


@dataclass(frozen=True)
class Done:
    """What a script left: its status, its output and complaints, and all paths but logs and locks."""

    status: int
    stdout: bytes
    stderr: bytes
    files: dict[str, str]


def real(script: str, files: dict[str, str | None], programs: Sequence[str]) -> Done:
    """Runs a script with these programs of dpkg, which get the option --root; see `laid` for files."""
    with tempfile.TemporaryDirectory(prefix="root") as folder:
        root, binaries = Path(folder) / "root", Path(folder) / "bin"
        binaries.mkdir()
        laid(root, files)
        for name in programs:
            words = " ".join(judge.argv(f"usr/bin/{name}"))
            (binaries / name).write_text(f'#!/bin/sh\nexec {words} --root={root} "$@"\n')
            if name == "update-alternatives":
                (binaries / name).write_text(f'#!/bin/sh\nexec {words} --root {root} "$@"\n')
            (binaries / name).chmod(0o755)
        done = subprocess.run(
            [*judge.argv("usr/bin/dash"), "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=root,
            env={"PATH": str(binaries), **judge.locale()},
            timeout=_SECONDS,
            check=False,
            umask=0o022,
        )
        where = os.fsencode(root)
        return Done(
            done.returncode,
            done.stdout.replace(where, b""),
            done.stderr.replace(where, b""),
            on_disk(root),
        )


def ours(script: str, files: dict[str, str | None]) -> Done:
    """Runs the same script here."""
    made = rooted(files)
    status, stdout, stderr = run(made, script.encode())
    return Done(status, stdout, stderr, in_memory(made.root.tree))


def rooted(files: dict[str, str | None]) -> World:
    """A world that has these files and no others."""
    made = world()
    for path in ("work", "tmp"):
        made.root.tree.remove(path)
    for path, data in files.items():
        if data is None:
            made.root.tree.add(path, directory())
        elif data.startswith("-> "):
            made.root.tree.add(path, symlink(data[3:]))
        else:
            made.root.tree.add(path, file(data.encode()))
    return made


def _counts(path: str) -> bool:
    return not path.startswith("var/log") and not path.endswith("-old") and path not in ("var", "var/lib")


def laid(root: Path, files: dict[str, str | None]) -> None:
    """Makes the new folder `root` with these files.

    `files` are contents by path; "-> TARGET" is a symbolic link, None a folder. What lies in a folder
    named bin is executable.
    """
    root.mkdir()
    for path, data in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            place.mkdir(exist_ok=True)
        elif data.startswith("-> "):
            place.symlink_to(data[3:])
        else:
            place.write_bytes(data.encode())
            place.chmod(0o755 if "/bin/" in path else 0o644)


def on_disk(root: Path) -> dict[str, str]:
    """The paths in a folder, and what they are."""
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = path.read_bytes().decode()
    return {name: what for name, what in found.items() if _counts(name)}


def in_memory(tree: Tree) -> dict[str, str]:
    """The paths of a tree, and what they are."""
    found = {}
    for path, inode in tree.walk():
        if inode.kind is Kind.SYMLINK:
            found[path] = f"-> {inode.target}"
        else:
            found[path] = "folder" if inode.kind is Kind.DIRECTORY else inode.read().decode()
    return {name: what for name, what in found.items() if name and _counts(name)}


def package(control: str, files: dict[str, str], paths: list[str]) -> Package:
    """A package that has been unpacked."""
    fields = deb822.fields(control)
    made = Package(Deb(Path("x.deb"), fields, {name: text.encode() for name, text in files.items()}))
    made.entries.extend(paths)
    made.digests.update(dict.fromkeys(made.conffiles(), _MD5))
    return made
