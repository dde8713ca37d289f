"""The programs of the lock, which say what a command does: they run in a folder of their own."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from atexit import register
from functools import cache
from pathlib import Path

from tests.commands.world import Outcome

_ROOT = Path(__file__).parents[2] / "system_image/built_vanilla_rootfs.tar"
_PARTS = (
    *("usr/bin/", "usr/sbin/", "usr/lib/x86_64-linux-gnu/", "usr/lib/aarch64-linux-gnu/"),
    *("usr/lib/locale/", "usr/share/dpkg/", "usr/share/pam/"),
)
_SECONDS = 20


@cache
def root() -> Path:
    """A folder with the programs and libraries of vanilla; of JUDGE_ROOT, if that is set."""
    if "JUDGE_ROOT" in os.environ:
        return Path(os.environ["JUDGE_ROOT"])
    folder = Path(tempfile.mkdtemp(prefix="judge"))
    register(shutil.rmtree, folder, ignore_errors=True)
    with tarfile.open(_ROOT) as archive:
        members = [m for m in archive if m.name.startswith(_PARTS) and (m.isfile() or m.issym() or m.isdir())]
        archive.extractall(folder, members, filter="tar")
    return folder


def argv(program: str) -> list[str]:
    """The command that starts a program of vanilla, such as "usr/bin/sed", on any host."""
    [loader] = [*root().glob("usr/lib/*-linux-gnu/ld-linux-*.so.*")]
    path = root() / program
    return [str(loader), "--library-path", str(loader.parent), "--argv0", path.name, str(path)]


def locale() -> dict[str, str]:
    """The environment by which programs of vanilla find its C.UTF-8, on a host that has none in its place."""
    return {"LC_ALL": "C.UTF-8", "LOCPATH": str(root() / "usr/lib/locale")}


@cache
def programs() -> Path:
    """A folder of scripts that start the programs of vanilla by their names, for PATH."""
    folder = Path(tempfile.mkdtemp(prefix="commands"))
    register(shutil.rmtree, folder, ignore_errors=True)
    for path in (root() / "usr/bin").iterdir():
        target = path
        while target.is_symlink():
            # Of an image: /etc/alternatives/awk is in the image, too.
            link = str(target.readlink())
            target = root() / link.lstrip("/") if link.startswith("/") else target.parent / link
        if not target.exists() and path.name == "awk":
            target = root() / "usr/bin/mawk"
        if target.is_file() and target.read_bytes()[:4] == b"\x7fELF":
            words = argv(str(target.relative_to(root())))
            words[4] = path.name
            started = f'exec {" ".join(words)} "$@"\n'
            if path.name == "nice":
                # It tells the niceness beside that of the test, which may be started by nice itself.
                started = (
                    f"if [ $# = 0 ]; then echo $(($({' '.join(words)}) - {os.nice(0)})); exit; fi\n{started}"
                )
            (folder / path.name).write_text(f"#!/bin/sh\n{started}")
            (folder / path.name).chmod(0o755)
    return folder


def judge(script: bytes, files: dict[str, bytes] | None = None, shell: str = "dash") -> Outcome:
    """Runs a script by a shell of vanilla, in a folder that has these files, with its programs in PATH."""
    with tempfile.TemporaryDirectory(prefix="work") as folder:
        work = Path(folder) / "work"
        work.mkdir()
        for name, data in (files or {}).items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes(data)
        (Path(folder) / "script").write_bytes(script)
        done = subprocess.run(
            [*argv(f"usr/bin/{shell}"), "../script"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=work,
            env={"PATH": str(programs()), "HOME": "/nonexistent", **locale()},
            timeout=_SECONDS,
            check=False,
            umask=0o022,
        )
        stdout = done.stdout.replace(os.fsencode(work), b"/work")
        return Outcome(stdout, done.returncode, _snapshot(work))


def _snapshot(work: Path) -> dict[str, str]:
    result: dict[str, str] = {}
    names: dict[int, str] = {}
    for path in sorted(work.rglob("*"), key=lambda path: str(path).replace("/", "\0")):
        key = str(path.relative_to(work))
        status = path.lstat()
        mode = f"{status.st_mode & 0o7777:o}"
        if path.is_symlink():
            result[key] = f"link {path.readlink()}"
        elif path.is_dir():
            result[key] = f"dir {mode}"
        elif path.is_file():
            first = names.setdefault(status.st_ino, key)
            path.chmod(0o600)
            result[key] = f"is {first}" if first != key else f"file {mode} {path.read_bytes()!r}"
            path.chmod(status.st_mode & 0o7777)
        else:
            result[key] = f"other {mode}"
    return result
