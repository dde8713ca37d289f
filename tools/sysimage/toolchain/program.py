"""program: makes a directory from which one program of a locked package set runs on any host.

The directory is flat: bin/PROGRAM, lib/ with the dynamic loader and the shared libraries of the set, share/
with the files of directories that the program reads, or with all that is below one. Links are resolved, so
that sandboxes and remote executors can copy the directory.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import json_manifest
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tree import Kind
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.locked import PackagesInput
from tools.sysimage.debian.package_set import copy, load


def build(
    packages: Sequence[Package], architecture: str, program: str, folder: Path, data: Sequence[str] = ()
) -> None:
    """Writes bin/ and lib/ for `program`, a path such as "usr/bin/xz", and share/ for `data`, into `folder`.

    Raises ToolError if no package has the program, the loader or a folder of `data`, or unpacking fails.
    """
    tree = load(packages, folder.parent)
    inode = tree.find(program)
    if inode is None or inode.kind is not Kind.FILE:
        raise ToolError(f"{program}: no package of the set has it; name a program that one of them has")
    copy(inode, folder / "bin" / Path(program).name)
    for path in tree.children(f"usr/lib/{ARCHITECTURES[architecture].triplet}"):
        library = tree.find(path)
        if ".so" in path.rpartition("/")[2] and library and library.kind is Kind.FILE:
            copy(library, folder / "lib" / path.rpartition("/")[2])
    if not (folder / "lib" / ARCHITECTURES[architecture].loader).exists():
        raise ToolError(
            f"{ARCHITECTURES[architecture].loader}: no package of the set has it; add libc6 to the set"
        )
    for entry in data:
        source = entry.removesuffix("/**")
        paths = tree.children(source) if source == entry else tree.below(source)
        files = {path.removeprefix(f"{source}/"): tree.find(path) for path in paths}
        if not files:
            raise ToolError(f"{source}: no package of the set has files in this folder; name one that has")
        for name, inode in files.items():
            if inode is None or inode.kind is not Kind.FILE:
                continue
            if (folder / "share" / name).exists():
                raise ToolError(
                    f"{source}/{name}: another folder of data has a file {name}, too; name one of them"
                )
            copy(inode, folder / "share" / name)


def main(argv: Sequence[str]) -> int:
    """Makes the folder that a manifest asks for."""
    parser = argparse.ArgumentParser(prog="program", description=__doc__)
    parser.add_argument(
        "--manifest", type=Path, required=True, help='JSON with "architecture" and "packages"'
    )
    parser.add_argument("--program", required=True, help="path of the program in the packages")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        help="a folder in the packages, for share/; FOLDER/** with what is in its folders",
    )
    parser.add_argument("--output", type=Path, required=True, help="the folder")
    options = parser.parse_args(argv)
    manifest = json_manifest.read(PackagesInput, options.manifest)
    packages = dpkg.load_all(manifest.packages)
    build(packages, manifest.architecture, options.program, options.output, options.data)
    return 0


if __name__ == "__main__":
    run(main)
