"""mkosi 25.3, of mkosi.lock.json, which makes images of vanilla's packages: for disk.py and edits.py.

It runs with a folder as its root, in a mount namespace, which takes root and mmdebstrap. Its packages come
from an archive in that folder, as ours come from Bazel's repositories: neither downloads.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from building import HERE, bazel

_ARCHITECTURE = "amd64"
_RELEASE = "locked"  # the suite of the archive that //tests/rootfs:reference makes

# TREE PROGRAM WORD…: becomes the program, with TREE as its root. mkosi needs a root that is a mount.
_ENTER = """\
set -e
cd "$1"
mount --bind . .
cd "$1"
shift
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
mount -t tmpfs tmpfs run
mkdir -p mnt/old
pivot_root . mnt/old
umount -l /mnt/old
exec env -i HOME=/root PATH=/usr/sbin:/usr/bin SYSTEMD_REPART_MKFS_OPTIONS_EROFS=-C65536 "$@"
"""

_CONFIGURATION = """\
[Distribution]
Distribution=debian
Release={release}
LocalMirror=file:///work/repository
RepositoryKeyCheck=no

[Output]
OutputDirectory=/work/out
{output}
[Content]
ExtraTrees=/work/extra
WithDocs=no
CleanPackageMetadata=no
RemoveFiles=/usr/share/doc /usr/share/info /usr/share/man /usr/share/locale
    /usr/lib/udev/hwdb.d /usr/lib/udev/hwdb.bin
{content}Packages={packages}

[Build]
CacheDirectory=/work/cache
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds."""

    wall: float
    processors: float


def check_host() -> None:
    """Ends the program, before it has measured anything, if mkosi can't be installed here."""
    if os.geteuid():
        sys.exit("error: mkosi takes root; run this as root")
    if not shutil.which("mmdebstrap"):
        sys.exit("error: mmdebstrap, which installs mkosi, is missing; run apt-get install mmdebstrap")


class Mkosi:
    """A root filesystem with mkosi, and in it the folder /work with what mkosi makes an image of."""

    def __init__(self, folder: Path, overlay: Path, *, output: str, content: str) -> None:
        """folder: for all of this; what is there is used again. overlay: vanilla's, a tar. output, content:
        lines for the sections of these names (mkosi(1)).
        """
        self.tree = folder / "tree"
        self.work = self.tree / "work"
        self._log = folder / "mkosi.log"
        # apt reads archives as its own user.
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        if not self.tree.exists():
            self._install(folder)
        shutil.rmtree(self.work, ignore_errors=True)
        for name in ("out", "cache"):
            (self.work / name).mkdir(parents=True)
        packages = "\n    ".join(self._archive(folder))
        shutil.copytree(HERE / "system_image/files", self.extra)
        _ran(["tar", "-C", str(self.extra), "-xf", str(overlay), "--wildcards", "usr/*"], self._log)
        text = _CONFIGURATION.format(release=_RELEASE, packages=packages, output=output, content=content)
        (self.work / "mkosi.conf").write_text(text)

    @property
    def extra(self) -> Path:
        """The folder with what is laid over the packages: our configuration, and the orchestrator."""
        return self.work / "extra"

    def _install(self, folder: Path) -> None:
        folder = folder / "mkosi"
        _reference("mkosi", folder)
        _ran(["sh", str(folder / "install.sh")], self._log)
        partial = self.tree.with_name("unfinished")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        # mmdebstrap's has no devices that a folder could have; /dev is mounted.
        words = ["--numeric-owner", "--exclude=./dev/*", "-xf", str(folder / "real.tar")]
        _ran(["tar", "-C", str(partial), *words], self._log)
        partial.rename(self.tree)

    def _archive(self, folder: Path) -> list[str]:
        """The packages' archive, and their names."""
        work = folder / "vanilla"
        _reference("vanilla", work)
        # mkosi sees this folder alone, and none that a link goes to.
        shutil.copytree(work / "repository", self.work / "repository")
        manifest = json.loads((work / "manifest.json").read_text())
        return [package["name"] for package in manifest["packages"]]

    def packages(self, _run: str) -> Cost:
        """An image of nothing but packages."""
        return self._build("--incremental=no")

    # Its cache is of all packages, or of none.
    upgrade = packages

    def orchestrator(self, run: str) -> Cost:
        """An image after an edit of the program, from the cache; the first time, it is made."""
        return self._edited("usr/bin/orchestrator", run)

    def configuration(self, run: str) -> Cost:
        """An image after an edit of a file."""
        return self._edited("etc/hosts", f"# {run}\n")

    def _edited(self, name: str, more: str) -> Cost:
        with (self.extra / name).open("ab") as file:
            file.write(more.encode())
        return self._build("--incremental=yes")

    def _build(self, *words: str) -> Cost:
        enter = ["unshare", "--mount", "--propagation=private", "sh", "-c", _ENTER, "enter", str(self.tree)]
        return _ran([*enter, "mkosi", "--directory=/work", "--force", *words, "build"], self._log)


def _reference(name: str, folder: Path) -> None:
    """The packages of a locked set, as an archive, and what installs them with mmdebstrap."""
    words = ["--set", name, "--architecture", _ARCHITECTURE, "--work", str(folder)]
    bazel("run", "//tests/rootfs:reference", "--", *words)


def _ran(command: Sequence[str], log: Path) -> Cost:
    """Runs a program; ends this one if it fails."""
    start = time.monotonic()
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)[:300]}: ended with {process.returncode}: {log.read_text()[-4000:]}")
    return Cost(time.monotonic() - start, usage.ru_utime + usage.ru_stime)
