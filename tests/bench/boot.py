"""How long an image takes from the machine's start to the orchestrator's ready, and how much memory.

    tools/bazel run //tests/bench:boot -- [--runs 3] [--memory MiB] [NAME=IMAGE…]

Boots //system_image:vanilla and each IMAGE, a .tar.xz or .tar, in turn, and prints the best time and the
largest memory of each. Memory is what the guest has ever touched of all that it was given: the pages that a
confidential VM would have pinned. The exit status is 0 if vanilla is no slower than any other, give or take
what runs differ by anyway, and no larger.
"""

import argparse
import dataclasses
import os
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


@dataclass(frozen=True, slots=True)
class Run:
    """What a boot took."""

    seconds: float
    memory: float  # MiB


def boot(vm: machine.VirtualMachine) -> Run:
    """Boots a machine. Raises ToolError if that fails."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        memory = Path(folder, "memory")
        backend = f"memory-backend-file,id=memory,size={vm.memory}M,mem-path={memory},share=on"
        options = ["-object", backend, "-machine", "memory-backend=memory"]
        seen = check.watch(vm, machine.Expectations((READY,), status=0), Path(folder), LIMIT, options)
        for problem in check.problems(seen, machine.Expectations((READY,), status=0), LIMIT):
            sys.exit(f"{vm.name}: {problem}\n{check.details(seen)}")
        ready = next(at for at, line in zip(seen.times, seen.console, strict=True) if READY in line)
        return Run(ready, memory.stat().st_blocks * 512 / 2**20)


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
    print(f"{'image':14}{'to ready s':>12}{'guest MiB':>12}{'image MB':>10}")
    best = {
        name: Run(min(r.seconds for r in all_), max(r.memory for r in all_)) for name, all_ in runs.items()
    }
    for each in machines:
        size = each.image.stat().st_size / 1e6
        print(f"{each.name:14}{best[each.name].seconds:12.1f}{best[each.name].memory:12.0f}{size:10.1f}")
    ours, others = best["vanilla"], [best[each.name] for each in machines[1:]]
    good = all(ours.seconds <= other.seconds * NOISE and ours.memory <= other.memory for other in others)
    return 0 if good else 1


if __name__ == "__main__":
    run(main)
