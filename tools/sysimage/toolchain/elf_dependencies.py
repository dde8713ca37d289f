"""elf_dependencies: proves that an image has the libraries that programs need, in versions that fit."""

import argparse
import lzma
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from compression import zstd
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from tools.sysimage.core.architecture import BY_ELF_MACHINE
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.span import External, sha256
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import elf, oci, oci_image, tar

_EXAMPLES = {
    "bazel test //:guest_elf_dependencies_test": "names each library and version that the image lacks",
}


def main(argv: Sequence[str]) -> int:
    """Checks programs. Raises ToolError with all problems of all of them."""
    parser = CommandLine("elf_dependencies", __doc__ or "", _EXAMPLES)
    # The image, as a tar or an OCI layout; a folder with the libraries that were linked with; what is to run.
    parser.given("--image", type=Path)
    parser.add_argument("--sysroot", type=Path, help=argparse.SUPPRESS)
    parser.given("--program", type=Path, nargs="+")
    options = parser.parse_args(argv)
    problems = []
    with ExitStack() as files:
        image: Tree | None = None
        linked = _libraries(options.sysroot) if options.sysroot else {}
        for path in options.program:
            program = Inode(Kind.FILE, 0o755, content=_external(path), origin="it")
            linkage = elf.linkage(program)
            if linkage is None:
                continue
            architecture = BY_ELF_MACHINE.get(linkage.machine)
            if architecture is None:
                problems.append(f"{path}: is for the ELF machine {linkage.machine}, which no guest has")
                continue
            image = image or load(options.image, architecture.name, files)
            problems += [
                f"{path}: {problem}" for problem in check(image, program, architecture.triplet, linked)
            ]
    if problems:
        raise ToolError("; ".join(problems) + "; add its package to the image, or link it statically")
    return 0


def load(image: Path, architecture: str, files: ExitStack) -> Tree:
    """The tree of an image; its contents are in files that stay open as long as `files`."""
    scratch = Path(files.enter_context(tempfile.TemporaryDirectory()))
    if image.is_dir():
        return oci_image.load(image, oci.Platform("linux", architecture, ""), files, scratch)
    stream = cast(BinaryIO, files.enter_context(image.open("rb")))
    if image.suffix not in (".xz", ".zst"):
        return tar.load(stream, str(image))
    packed = lzma.open(stream) if image.suffix == ".xz" else zstd.open(stream)
    spool = cast(BinaryIO, files.enter_context(tempfile.TemporaryFile(dir=scratch)))
    return tar.load(cast(BinaryIO, packed), str(image), spool)


def check(image: Tree, program: Inode, triplet: str, linked: Mapping[str, Path]) -> Iterator[str]:
    """The reasons for which a program can't start in an image, a sentence each.

    `linked` has, by name, the libraries that it was linked with, where they are known.
    """
    linkage = elf.linkage(program)
    assert linkage is not None
    if linkage.interpreter and image.find(linkage.interpreter) is None:
        yield f"its loader {linkage.interpreter} is not in the image"
    done: dict[str, elf.Linkage] = {}
    todo = [(program.origin, linkage)]
    while todo:
        who, linkage = todo.pop()
        for name in linkage.needed:
            if name not in done:
                inode = elf.library(image, name, (*linkage.search, *elf.folders(triplet)))
                found = elf.linkage(inode) if inode else None
                if inode is None or found is None or found.machine != linkage.machine:
                    yield f"{who} needs {name}, which is not in the image"
                    continue
                if name in linked and sha256(inode.content) != sha256(_external(linked[name])):
                    yield f"{name} in the image is not the one that was linked with"
                done[name] = found
                todo.append((name, found))
            missing = linkage.wants.get(name, frozenset()) - done[name].defines
            if missing:
                yield f"{who} needs {', '.join(sorted(missing))} of {name}, which the image's lacks"


def _libraries(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir() if ".so" in path.name}


def _external(path: Path) -> External:
    return External(path, path.stat().st_size)


if __name__ == "__main__":
    run(main)
