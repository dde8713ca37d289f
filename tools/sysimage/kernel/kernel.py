"""kernel: writes the kernel of a package set, its configuration, or its modules with modprobe(8)'s index."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest, span
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import PackagesInput
from tools.sysimage.debian.package_set import copy, load
from tools.sysimage.formats import kmod
from tools.sysimage.kernel import depmod
from tools.sysimage.kernel.depmod import MODULES


def main(argv: Sequence[str]) -> int:
    """Writes the kernel image, its configuration, or the tree of its modules."""
    parser = argparse.ArgumentParser(prog="kernel", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help='JSON with "packages"')
    parser.add_argument("--image", type=Path, help="where the kernel image goes")
    parser.add_argument("--modules", type=Path, help="folder for usr/lib/modules/RELEASE; needs --depmod")
    parser.add_argument("--depmod", type=Path, help='JSON {"argv": […]}: how depmod is started')
    parser.add_argument("--config", type=Path, help="where the kernel's configuration goes")
    options = parser.parse_args(argv)
    manifest = json_manifest.read(PackagesInput, options.manifest)
    with tempfile.TemporaryDirectory(
        dir=(options.image or options.config or options.modules).parent
    ) as scratch:
        tree = load(dpkg.load_all(manifest.packages), Path(scratch))
        release = kmod.release_of(tree)
        if options.image:
            with atomic.output(options.image) as stream:
                span.copy(_file(tree, release, "vmlinuz", "image").content, stream)
        if options.config:
            with atomic.output(options.config) as stream:
                span.copy(_file(tree, release, "config", "configuration").content, stream)
        if options.modules:
            index(tree, release, tool_argv(options.depmod), options.modules)
    return 0


def _file(tree: Tree, release: str, name: str, called: str) -> Inode:
    inode = kmod.of_release(tree, release, name)
    if inode is None:
        raise ToolError(
            f"boot/{name}-{release}: the set has no {called} of its kernel; name Debian's package"
        )
    return inode


def index(tree: Tree, release: str, argv: Sequence[str], folder: Path) -> None:
    """Writes the modules of a release, and depmod(8)'s index of them, to `folder`.

    Raises ToolError if the tree has none, or depmod fails or warns.
    """
    folder_files = tree.children(f"{MODULES}/{release}")
    paths = [
        path
        for path in tree.below(f"{MODULES}/{release}")
        if tree[path].kind is Kind.FILE and path not in folder_files
    ]
    if not paths:
        raise ToolError(
            f"{MODULES}/{release}: the set has no modules of its kernel; name the package that has them"
        )
    for path in (*paths, *kmod.index_files(tree, release)):
        copy(tree[path], folder / path)
    depmod.index(folder, release, argv)


if __name__ == "__main__":
    run(main)
