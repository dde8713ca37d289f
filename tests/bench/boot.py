"""How long an image takes from the machine's start to the orchestrator's ready, and how much memory.

    tools/bazel run //tests/bench:boot -- [--runs 3] [--memory MiB] [NAME=IMAGE…]

Boots //system_image:vanilla and each IMAGE, a .tar.xz, .tar.zst or .tar, in turn. Prints of each the best
time, the most memory, the processors' time, and the phases of the best run: what passes until the kernel
starts, and until stage1 does; what stage1 takes to copy the image from the disk, to digest the rest of
it, and to unpack it; what systemd takes until basic.target, and until the orchestrator is ready.
Processors' time is that of QEMU until the machine is off: it hardly depends on what else the host does.
Memory is what the guest has ever touched of all that it was given: the pages that a confidential VM would
have pinned. The exit status is 0 if vanilla is no slower than any other, give or take what runs differ by
anyway, and no larger.
"""

import argparse
import dataclasses
import os
import re
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.boot import check, machine
from tools.sysimage.core.errors import run

LIMIT = 300  # seconds for a boot
READY = "orchestrator: ready"
NOISE = 1.05  # times that one and the same image takes longer in another run
PHASES = ("firmware", "kernel", "copy", "digest", "unpack", "basic", "ready")
STAGE1 = re.compile(
    r"stage1: (\S+) s after the kernel: read in (\S+) s, digested in (\S+) s, unpacked in (\S+) s"
)
# Microseconds since the kernel's start.
WHEN = "systemctl show --property=ActiveEnterTimestampMonotonic --value basic.target orchestrator.service"


@dataclass(frozen=True, slots=True)
class Run:
    """What a boot took."""

    seconds: float
    memory: float  # MiB
    processors: float  # seconds
    phases: tuple[float, ...]  # seconds, of PHASES


def boot(vm: machine.VirtualMachine) -> Run:
    """Boots a machine. Raises ToolError if that fails."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        memory = Path(folder, "memory")
        backend = f"memory-backend-file,id=memory,size={vm.memory}M,mem-path={memory},share=on"
        options = ["-object", backend, "-machine", "memory-backend=memory"]
        wanted = machine.Expectations((READY, STAGE1.pattern), (WHEN,), status=0)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        seen = check.watch(vm, wanted, Path(folder), LIMIT, options)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        for problem in check.problems(seen, wanted, LIMIT):
            sys.exit(f"{vm.name}: {problem}\n{check.details(seen)}")
        return Run(
            next(at for at, line in zip(seen.times, seen.console, strict=True) if READY in line),
            memory.stat().st_blocks * 512 / 2**20,
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            phases(seen),
        )


def phases(seen: check.Boot) -> tuple[float, ...]:
    """The seconds of each of PHASES."""
    at, found = next(
        (at, match)
        for at, line in zip(seen.times, seen.console, strict=True)
        if (match := STAGE1.search(line))
    )
    kernel, *stage1 = (float(seconds) for seconds in found.groups())
    unpacked = kernel + sum(stage1)
    [command] = seen.sections("command")
    basic, ready = (int(line) / 1e6 for line in command.lines if line.strip())
    return max(at - unpacked, 0), kernel, *stage1, basic - unpacked, ready - basic


def main(argv: Sequence[str]) -> int:
    """Prints a row an image."""
    parser = argparse.ArgumentParser(prog="boot", description=__doc__)
    parser.add_argument("--vm", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=int, help="MiB; default: what the rule says")
    parser.add_argument("images", nargs="*", metavar="NAME=IMAGE")
    options = parser.parse_args(argv)
    vm = machine.read(options.vm).machine()
    vm = dataclasses.replace(vm, name="vanilla", memory=options.memory or vm.memory)
    machines = [vm]
    for name, _, image in (text.partition("=") for text in options.images):
        path = Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), image)
        machines.append(dataclasses.replace(vm, name=name, image=path, digest=""))
    runs: dict[str, list[Run]] = {vm.name: [] for vm in machines}
    for _ in range(options.runs):
        for each in machines:
            runs[each.name].append(boot(each))
    heads = "".join(f"{name:>9}" for name in PHASES)
    print(f"{'image':12}{'to ready s':>11}{'guest MiB':>10}{'image MB':>9}{'cpu s':>7} |{heads}")
    best = {name: _best(all_) for name, all_ in runs.items()}
    for each in machines:
        run = best[each.name]
        size = each.image.stat().st_size / 1e6
        row = "".join(f"{seconds:9.2f}" for seconds in run.phases)
        print(f"{each.name:12}{run.seconds:11.1f}{run.memory:10.0f}{size:9.1f}{run.processors:7.1f} |{row}")
    for other in machines[1:]:
        one, two = best[vm.name], best[other.name]
        ratios = one.seconds / two.seconds, one.memory / two.memory, one.processors / two.processors
        print("beside {}: time {:.2f}, memory {:.2f}, processors {:.2f}".format(other.name, *ratios))
    ours, others = best["vanilla"], [best[each.name] for each in machines[1:]]
    good = all(ours.seconds <= other.seconds * NOISE and ours.memory <= other.memory for other in others)
    return 0 if good else 1


def _best(runs: Sequence[Run]) -> Run:
    best = min(runs, key=lambda run: run.seconds)
    memory = max(run.memory for run in runs)
    return dataclasses.replace(best, memory=memory, processors=min(run.processors for run in runs))


if __name__ == "__main__":
    run(main)
