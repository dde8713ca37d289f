"""How long an image takes from the machine's start to the orchestrator's ready, and how much memory.

    tools/bazel run //tests/bench:boot -- [--runs 3] [--memory MiB] [NAME=IMAGE…]

Boots our images and each IMAGE, a .tar.xz, in turn, on one and the same machine. Each IMAGE is booted twice:
by stage1, as ours are, and, as "NAME by a script", by a script of busybox, as loaders are otherwise. Of each
phase it prints seconds, the processors' seconds of QEMU, and how much memory the guest had touched at its
end, each the median of all runs; then the ratios of ours to the others, each the median of those of pairs.
Processors' time hardly depends on what else the host does, seconds do.

The phases: what passes until the kernel starts, and until stage1's program does; what that takes to copy the
image from the disk, to digest the rest of it, and to unpack it; what systemd takes until basic.target, and
until the orchestrator is ready. Memory is what the guest has ever touched of all that it was given: the pages
that a confidential VM would have pinned. Nothing runs in the guest that would not run otherwise, until the
orchestrator has ended; then systemctl tells when it was ready.

The exit status is 0 if ours take no more of the processors than any other, and no more memory.
"""

import argparse
import bisect
import dataclasses
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.boot import machine
from tools.sysimage.core.errors import run
from tools.sysimage.core.tree import Tree, file

LIMIT = 300  # seconds for a boot
TICK = 0.01  # seconds between samples
PHASES = ("firmware", "kernel", "copy", "digest", "unpack", "basic", "ready")
READY = "orchestrator: ready"
STAGE1 = re.compile(
    r"stage1: (\S+) s after the kernel: read in (\S+) s, digested in (\S+) s, unpacked in (\S+) s"
)
# Microseconds since the kernel's start.
WHEN = re.compile(r"^ActiveEnterTimestampMonotonic=(\d+)")
TELL = """[Service]
ExecStopPost=+/usr/bin/systemctl show --property=ActiveEnterTimestampMonotonic \\
    basic.target orchestrator.service
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a machine has taken until some time."""

    at: float  # seconds since its start
    processors: float  # seconds
    memory: float  # MiB


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the console."""

    at: float  # seconds since the machine's start
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """What a boot took, at the end of each of PHASES."""

    ends: tuple[Sample, ...]
    memory: float  # MiB until the machine went off

    def column(self, kind: Callable[[Sample], float], *, until: bool) -> list[float]:
        """A quantity `until` the end of each phase, or in each phase."""
        ends = [kind(sample) for sample in self.ends]
        return ends if until else [end - start for start, end in zip([0.0, *ends], ends, strict=False)]


def boot(vm: machine.VirtualMachine, init: Path | None = None) -> Run:
    """Boots a machine, by stage1, or by a script `init` in its place; ends the program if that fails."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        memory = Path(folder, "memory")
        backend = f"memory-backend-file,id=memory,size={vm.memory}M,mem-path={memory},share=on"
        options = ["-serial", "stdio", "-netdev", "user,id=net,restrict=on"]
        options += ["-object", backend, "-machine", "memory-backend=memory"]
        tree = Tree()
        tree.add("run/systemd/system/orchestrator.service.d/50-bench.conf", file(TELL.encode()))
        if init:
            tree.add("init", file(init.read_bytes(), 0o755))
            tree.add("bin/busybox", file(vm.busybox.read_bytes(), 0o755))
        command = machine.command(
            machine.with_files(vm, tree, Path(folder)), options, kvm=machine.kvm_works(vm)
        )
        lines, samples, status = watch(command, memory)
        if status == machine.ABORTED:
            said = " ".join(line.text for line in lines[-1:])
            print(f"{vm.name}: QEMU aborted itself, so once more: {said}", file=sys.stderr, flush=True)
            lines, samples, _ = watch(command, memory)
    try:
        return Run(tuple(_ends(lines, samples)), samples[-1].memory)
    except ValueError:
        console = "\n".join(line.text for line in lines)
        sys.exit(f"{console}\n{vm.name}: did not boot as it has to, within {samples[-1].at:.0f} s")


