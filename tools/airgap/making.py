"""Makes the toolbox, once.

No script of a package is run, and no root is needed. It is built beside its place and renamed into it, so a
folder with the final name is a finished one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools.airgap import apt, recipe, unpack
from tools.airgap.errors import ToolError, say
from tools.airgap.toolbox import Toolbox

# Measured: the packages and what is already unpacked of them, at the peak. MiB.
_SPACE_NEEDED = 1000

# A toolbox of another recipe is removed when this long no command used it. Seconds.
_UNUSED_AFTER = 24 * 3600


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on `path`; says so if it has to wait. The kernel drops it if we die."""
    with path.open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another start, which is making the toolbox")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_once(toolbox: Toolbox) -> None:
    """Makes `toolbox`, unless another start makes it meanwhile. Raises ToolError."""
    folder = toolbox.root.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "toolbox.lock"):
            if not toolbox.root.exists():
                _remove_left_over(folder)
                _make(toolbox)
                _remove_unused(folder, toolbox.root, time.time() - _UNUSED_AFTER)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ToolError(_no_space(folder)) from error
        raise ToolError(f"can't make the toolbox in {folder}: {error}") from error


def _no_space(folder: Path) -> str:
    return (
        f"no space for the toolbox in {folder}, which takes {_SPACE_NEEDED} MiB while it is made: make "
        "room, or set XDG_CACHE_HOME to a folder on another disk"
    )


def _remove_left_over(folder: Path) -> None:
    """Removes what an interrupted build left. Called with the lock held, so nobody is building."""
    for path in folder.glob("making-*"):
        shutil.rmtree(path, ignore_errors=True)


def _remove_unused(folder: Path, current: Path, before: float) -> None:
    """Removes the toolboxes beside `current` that no server runs in and no command used since `before`.

    before: seconds since the epoch.
    """
    for path in folder.glob("toolbox-*"):
        if path == current or not path.is_dir():
            continue
        mark = path / "host/in-use"
        with contextlib.suppress(OSError), mark.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if mark.stat().st_mtime < before:
                say(f"removing {path}, which nothing uses any more")
                # Renamed first: a half-removed toolbox must not be taken for one.
                shutil.rmtree(path.rename(folder / f"making-old-{path.name}"), ignore_errors=True)


def _make(toolbox: Toolbox) -> None:
    """Makes `toolbox`. Leaves nothing behind if it fails or is interrupted."""
    started = time.monotonic()
    root = toolbox.root
    source = apt.debian_source(apt.read_sources(Path("/etc/apt")))
    if shutil.disk_usage(root.parent).free < _SPACE_NEEDED << 20:
        raise ToolError(_no_space(root.parent))
    say(f"making a toolbox of Debian packages, once, in {root}")
    work = Path(tempfile.mkdtemp(prefix="making-", dir=root.parent))
    umask = os.umask(0o022)
    try:
        work.chmod(0o755)
        debs = _download(work, toolbox.architecture, source)
        say(f"[3/4] unpacking {len(debs)} packages")
        made = work / "toolbox"
        unpack.unpack(debs, made)
        say("[4/4] links, certificates, mount points, Python's modules")
        unpack.finish(made, [deb.name for deb in debs])
        unpack.compile_library(made, Toolbox(made, toolbox.architecture).command(recipe.PYTHON))
        (made / "host").mkdir()
        made.rename(root)
    finally:
        os.umask(umask)
        shutil.rmtree(work, ignore_errors=True)
    say(f"the toolbox is ready ({time.monotonic() - started:.0f} s)")


def _download(work: Path, architecture: str, mirror: apt.Source) -> list[Path]:
    """The packages, from the host's mirror, or from the snapshot of a day on which Debian had all of them.

    Raises ToolError with the reasons of both.
    """
    try:
        return _download_from(work / "apt", architecture, mirror)
    except ToolError as error:
        reason = str(error)
    snapshot = apt.snapshot_of(mirror, recipe.SNAPSHOT)
    say(f"{reason}; trying {snapshot.uri}, where it all was")
    try:
        return _download_from(work / "apt-of-snapshot", architecture, snapshot)
    except ToolError as error:
        raise ToolError(f"{reason}; nor is it to be had from {snapshot.uri}: {error}") from error


def _download_from(folder: Path, architecture: str, source: apt.Source) -> list[Path]:
    private = apt.PrivateApt(folder, architecture, source, recipe.SUITES)
    say(f"[1/4] package lists of {' and '.join(recipe.SUITES)} from {source.uri}")
    private.update()
    versions = private.choose(recipe.PACKAGES, recipe.ABSENT)
    recipe.check_bazel(versions.get(recipe.BAZEL, ""))
    say("[2/4] downloading packages (about 320 MiB)")
    return private.download()
