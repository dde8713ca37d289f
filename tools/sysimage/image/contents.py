"""The contents file of an image: its size and digests, its packages, and the size and origin of each path.

JSON, one package and one path a line, so that diff(1) shows what changed:

    {"version": 1,
     "image": {"name": …, "compression": …, "size": bytes, "tar_size": bytes, "sha256": …, "sha384": …},
     "packages": [{"name": …, "version": …, "architecture": …, "source": …, "source_version": …,
                   "size": bytes}],
     "paths": {"usr/bin/x": {"type": "file", "size": bytes, "package": …}}}

A package's size is that of its files in the image. A path has `package`, or else `from`: `overlay` if it was
injected, `base` if no package has it, for instance because the installation made it. Names that are not UTF-8
have surrogate escapes (PEP 383).
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import BinaryIO

from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.debian import installed

_VERSION = 1


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of the image as a file; sizes are in bytes, digests in hex."""

    name: str
    compression: str
    size: int
    tar_size: int
    sha256: str
    sha384: str


def listing(paths: Collection[tuple[str, Inode]], tree: Tree, overlay: Collection[str]) -> str:
    """The part about packages and paths: `paths` are those of `tree`, `overlay` those that were injected."""
    owners = installed.owners(tree)
    sizes: dict[str, int] = {}
    lines = []
    seen: set[Inode] = set()
    for path, inode in paths:
        size = inode.content.size if inode.kind is Kind.FILE else 0
        package = owners.get(path)
        if path in overlay:
            origin = {"from": "overlay"}
        elif package is None:
            origin = {"from": "base"}
        else:
            origin = {"package": package.partition(":")[0]}
            # Of hard links, the first counts.
            if inode not in seen:
                sizes[package] = sizes.get(package, 0) + size
                seen.add(inode)
        entry = {"type": inode.kind.value, "size": size, **origin}
        lines.append(f"{json.dumps(path)}: {json.dumps(entry)}")
    packages = []
    for found in installed.packages(tree):
        # Of several architectures, each has its own files.
        size = sizes.get(f"{found.name}:{found.architecture}", 0) + sizes.get(found.name, 0)
        packages.append(json.dumps({**asdict(found), "size": size}))
    return f'"packages": [\n{",\n".join(packages)}\n],\n"paths": {{\n{",\n".join(lines)}\n}}'


def write(image: ImageFacts, listing: str, out: BinaryIO) -> None:
    """Writes the contents file of an image."""
    head = f'{{"version": {_VERSION},\n"image": {json.dumps(asdict(image))},\n'
    out.write(f"{head}{listing}}}\n".encode())
