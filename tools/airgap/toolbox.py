"""Makes the toolbox: a folder with /usr and /etc of Debian packages, unpacked and never installed.

Nothing of it is run while it is made, and no root is needed. It is built beside its place and renamed
into it, so a folder with the final name is a finished one.
"""

import concurrent.futures
import contextlib
import errno
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List

from tools.airgap import apt, recipe
from tools.airgap.errors import ToolError, say

# Debian's name of an architecture → the folder of its libraries, its program loader.
_MACHINES = {
    "amd64": ("x86_64-linux-gnu", "usr/lib64/ld-linux-x86-64.so.2"),
    "arm64": ("aarch64-linux-gnu", "usr/lib/ld-linux-aarch64.so.1"),
}

# What a build takes at its peak (packages and what was unpacked of them), and what it then keeps. MiB.
_SPACE_NEEDED = 1800


@dataclass(frozen=True)
class Toolbox:
    """A finished toolbox."""

    root: Path
    architecture: str

    def command(self, program: str) -> List[str]:
        """The start of a command line that runs `program` of the toolbox on the host as it is."""
        triplet, loader = _MACHINES[self.architecture]
        libraries = self.root / "usr/lib" / triplet
        return [
            str(self.root / loader),
            "--library-path",
            str(libraries),
            str(self.root / "usr/bin" / program),
        ]

    @property
    def state(self) -> Path:
        """The folder for what is made from the host's configuration at each start."""
        return self.root / "host"


def cache_folder() -> Path:
    """Where toolboxes lie: $XDG_CACHE_HOME/rules_system_image, or ~/.cache/rules_system_image."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return base / "rules_system_image"


def host_architecture() -> str:
    """Debian's name of this machine's architecture. ToolError if the toolbox does not know it."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    machine = os.uname().machine
    if machine not in names:
        raise ToolError(f"there is no toolbox for {machine} machines: install bazelisk")
    return names[machine]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on `path`; says so if it has to wait. The kernel drops it if we die."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another start, which is making the toolbox")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def find_or_make() -> Toolbox:
    """The toolbox of the present recipe, made first if there is none."""
    architecture = host_architecture()
    folder = cache_folder()
    root = folder / f"toolbox-{recipe.digest(architecture)}"
    if not root.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder / "toolbox.lock"):
                if not root.exists():
                    _remove_left_over(folder)
                    _make(root, architecture)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ToolError(_no_space(folder)) from error
            raise ToolError(f"can't make the toolbox in {folder}: {error}") from error
    return Toolbox(root, architecture)


def _no_space(folder: Path) -> str:
    return (
        f"no space for the toolbox in {folder}: it takes {_SPACE_NEEDED} MiB while it is made; make "
        "room, or set XDG_CACHE_HOME to a folder on another disk"
    )


def _remove_left_over(folder: Path) -> None:
    """Removes what an interrupted build left. Called with the lock held, so nobody is building."""
    for path in folder.glob("making-*"):
        shutil.rmtree(path, ignore_errors=True)


def _make(root: Path, architecture: str) -> None:
    started = time.monotonic()
    os.umask(0o022)
    source = apt.debian_source(apt.read_sources(Path("/etc/apt")))
    if shutil.disk_usage(root.parent).free < _SPACE_NEEDED << 20:
        raise ToolError(_no_space(root.parent))
    say(f"no Bazel that can work on this host: making a toolbox of Debian packages in {root}")
    work = Path(tempfile.mkdtemp(prefix="making-", dir=root.parent))
    try:
        work.chmod(0o755)
        private = apt.PrivateApt(work / "apt", architecture, source, recipe.SUITES)
        say(f"[1/4] package lists of {' and '.join(recipe.SUITES)} from {source.uri}")
        private.update()
        say("[2/4] downloading packages")
        debs = private.download(recipe.PACKAGES, recipe.ABSENT)
        size = sum(deb.stat().st_size for deb in debs) >> 20
        say(f"[3/4] unpacking {len(debs)} packages ({size} MiB)")
        made = work / "toolbox"
        _unpack(debs, made)
        say("[4/4] links, certificates, mount points")
        _finish(made, [deb.name for deb in debs])
        os.rename(made, root)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"the toolbox is ready ({time.monotonic() - started:.0f} s)")


def _unpack(debs: List[Path], root: Path) -> None:
    root.mkdir()
    excludes = [f"--exclude={pattern}" for pattern in recipe.EXCLUDED]

    def unpack(deb: Path) -> None:
        # tar and not `dpkg-deb --extract`, which can't leave anything out.
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
        ) as packed:
            tar = subprocess.run(
                ["tar", "-x", "-C", str(root), "--no-same-owner", "--keep-directory-symlink"]
                + ["--no-overwrite-dir", "--wildcards", *excludes],
                stdin=packed.stdout,
                stderr=subprocess.PIPE,
                text=True,
            )
        if tar.returncode or packed.returncode:
            if "No space left" in tar.stderr or "quota exceeded" in tar.stderr:
                raise OSError(errno.ENOSPC, "no space")
            reason = (tar.stderr.splitlines() or ["dpkg-deb can't read it"])[0]
            raise ToolError(f"can't unpack {deb.name} of the toolbox: {reason}")
        deb.unlink()

    # base-files makes the links /bin and /lib, through which some packages may still be laid.
    first = [deb for deb in debs if deb.name.startswith("base-files_")]
    for deb in first:
        unpack(deb)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for done in [pool.submit(unpack, deb) for deb in debs if deb not in first]:
            done.result()


def _finish(root: Path, debs: List[str]) -> None:
    """Does what the packages' scripts would have done, as far as anything here needs it."""
    for link, target in recipe.LINKS.items():
        path = root / link
        if not os.path.lexists(path):
            path.symlink_to(target)
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text() for path in certificates))
    for name in recipe.HOST_FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name in recipe.HOST_FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    nsswitch = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"
    (root / "etc/nsswitch.conf").write_text(nsswitch)
    label = (root / "usr/share/bazel/build-label.txt").read_text().strip()
    if label != recipe.BAZEL_VERSION:
        raise ToolError(
            f"Debian's bazel-bootstrap is now version {label}, and this rule set is built with "
            f"{recipe.BAZEL_VERSION}: update .bazelversion and BAZEL_VERSION in tools/airgap/recipe.py"
        )
    # Debian's build of Bazel has no build data, so it reports no version, and bazel_features takes it
    # for a development version. The folder goes onto the boot class path of the server.
    data = root / "usr/share/rules_system_image/build-data"
    data.mkdir(parents=True)
    (data / "build-data.properties").write_text(f"build.label={label}\n")
    # Debian's own system rc adds debugging output of the sandbox and a deprecated flag.
    (root / "etc/bazel/bazelrc").write_text(
        "startup --install_base=/usr/share/bazel\nstartup --trust_install_base\n"
    )
    _drop_set_id(root)
    (root / "host").mkdir()
    (root / "toolbox.json").write_text(json.dumps({"packages": debs}, indent=1) + "\n")


def _drop_set_id(root: Path) -> None:
    """No program of unstable gets to run as another user."""
    for folder, _, names in os.walk(root / "usr"):
        for name in names:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if mode & 0o6000 and not path.is_symlink():
                path.chmod(mode & 0o1777)
