"""The contents file of an image: its size and digests, its packages, and of each path size and origin.

JSON, one package and one path a line, so that diff(1) shows what changed:

    {"version": 1,
     "image": {"name": …, "compression": …, "size": bytes, "tar_size": bytes, "sha256": …, "sha384": …},
     "packages": [{"name": …, "version": …, "architecture": …, "source": …, "source_version": …,
                   "size": bytes}],
     "paths": {"usr/bin/x": {"type": "file", "size": bytes, "package": …}}}

A package's size is that of its files in the image. A path has `package`, or `from`: `base` for what no
package has there, such as what an installation makes, and `overlay` for what was injected. Names that are not
UTF-8 have surrogate escapes (PEP 383).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import BinaryIO

from tools.sysimage import installed
from tools.sysimage.tree import Inode, Kind, Tree

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Image:
    """What is known of the image as a file; sizes are in bytes, digests in hex."""

    name: str
    compression: str
    size: int
    tar_size: int
    sha256: str
    sha384: str


def write(image: Image, tree: Tree, overlay: Collection[str], out: BinaryIO) -> None:
    """Writes the contents file of `tree`; `overlay` are the paths that were injected."""
    owners = installed.owners(tree)
    sizes: dict[str, int] = {}
    paths = []
    seen: set[Inode] = set()
    for path, inode in tree.walk():
        size = inode.content.size if inode.kind is Kind.FILE else 0
        origin = "overlay" if path in overlay else "base"
        package = owners.get(path) if origin == "base" else None
        where = {"package": package.partition(":")[0]} if package else {"from": origin}
        paths.append(_pair(path, {"type": inode.kind.value, "size": size, **where}))
        # Of hard links, the first counts.
        if package and inode not in seen:
            sizes[package] = sizes.get(package, 0) + size
            seen.add(inode)
    packages = [
        json.dumps({**asdict(package), "size": sizes.get(name, 0) + sizes.get(package.name, 0)})
        for package in installed.packages(tree)
        for name in [f"{package.name}:{package.architecture}"]
    ]
    text = ",\n".join(
        [
            f'{{"version": {_VERSION}',
            _pair("image", asdict(image)),
            f'"packages": [\n{",\n".join(packages)}\n]',
            f'"paths": {{\n{",\n".join(paths)}\n}}}}\n',
        ]
    )
    out.write(text.encode())


def _pair(key: str, value: Mapping[str, object]) -> str:
    return f"{json.dumps(key)}: {json.dumps(value)}"
