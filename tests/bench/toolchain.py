#!/usr/bin/env python3
"""What the sysroot's toolchain costs: a compile in Bazel's sandbox beside gcc alone, and a small program.

    tests/bench/toolchain.py [RUNS]

Compiles a file of 1,000 lines of C++ RUNS times (5), in turns. The exit status is 0 if Bazel's actions take
at most 1.15 times what gcc takes. The fastest of the runs counts: what else the machine does only makes them
slower.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

from building import action_seconds, bazel

TARGET, SOURCE = "//tests/bench:thousand_lines", "thousand_lines.cc"
FLAGS = [
    *("--platforms=//toolchains:guest_x86_64", "--compilation_mode=opt", "--spawn_strategy=sandboxed"),
    *("--force_pic", "--jobs=1"),  # one action, and nothing beside it
]
MOST = 1.15


def action_time(run: str) -> float:
    """Seconds that the compile action takes from its start to its end."""
    return action_seconds(SOURCE, *FLAGS, f"--copt=-DRUN={run}", TARGET)


def direct_time(run: str) -> float:
    """Seconds that the same command takes by itself."""
    query = bazel(
        "aquery", *FLAGS, f"--copt=-DRUN={run}", "--output=jsonproto", f'mnemonic("CppCompile", {TARGET})'
    )
    arguments = json.loads(query)["actions"][0]["arguments"]
    output = arguments.index("-o") + 1
    arguments[output] = "/dev/null"
    arguments[arguments.index("-MF") + 1] = "/dev/null"
    execroot = Path(bazel("info", "execution_root").strip())
    start = time.monotonic()
    subprocess.run(arguments, cwd=execroot, check=True, env={"PWD": "/proc/self/cwd"})
    return time.monotonic() - start


def orchestrator_time() -> float:
    """Seconds that the orchestrator takes to build after a change of all of it."""
    orchestrator = "//system_image/orchestrator"
    bazel("build", *FLAGS, orchestrator)
    start = time.monotonic()
    bazel("build", *FLAGS, f"--copt=-DRUN={time.time_ns()}", orchestrator)
    return time.monotonic() - start


def main(runs: int) -> int:
    """Prints the figures."""
    bazel("build", *FLAGS, TARGET)
    pairs = []
    for number in range(runs):
        run = f"{time.time_ns()}{number}"
        pairs.append((action_time(run), direct_time(run)))
        print(f"run {number + 1}: action {pairs[-1][0]:.2f} s, gcc alone {pairs[-1][1]:.2f} s", flush=True)
    action, direct = (min(times) for times in zip(*pairs, strict=True))
    print(f"fastest: {action:.2f} s and {direct:.2f} s, {action / direct:.2f} times; the limit is {MOST}")
    print(f"the orchestrator, from its sources: {orchestrator_time():.1f} s ({shlex.join(FLAGS)})")
    return 0 if action <= MOST * direct else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 5))
