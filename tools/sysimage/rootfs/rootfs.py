"""The stage rootfs: what the user adds is laid over the packages of a set.

Accounts, files, links, states of units and the rest come after the packages' scripts and the exclusions: what
the user adds stays, and a unit that is left out can't be enabled. Writes one deterministic tar: the whole
tree, or as a layer what a root filesystem that it extends does not have.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.core import atomic, errors, json_manifest
from tools.sysimage.core.content import DirectoryInput, ServicesInput, SymlinkInput
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian.unpack import Unpacker
from tools.sysimage.effects.root import Root
from tools.sysimage.formats import layer, mtree, tar
from tools.sysimage.rootfs import configure, users
from tools.sysimage.rootfs.configure import OwnedFile


@dataclass(frozen=True, slots=True)
class RootfsInput:
    """What the rule hands over; paths in the image have no leading slash."""

    architecture: str
    installed: Path  # the tar of the packages, from install
    owners: Path  # and which of them owns which file
    base: Path | None = None  # the tar of the root filesystem that this one extends
    files: tuple[OwnedFile, ...] = ()
    symlinks: tuple[SymlinkInput, ...] = ()
    directories: tuple[DirectoryInput, ...] = ()
    users: tuple[str, ...] = ()  # lines of sysusers.d(5)
    hostname: str = ""
    kernel_modules: tuple[str, ...] = ()
    base_services: tuple[ServicesInput, ...] = ()  # what the base says of units, and before it its own base
    services: ServicesInput = field(default_factory=ServicesInput)
    default_target: str = ""


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE [--mtree FILE]."""
    parser = argparse.ArgumentParser(prog="rootfs", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, see RootfsInput")
    parser.add_argument("--output", type=Path, required=True, help="the tar to write")
    parser.add_argument("--mtree", type=Path, help="also write an mtree(5) manifest of it")
    arguments = parser.parse_args(argv)
    manifest = json_manifest.read(RootfsInput, arguments.manifest)
    tree = build(manifest)
    if manifest.base:
        tree = layer.difference(_read(manifest.base), tree)
    with atomic.output(arguments.output) as stream:
        tar.write(tree, stream)
    if arguments.mtree:
        with atomic.output(arguments.mtree) as stream:
            mtree.write(list(tree.walk()), stream)
    return 0


def build(manifest: RootfsInput) -> Tree:
    """The root filesystem of a manifest.

    The tree's files are spans of what install wrote and of the manifest's sources, which stay open.
    """
    tree = tar.load(manifest.installed.open("rb"), str(manifest.installed))
    # What a message calls made by a script, unless a package owns it.
    for _, inode in tree.walk():
        inode.origin = ""
    root = Root(tree, manifest.architecture, Unpacker(tree))
    owners = _owners(manifest.owners)
    users.users(root, manifest.users)
    configure.hostname(root, manifest.hostname)
    configure.kernel_modules(root, manifest.kernel_modules)
    configure.directories(root, manifest.directories)
    configure.files(root, manifest.files, owners)
    configure.symlinks(root, manifest.symlinks, owners)
    configure.services(root, (*manifest.base_services, manifest.services), manifest.default_target)
    return tree


def _owners(path: Path) -> Mapping[str, str]:
    try:
        value = json.loads(path.read_bytes())
        return {str(name): str(package) for name, package in value.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise ToolError(
            f"{path}: does not say which package owns a file ({error}); run install again"
        ) from error


def _read(path: Path) -> Tree:
    tree = Tree()
    layer.apply(tree, tar.read(path.open("rb"), str(path)), str(path))
    return tree


if __name__ == "__main__":
    errors.run(main)
