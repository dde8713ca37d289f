"""What each stage of //system_image:vanilla and of its disk costs: time, processor time, the largest process.

    tools/bazel build --remote_download_outputs=all //system_image:{vanilla,vanilla_disk} --output_groups=+gcp
    tools/bazel run //tests/bench:stages

Runs the tools again on what the build left in bazel-out, outside of Bazel, each in turn, with outputs in a
temporary folder. The exit status is 0 if no single process took 128 MiB.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import measure
from tools.sysimage.core import errors

MOST_MEMORY = 128  # MiB
SLOTS = 8  # fewer than the rule has, so that each has something
BIN = "bazel-out/k8-fastbuild/bin/system_image"


def commands(scratch: Path) -> dict[str, list[str]]:
    """PHASE/STAGE → arguments, as the rules give them, relative to the execution root."""
    out = scratch / "out"
    return {
        "lock/lock_fits": [
            *("--manifest", "external/DEBIAN/debian.toml", "--manifest-label", "manifest"),
            *("--lock", "external/DEBIAN/debian.lock.json", "--lock-label", "lock"),
            *("--set", "vanilla", "--relock", "command", "--output", f"{out}.checked"),
        ],
        "toolchain/program": [
            "--manifest",
            "TOOLS/xz.json",
            "--program",
            "usr/bin/xz",
            "--output",
            f"{out}.program",
        ],
        "rootfs/install": [
            *("--manifest", f"{BIN}/built_vanilla_rootfs_installed.json", "--output", f"{out}.installed.tar"),
            *("--owners", f"{out}.owners.json", "--effects", f"{out}.effects.json"),
        ],
        "rootfs/rootfs": ["--manifest", f"{BIN}/built_vanilla_rootfs.json", "--output", f"{out}.rootfs.tar"],
        "image/flatten": [
            *("--layout", f"{BIN}/built_vanilla", "--os", "linux", "--architecture", "amd64"),
            *("--output", f"{out}.flat.tar"),
        ],
        "image/cut": [
            *("--base", f"{out}.flat.tar", "--index", f"{out}.index.json", "--slots"),
            *(f"{out}.{slot}.blocks" for slot in range(SLOTS)),
        ],
        **{
            f"image/compress {slot}": [
                *("--slot", f"{out}.{slot}.blocks", "--output", f"{out}.{slot}.blocks.xz"),
                *("--compression", "xz", "--tool", f"{BIN}/vanilla.json"),
            ]
            for slot in range(SLOTS)
        },
        "image/inject": [
            *("--manifest", f"{BIN}/vanilla_overlay.json", "--base", f"{out}.flat.tar"),
            *("--output", f"{out}.overlay.tar"),
        ],
        "image/emit": [
            *("--base", f"{out}.flat.tar", "--overlay", f"{out}.overlay.tar", "--compression", "xz"),
            *("--compressed", *(f"{out}.{slot}.blocks.xz" for slot in range(SLOTS))),
            *("--index", f"{out}.index.json"),
            *("--tool", f"{BIN}/vanilla.json", "--output", f"{out}.tar.xz"),
            *("--sha256", f"{out}.sha256", "--sha384", f"{out}.sha384"),
            *("--mtree", f"{out}.mtree", "--contents", f"{out}.contents.json"),
        ],
        "disk/verity": [
            *("--layer", f"{out}.flat.tar", "--layer", f"{out}.overlay.tar", "--compression", "lz4hc"),
            *("--data", f"{out}.erofs", "--hash-tree", f"{out}.verity", "--root-hash", f"{out}.roothash"),
            *("--mkfs", f"{BIN}/vanilla_verity.json"),
        ],
        "disk/uki": ["--manifest", f"{BIN}/vanilla_uki.json", "--output", f"{out}.efi"],
        "disk/disk": [
            *("--manifest", f"{BIN}/vanilla_disk.json", "--output", f"{out}.raw"),
            *("--digest", f"{out}.raw.sha256"),
        ],
        **{
            f"disk/disk {kind}": [
                *("--raw", f"{out}.raw", "--format", kind, "--output", f"{out}.{kind}"),
                *("--digest", f"{out}.{kind}.sha256", "--gzip", f"{BIN}/vanilla_disk_gzip.json"),
            ]
            for kind in ("qcow2", "vhd", "gcp")
        },
    }


def main() -> int:
    """Prints a row a stage."""
    # bazel-bin is EXECROOT/bazel-out/CONFIGURATION/bin.
    execroot = Path(os.environ["BUILD_WORKSPACE_DIRECTORY"], "bazel-bin").resolve().parents[2]
    external = execroot.parents[1] / "external"
    hub = next(external.glob("*rules_system_image_debian")).name
    tools = str(next(execroot.glob("bazel-out/*-exec*/bin/system_image/tools")).relative_to(execroot))
    # Not the programs of the build, which a disk cache keeps to itself.
    environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "LC_ALL": "C.UTF-8"}
    largest = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        # The execution root as an action sees it.
        Path(scratch, "external").symlink_to(external)
        Path(scratch, "bazel-out").symlink_to(execroot / "bazel-out")
        Path(scratch, "system_image").symlink_to(
            Path(os.environ["BUILD_WORKSPACE_DIRECTORY"], "system_image")
        )
        print(f"{'stage':20}{'wall s':>8}{'cpu s':>8}{'MiB':>6}")
        for stage, arguments in commands(Path(scratch)).items():
            module = f"tools.sysimage.{stage.partition(' ')[0].replace('/', '.')}"
            words = [argument.replace("DEBIAN", hub).replace("TOOLS", tools) for argument in arguments]
            cost = measure([sys.executable, "-m", module, *words], folder=Path(scratch), environ=environ)
            largest = max(largest, cost.memory)
            print(f"{stage:20}{cost.wall:8.1f}{cost.cpu:8.1f}{cost.memory:6.0f}")
    print(f"the largest process took {largest:.0f} MiB; the limit is {MOST_MEMORY}")
    return 0 if largest < MOST_MEMORY else 1


if __name__ == "__main__":
    errors.run(lambda _: main())
