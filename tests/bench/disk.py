#!/usr/bin/env python3
"""How long a measured disk takes, from packages and after an edit, beside mkosi building one of the same.

    tests/bench/disk.py [--runs 3] [--folder DIR] [--without-mkosi]

Builds //system_image:vanilla_disk in a copy of the checkout, as edits.py does, RUNS times of each kind:

    packages       after `bazel clean`: programs are compiled, and the compiler is unpacked, too
    upgrade        with a package in another version: all are installed anew
    orchestrator   after an edit

In turn, mkosi 25.3, of mkosi.lock.json, makes a disk of the same packages, from an archive in a folder: an
erofs with lz4hc and dm-verity, and an EFI system partition with a UKI. It is given what our build compiles:
orchestrator, kernel, initramfs. After an edit it has its cache (`Incremental=`).

DIR, or a folder of its own that is removed in the end, takes 8 GB. mkosi runs with a folder as its root, in a
mount namespace, which takes root and mmdebstrap. Prints medians of wall and processor time, and ours as a
multiple of mkosi's. The exit status is 0 if no wall time of ours is above its limit.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import edits
from building import HERE, bazel

TARGET = "vanilla_disk"
# Seconds of wall time on 2 cores.
LIMITS: Mapping[str, float] = {"packages": 60, "upgrade": 60, "orchestrator": 8}
_TICK = os.sysconf("SC_CLK_TCK")
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
Format=disk
OutputDirectory=/work/out
RepartDirectories=/work/repart

[Content]
Bootable=yes
Bootloader=uki
Initrds=/work/initrd.cpio
KernelCommandLine=console=ttyS0 panic=-1 quiet
ExtraTrees=/work/extra
WithDocs=no
CleanPackageMetadata=no
RemoveFiles=/usr/share/doc /usr/share/info /usr/share/man /usr/share/locale
    /usr/lib/udev/hwdb.d /usr/lib/udev/hwdb.bin
Packages={packages}

[Build]
CacheDirectory=/work/cache
"""

_PARTITIONS = {
    "00-esp.conf": """\
[Partition]
Type=esp
Format=vfat
CopyFiles=/boot:/
CopyFiles=/efi:/
SizeMinBytes=40M
SizeMaxBytes=40M
""",
    # What the UKI is made of is no part of the root.
    "10-root.conf": """\
[Partition]
Type=root
Format=erofs
Compression=lz4hc
CopyFiles=/
ExcludeFiles=/boot/
ExcludeFiles=/efi/
ExcludeFiles=/usr/lib/modules/
ExcludeFiles=/usr/lib/systemd/boot/
Verity=data
VerityMatchKey=root
Minimize=best
""",
    "20-root-verity.conf": """\
[Partition]
Type=root-verity
Verity=hash
VerityMatchKey=root
Minimize=best
""",
}
# What mkosi has depmod make, of a kernel whose modules are all in the initramfs.
_DEPMOD = ("modules.dep", "modules.dep.bin", "modules.symbols", "modules.symbols.bin")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds."""

    wall: float
    processors: float


class Ours:
    """The copy of the checkout, and what Bazel takes in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.checkout = edits.Checkout(folder)
        # What mkosi is given, too; with all in between, which a disk cache would keep to itself.
        for target in ("kernel", "stage1_disk", "vanilla_overlay", TARGET):
            self.checkout.build(target, "--remote_download_outputs=all")
        self._server = int(self.checkout.bazel("info", "server_pid"))

    def packages(self, run: str) -> Cost:
        """A disk of nothing but packages and sources."""
        edits.clean(self.checkout, run)
        return self._build()

    def upgrade(self, run: str) -> Cost:
        """A disk with a package in another version."""
        edits.upgrade(self.checkout, run)
        return self._build()

    def orchestrator(self, run: str) -> Cost:
        """A disk after an edit."""
        edits.orchestrator(self.checkout, run)
        return self._build()

    def _build(self) -> Cost:
        before = self._processors()
        built = self.checkout.build(TARGET, "--disk_cache=")
        return Cost(built.seconds, self._processors() - before)

    def _processors(self) -> float:
        """Seconds of the server, of all that it has waited for (proc_pid_stat(5)), and of its clients."""
        fields = Path(f"/proc/{self._server}/stat").read_text().rpartition(")")[2].split()
        clients = os.times()
        server = sum(map(int, fields[11:15])) / _TICK
        return server + clients.children_user + clients.children_system

    def output(self, name: str) -> Path:
        """A file that has been built."""
        return self.checkout.folder / "bazel-bin/system_image" / name

    def close(self, *, remove: bool) -> None:
        """Ends Bazel, whose outputs are removed if the folder is."""
        self.checkout.bazel(*(("clean", "--expunge") if remove else ("shutdown",)))


