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

DIR, or a folder of its own that is removed in the end, takes 8 GB. mkosi takes root and mmdebstrap. Prints
medians of wall and processor time, and ours as a multiple of mkosi's. The exit status is 0 if no wall time of
ours is above its limit.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import edits
from mkosi import Cost, Mkosi, check_host

TARGET = "vanilla_disk"
# Seconds of wall time on 2 cores.
LIMITS: Mapping[str, float] = {"packages": 60, "upgrade": 60, "orchestrator": 8}
_TICK = os.sysconf("SC_CLK_TCK")
_OUTPUT = """\
Format=disk
RepartDirectories=/work/repart
"""
_CONTENT = """\
Bootable=yes
Bootloader=uki
Initrds=/work/initrd.cpio
KernelCommandLine=console=ttyS0 panic=-1 quiet
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


class Disk(Mkosi):  # type: ignore[misc]
    """mkosi, and the parts of a disk, which it is given."""

    def __init__(self, folder: Path, ours: Ours) -> None:
        super().__init__(folder, ours.output("vanilla_overlay.tar"), output=_OUTPUT, content=_CONTENT)
        shutil.copy(ours.output("stage1_disk.cpio"), self.work / "initrd.cpio")
        (self.work / "repart").mkdir()
        for name, text in _PARTITIONS.items():
            (self.work / "repart" / name).write_text(text)
        modules = self.extra / "usr/lib/modules/kernel"
        modules.mkdir(parents=True)
        shutil.copy(ours.output("kernel"), modules / "vmlinuz")
        for name in _DEPMOD:
            (modules / name).touch()
        stubs = "usr/lib/systemd/boot/efi"
        shutil.copytree(self.tree / stubs, self.extra / stubs)

    @property
    def disk(self) -> Path:
        """What was made."""
        return self.work / "out/image.raw"


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
    if not options.without_mkosi:
        check_host()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="disk.", dir="/var/tmp"))
    folder = folder.resolve()
    ours = Ours(folder / "checkout")
    slow = []
    try:
        mkosi = None if options.without_mkosi else Disk(folder, ours)
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