def watch(command: Sequence[str], memory: Path) -> tuple[list[Line], list[Sample], int]:
    """Runs a machine until it goes off; returns its console, samples of what it took, and QEMU's status."""
    lines: list[Line] = []
    samples: list[Sample] = []
    start = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as qemu:
        # Of a process by its number, as clock_getcpuclockid(3) makes it.
        clock = ~qemu.pid << 3 | 2

        def read() -> None:
            assert qemu.stdout is not None
            for line in qemu.stdout:
                lines.append(Line(time.monotonic() - start, line.decode("utf-8", "replace").rstrip()))

        reader = threading.Thread(target=read)
        reader.start()
        # The machine's clock ends with the process, not when it has been waited for.
        while os.waitid(os.P_PID, qemu.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            blocks = memory.stat().st_blocks if memory.exists() else 0
            at = time.monotonic() - start
            samples.append(Sample(at, time.clock_gettime(clock), blocks * 512 / 2**20))
            if at > LIMIT:
                qemu.kill()
            time.sleep(TICK)
        reader.join()
    return lines, samples, qemu.returncode


def _ends(lines: Sequence[Line], samples: Sequence[Sample]) -> Iterator[Sample]:
    """What had been taken at the end of each phase. Raises ValueError if the console does not tell."""
    [(at, found)] = ((line.at, match) for line in lines if (match := STAGE1.search(line.text)))
    before, copy, digest, unpack = (float(seconds) for seconds in found.groups())
    [ready] = (line.at for line in lines if READY in line.text)
    basic, _ = (int(match[1]) / 1e6 for line in lines if (match := WHEN.search(line.text)))
    kernel = max(at - before - copy - digest - unpack, 0)
    after = (before, before + copy, before + copy + digest, before + copy + digest + unpack, basic)
    for end in (kernel, *(kernel + seconds for seconds in after), ready):
        place = bisect.bisect_left([sample.at for sample in samples], end)
        yield samples[min(place, len(samples) - 1)]


def main(argv: Sequence[str]) -> int:
    """Prints a table an image, and ratios."""
    parser = argparse.ArgumentParser(prog="boot", description=__doc__)
    parser.add_argument("--vm", type=Path, required=True, action="append")
    parser.add_argument("--script", type=Path, required=True, help="the script that is an init")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=int, help="MiB; default: what the rule says")
    parser.add_argument("images", nargs="*", metavar="NAME=IMAGE")
    options = parser.parse_args(argv)
    ours = [machine.read(vm).machine() for vm in options.vm]
    ours = [dataclasses.replace(vm, name=vm.name.rpartition(":")[2]) for vm in ours]
    others = []
    for name, _, image in (text.partition("=") for text in options.images):
        path = Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), image)
        others.append(dataclasses.replace(ours[0], name=name, image=path, digest=""))
    scripted = [dataclasses.replace(vm, name=f"{vm.name} by a script") for vm in others]
    inits = {vm.name: options.script for vm in scripted}
    machines = [
        dataclasses.replace(vm, memory=options.memory or ours[0].memory, cpus=ours[0].cpus)
        for vm in [*ours, *others, *scripted]
    ]
    runs: dict[str, list[Run]] = {vm.name: [] for vm in machines}
    for _ in range(options.runs):
        for vm in machines:
            print(f"booting {vm.name}", file=sys.stderr, flush=True)
            runs[vm.name].append(boot(vm, inits.get(vm.name)))
    for vm in machines:
        print(f"{vm.name}, {vm.image.stat().st_size / 1e6:.1f} MB")
        print("\n".join(_table(runs[vm.name])))
    good = True
    for other in [*others, *scripted]:
        for vm in ours:
            time_, processors, memory = _ratios(runs[vm.name], runs[other.name])
            good = good and processors <= 1 and memory <= 1
            print(
                f"{vm.name} beside {other.name}: "
                f"processors {processors:.2f}, memory {memory:.2f}, time {time_:.2f}"
            )
    return 0 if good else 1


def _table(runs: Sequence[Run]) -> Iterator[str]:
    yield f"  {'':20}" + "".join(f"{name:>9}" for name in PHASES) + f"{'all':>9}"
    for name, kind, until in (
        ("seconds", _at, False),
        ("processors' seconds", _processors, False),
        ("MiB until then", _memory, True),
    ):
        columns = zip(*(each.column(kind, until=until) for each in runs), strict=True)
        whole = [each.memory if until else kind(each.ends[-1]) for each in runs]
        numbers = [statistics.median(column) for column in (*columns, whole)]
        yield f"  {name:20}" + "".join(f"{number:9.{0 if until else 2}f}" for number in numbers)


def _ratios(ones: Sequence[Run], others: Sequence[Run]) -> Iterator[float]:
    """Medians of the ratios of pairs: of seconds, processors' seconds, memory."""
    pairs = list(zip(ones, others, strict=True))
    for kind in (_at, _processors):
        yield statistics.median(kind(one.ends[-1]) / kind(other.ends[-1]) for one, other in pairs)
    yield statistics.median(one.memory / other.memory for one, other in pairs)


def _at(sample: Sample) -> float:
    return sample.at


def _processors(sample: Sample) -> float:
    return sample.processors


def _memory(sample: Sample) -> float:
    return sample.memory


if __name__ == "__main__":
    run(main)