class Mkosi:
    """A root filesystem with mkosi, and in it the folder /work with what mkosi makes a disk of."""

    def __init__(self, folder: Path, ours: Ours) -> None:
        self._tree = folder / "tree"
        self._work = self._tree / "work"
        self._log = folder / "mkosi.log"
        # apt reads archives as its own user.
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        if not self._tree.exists():
            self._install(folder)
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        packages = self._archive(folder)
        self._extra(ours)
        shutil.copy(ours.output("stage1_disk.cpio"), self._work / "initrd.cpio")
        for name in ("repart", "out", "cache"):
            (self._work / name).mkdir()
        for name, text in _PARTITIONS.items():
            (self._work / "repart" / name).write_text(text)
        configuration = _CONFIGURATION.format(release=_RELEASE, packages="\n    ".join(packages))
        (self._work / "mkosi.conf").write_text(configuration)

    def _install(self, folder: Path) -> None:
        folder = folder / "mkosi"
        _reference("mkosi", folder)
        _ran(["sh", str(folder / "install.sh")], self._log)
        partial = self._tree.with_name("unfinished")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        # mmdebstrap's has no devices that a folder could have; /dev is mounted.
        _ran(
            [
                "tar",
                "-C",
                str(partial),
                "--numeric-owner",
                "--exclude=./dev/*",
                "-xf",
                str(folder / "real.tar"),
            ],
            self._log,
        )
        partial.rename(self._tree)

    def _archive(self, folder: Path) -> list[str]:
        """The packages' archive, and their names."""
        work = folder / "vanilla"
        _reference("vanilla", work)
        # mkosi sees this folder alone, and none that a link goes to.
        shutil.copytree(work / "repository", self._work / "repository")
        manifest = json.loads((work / "manifest.json").read_text())
        return [package["name"] for package in manifest["packages"]]

    def _extra(self, ours: Ours) -> None:
        """What is laid over the packages: our configuration, the orchestrator, parts of the UKI."""
        extra = self._work / "extra"
        shutil.copytree(HERE / "system_image/files", extra)
        overlay = str(ours.output("vanilla_overlay.tar"))
        _ran(["tar", "-C", str(extra), "-xf", overlay, "--wildcards", "usr/*"], self._log)
        modules = extra / "usr/lib/modules/kernel"
        modules.mkdir(parents=True)
        shutil.copy(ours.output("kernel"), modules / "vmlinuz")
        for name in _DEPMOD:
            (modules / name).touch()
        stubs = "usr/lib/systemd/boot/efi"
        shutil.copytree(self._tree / stubs, extra / stubs)

    def packages(self, _run: str) -> Cost:
        """A disk of nothing but packages."""
        return self._build("--incremental=no")

    # Its cache is of all packages, or of none.
    upgrade = packages

    def orchestrator(self, run: str) -> Cost:
        """A disk after an edit, from the cache; the first time, it is made."""
        with (self._work / "extra/usr/bin/orchestrator").open("ab") as file:
            file.write(run.encode())
        return self._build("--incremental=yes")

    def _build(self, *words: str) -> Cost:
        enter = ["unshare", "--mount", "--propagation=private", "sh", "-c", _ENTER, "enter", str(self._tree)]
        return _ran([*enter, "mkosi", "--directory=/work", "--force", *words, "build"], self._log)

    @property
    def disk(self) -> Path:
        """What was made."""
        return self._work / "out/image.raw"


def _reference(name: str, folder: Path) -> None:
    """The packages of a locked set, as an archive, and what installs them with mmdebstrap."""
    words = ["--set", name, "--architecture", edits.ARCHITECTURE, "--work", str(folder)]
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


def median(costs: Sequence[Cost]) -> Cost:
    """Of each quantity by itself."""
    return Cost(
        statistics.median(cost.wall for cost in costs), statistics.median(cost.processors for cost in costs)
    )


def main(argv: Sequence[str]) -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(prog="disk", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="builds of each kind; the median counts")
    parser.add_argument("--folder", type=Path, help="where all goes; it stays, for the next time")
    parser.add_argument("--without-mkosi", action="store_true", help="our own times alone; needs no root")
    options = parser.parse_args(argv)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="disk.", dir="/var/tmp"))
    folder = folder.resolve()
    ours = Ours(folder / "checkout")
    slow = []
    try:
        mkosi = None if options.without_mkosi else Mkosi(folder, ours)
        print("| disk | wall | processors | beside mkosi: wall | processors |\n|---|---|---|---|---|")
        for name, limit in LIMITS.items():
            found, others = _measured(name, options.runs, ours, mkosi)
            cells = [f"{found.wall:.1f} s", f"{found.processors:.1f} s"]
            if others:
                for own, other in ((found.wall, others.wall), (found.processors, others.processors)):
                    cells.append(f"{own / other:.2f} of {other:.1f} s")
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
            slow += [name] if found.wall > limit else []
        sizes = [ours.output(f"{TARGET}.raw")] + ([mkosi.disk] if mkosi else [])
        print("\nsizes of the disks:", ", ".join(f"{path.stat().st_size / 1e6:.1f} MB" for path in sizes))
    finally:
        ours.close(remove=not options.folder)
        if not options.folder:
            shutil.rmtree(folder)
    print(f"above the limits: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


def _measured(name: str, runs: int, ours: Ours, mkosi: Mkosi | None) -> tuple[Cost, Cost | None]:
    """Medians, of builds in turn. The first of each is not counted: then all that is needed is at hand."""
    builders: list[Callable[[str], Cost]] = [getattr(each, name) for each in (ours, mkosi) if each]
    costs: list[list[Cost]] = [[] for _ in builders]
    for run in range(runs + 1):
        for found, build in zip(costs, builders, strict=True):
            found.append(build(f"x{run}"))
            print(f"{name}, {type(build.__self__).__name__}: {found[-1]}", file=sys.stderr, flush=True)  # type: ignore[attr-defined]
    medians = [median(found[1:]) for found in costs]
    return medians[0], medians[1] if mkosi else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
