"""What each stage of //system_image:vanilla costs: wall time, processor time and the largest process.

    tools/bazel build //system_image:vanilla
    tools/bazel run //tests/bench:stages

Runs the tools again on what the build left in bazel-out, outside of Bazel, each in turn, with outputs in a
temporary folder. The exit status is 0 if no single process took 128 MiB.
"""

import os
import tempfile
from pathlib import Path

from tests.bench.measure import measure
from tools.sysimage.core import errors

MOST_MEMORY = 128  # MiB
SLOTS = 8  # fewer than the rule has, so that each has something
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
        "install": [
            *("--manifest", f"{BIN}/built_vanilla_rootfs_installed.json", "--output", f"{out}.installed.tar"),
            *("--owners", f"{out}.owners.json", "--effects", f"{out}.effects.json"),
        ],
        "rootfs": ["--manifest", f"{BIN}/built_vanilla_rootfs.json", "--output", f"{out}.rootfs.tar"],
        "flatten": [
            *("--layout", f"{BIN}/built_vanilla", "--os", "linux", "--architecture", "amd64"),
            *("--output", f"{out}.flat.tar"),
        ],
        "cut": [
            *("--base", f"{out}.flat.tar", "--index", f"{out}.index.json", "--slots"),
            *(f"{out}.{slot}.blocks" for slot in range(SLOTS)),
        ],
        **{
            f"compress {slot}": [
                *("--slot", f"{out}.{slot}.blocks", "--output", f"{out}.{slot}.blocks.xz"),
                *("--compression", "xz", "--tool", f"{BIN}/vanilla.json"),
            ]
            for slot in range(SLOTS)
        },
        "inject": [
            *("--manifest", f"{BIN}/vanilla_overlay.json", "--base", f"{out}.flat.tar"),
            *("--output", f"{out}.overlay.tar"),
        ],
        "emit": [
            *("--base", f"{out}.flat.tar", "--overlay", f"{out}.overlay.tar", "--compression", "xz"),
            *("--compressed", *(f"{out}.{slot}.blocks.xz" for slot in range(SLOTS))),
            *("--index", f"{out}.index.json"),
            *("--tool", f"{BIN}/vanilla.json", "--output", f"{out}.tar.xz"),
            *("--sha256", f"{out}.sha256", "--sha384", f"{out}.sha384"),
            *("--mtree", f"{out}.mtree", "--contents", f"{out}.contents.json"),
        ],
    }


def main() -> int:
    """Prints a row a stage."""
    # bazel-bin is EXECROOT/bazel-out/CONFIGURATION/bin.
    execroot = Path(os.environ["BUILD_WORKSPACE_DIRECTORY"], "bazel-bin").resolve().parents[2]
    tools = next(execroot.glob("bazel-out/*-exec*/bin/tools/sysimage"))
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
        print(f"{'stage':12}{'wall s':>8}{'cpu s':>8}{'MiB':>6}")
        for stage, arguments in commands(Path(scratch)).items():
            argv = [
                str(next(tools.glob(f"*/{stage.partition(' ')[0]}"))),
                *(argument.replace("DEBIAN", hub) for argument in arguments),
            ]
            cost = measure(argv, folder=Path(scratch))
            largest = max(largest, cost.memory)
            print(f"{stage:12}{cost.wall:8.1f}{cost.cpu:8.1f}{cost.memory:6.0f}")
    print(f"the largest process took {largest:.0f} MiB; the limit is {MOST_MEMORY}")
    return 0 if largest < MOST_MEMORY else 1


if __name__ == "__main__":
    errors.run(lambda _: main())
