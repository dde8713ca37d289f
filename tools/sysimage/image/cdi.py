"""cdi: a layer with usr/share/nvidia/cdi.json, the part of a CDI specification that the image determines.

It follows SPEC.md of the Container Device Interface, version 0.5.0, the first that allows numbers as names
of devices. Each library is mounted under the names that programs ask the loader for. The list of devices is
empty: at boot, the unit nvidia-cdi completes it and writes /etc/cdi/nvidia.json.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.span import Inline
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import elf, layer, tar

PATH = "usr/share/nvidia/cdi.json"
VERSION = "0.5.0"
KIND = "nvidia.com/gpu"
_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
# As NVIDIA's own generator writes it, so that NVIDIA's runtime hook, if there is one, does not do this again.
_ENVIRONMENT = ["NVIDIA_VISIBLE_DEVICES=void"]
_OPTIONS = ["ro", "nosuid", "nodev", "bind"]
_PROGRAMS = ("usr/bin/nvidia-smi",)


def main(argv: Sequence[str]) -> int:
    """Writes the layer."""
    parser = argparse.ArgumentParser(prog="cdi", description=__doc__)
    parser.add_argument("--rootfs", type=Path, required=True, help="tar with the driver's files")
    parser.add_argument("--architecture", choices=sorted(ARCHITECTURES), required=True, help="the image's")
    parser.add_argument("--output", type=Path, required=True, help="the layer")
    options = parser.parse_args(argv)
    tree = Tree()
    with options.rootfs.open("rb") as stream:
        layer.apply(tree, tar.read(stream, str(options.rootfs)), str(options.rootfs))
        text = json.dumps(specification(tree, ARCHITECTURES[options.architecture].triplet), indent=1) + "\n"
    made = Tree()
    made.add(PATH, Inode(Kind.FILE, 0o644, content=Inline(text.encode())))
    with atomic.output(options.output) as stream:
        tar.write(made, stream)
    return 0


def specification(tree: Tree, triplet: str) -> dict[str, Any]:
    """The specification for the driver in a tree. Raises ToolError if the driver is missing."""
    found = dict(sorted([*libraries(tree, triplet), *_programs(tree)]))
    library = f"usr/lib/{triplet}/libcuda.so.1"
    if library not in found:
        raise ToolError(f"/{library}: the root filesystem lacks it; add libcuda1 to its packages")
    return {
        "cdiVersion": VERSION,
        "kind": KIND,
        "devices": [],
        "containerEdits": {
            "env": _ENVIRONMENT,
            "deviceNodes": [{"path": path} for path in _NODES],
            "mounts": [
                {"hostPath": f"/{host}", "containerPath": f"/{path}", "options": _OPTIONS}
                for path, host in found.items()
            ],
        },
    }


def libraries(tree: Tree, triplet: str) -> Iterator[tuple[str, str]]:
    """The driver's libraries: for each name, the path where programs find it, and its file."""
    folder = f"usr/lib/{triplet}"
    for path in tree.children(folder):
        name = path.rpartition("/")[2]
        file = tree.resolve(path)
        inode = tree.get(file)
        if ".so" not in name or inode is None or inode.kind is not Kind.FILE or not _of_driver(file):
            continue
        if elf.linkage(inode) is not None:
            yield path, file


def _of_driver(path: str) -> bool:
    return "/nvidia/" in path or path.rpartition("/")[2].startswith(("libnvidia-", "libcuda"))


def _programs(tree: Tree) -> Iterator[tuple[str, str]]:
    for path in _PROGRAMS:
        if tree.find(path) is not None:
            yield path, tree.resolve(path)


if __name__ == "__main__":
    run(main)
