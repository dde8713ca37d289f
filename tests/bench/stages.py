"""What each stage of //system_image:vanilla costs: wall time, processor time and the largest process.

    tools/bazel build //system_image:vanilla
    tools/bazel run //tests/bench:stages

Runs the tools again on what the build left in bazel-out, outside of Bazel, each in turn, with outputs in a
temporary folder. The exit status is 0 if no single process took 256 MiB.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

MOST_MEMORY = 256  # MiB
BIN = "bazel-out/k8-fastbuild/bin/system_image"


def commands(scratch: Path) -> dict[str, list[str]]:
    """Stage → arguments, as the rules give them, relative to the execution root."""
    out = scratch / "out"
    return {
        "packages": [
            *("--manifest", "external/DEBIAN/debian.toml", "--manifest-label", "manifest"),
            *("--lock", "external/DEBIAN/debian.lock.json", "--lock-label", "lock"),
            *("--set", "vanilla", "--relock", "command", "--output", f"{out}.checked"),
        ],
        "program": ["--manifest", f"{BIN}/xz.json", "--program", "usr/bin/xz", "--output", f"{out}.program"],
        "rootfs": ["--manifest", f"{BIN}/rootfs_vanilla.json", "--output", f"{out}.rootfs.tar"],
        "flatten": [
            *("--layout", f"{BIN}/built_vanilla", "--os", "linux", "--architecture", "amd64"),
            *("--output", f"{out}.flat.tar"),
        ],
        "compress": [
            *("--base", f"{out}.flat.tar", "--compression", "xz", "--tool", f"{BIN}/vanilla.json"),
            *("--output", f"{out}.base.tar.xz", "--index", f"{out}.index.json"),
        ],
        "inject": [
            *("--manifest", f"{BIN}/vanilla_overlay.json", "--base", f"{out}.flat.tar"),
            *("--output", f"{out}.overlay.tar"),
        ],
        "emit": [
            *("--base", f"{out}.flat.tar", "--overlay", f"{out}.overlay.tar", "--compression", "xz"),
            *("--compressed", f"{out}.base.tar.xz", "--index", f"{out}.index.json"),
            *("--tool", f"{BIN}/vanilla.json", "--output", f"{out}.tar.xz"),
            *("--digest", f"{out}.sha256", "--mtree", f"{out}.mtree"),
        ],
    }


def measure(argv: list[str], folder: Path) -> tuple[int, float, resource.struct_rusage]:
    """Runs a command in `folder`; returns its status, wall time in seconds and what it used."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os.execv(argv[0], argv)
    # wait4 counts the process and what it has waited for; ru_maxrss is that of the largest of them.
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - start, usage


def main() -> int:
    """Prints a row a stage."""
    # bazel-bin is EXECROOT/bazel-out/CONFIGURATION/bin.
    execroot = Path(os.environ["BUILD_WORKSPACE_DIRECTORY"], "bazel-bin").resolve().parents[2]
    tools = next(execroot.glob("bazel-out/*-exec*/bin/tools/sysimage/rootfs")).parent
    external = execroot.parents[1] / "external"
    hub = next(external.glob("*rules_system_image_debian")).name
    largest = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        # The execution root as an action sees it.
        Path(scratch, "external").symlink_to(external)
        Path(scratch, "bazel-out").symlink_to(execroot / "bazel-out")
        Path(scratch, "system_image").symlink_to(
            Path(os.environ["BUILD_WORKSPACE_DIRECTORY"], "system_image")
        )
        print(f"{'stage':10}{'wall s':>8}{'cpu s':>8}{'MiB':>6}")
        for stage, arguments in commands(Path(scratch)).items():
            argv = [str(tools / stage), *(argument.replace("DEBIAN", hub) for argument in arguments)]
            status, wall, usage = measure(argv, Path(scratch))
            if status:
                print(f"{stage}: ended with status {status}", file=sys.stderr)
                return 1
            memory = usage.ru_maxrss / 1024
            largest = max(largest, memory)
            print(f"{stage:10}{wall:8.1f}{usage.ru_utime + usage.ru_stime:8.1f}{memory:6.0f}")
    print(f"the largest process took {largest:.0f} MiB; the limit is {MOST_MEMORY}")
    return 0 if largest < MOST_MEMORY else 1


if __name__ == "__main__":
    sys.exit(main())
