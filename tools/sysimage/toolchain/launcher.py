"""launcher: makes the program that starts the programs of a sysroot through the sysroot's own loader.

Programs of locked packages compile it from launcher.c; nothing of the host is used. It is static, so it runs
on any host of its architecture.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import PackagesInput
from tools.sysimage.debian.package_set import copy, load
from tools.sysimage.formats import elf

# Freestanding code at fixed addresses, without the protections of a hosted program.
_CC1 = (
    *("-quiet", "-O2", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-pie"),
    *("-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-stack-clash-protection"),
    "-fno-tree-loop-distribute-patterns",
)
_LD = ("-static", "-nostdlib", "--strip-all", "--build-id=none", "-znoexecstack")


def main(argv: Sequence[str]) -> int:
    """Makes the launcher."""
    parser = argparse.ArgumentParser(prog="launcher", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help='JSON: "architecture", "packages"')
    parser.add_argument(
        "--architecture", choices=sorted(ARCHITECTURES), required=True, help="the launcher's own"
    )
    parser.add_argument("--source", type=Path, required=True, help="launcher.c")
    parser.add_argument("--output", type=Path, required=True, help="the launcher")
    options = parser.parse_args(argv)
    manifest = json_manifest.read(PackagesInput, options.manifest)
    packages = dpkg.load_all(manifest.packages)
    with tempfile.TemporaryDirectory(dir=options.output.parent) as folder:
        tree = load(packages, Path(folder))
        tools = Tools(tree, manifest.architecture, options.architecture, Path(folder))
        program = compile_launcher(tools, options.source)
        with atomic.output(options.output) as stream:
            stream.write(program.read_bytes())
    options.output.chmod(0o755)
    return 0


class Tools:
    """cc1, as and ld of packages, in a directory from which they run."""

    def __init__(self, tree: Tree, host: str, target: str, folder: Path) -> None:
        self.folder, self.target = folder, target
        self._loader = folder / "lib" / ARCHITECTURES[host].loader
        triplet = ARCHITECTURES[target].triplet
        # Directories named after the version of gcc; a cross compiler has its own.
        versions = [
            path for kind in ("gcc", "gcc-cross") for path in tree.children(f"usr/libexec/{kind}/{triplet}")
        ]
        self._add(tree, "cc1", [f"{path}/cc1" for path in versions], host)
        for name in ("as", "ld"):
            self._add(tree, name, [f"usr/bin/{triplet}-{name}"], host)

    def run(self, name: str, *arguments: str | Path) -> None:
        """Runs a program. Raises ToolError if it fails."""
        loader = self._loader
        command = [str(loader), "--library-path", str(loader.parent), str(self.folder / "bin" / name)]
        done = subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, check=False, env={}
        )
        if done.returncode:
            said = done.stderr.strip() or f"status {done.returncode}"
            raise ToolError(f"{name}: can't make the launcher ({said}); lock a compiler that can")

    def _add(self, tree: Tree, name: str, paths: Sequence[str], host: str) -> None:
        found = next((inode for path in paths if (inode := tree.find(path))), None)
        if found is None or found.kind is not Kind.FILE:
            raise ToolError(f"{name} for {self.target}: no package of the set has it; add gcc and binutils")
        copy(found, self.folder / "bin" / name)
        for library, inode in elf.closure(tree, [found], ARCHITECTURES[host].triplet).items():
            copy(inode, self.folder / "lib" / library)


def compile_launcher(tools: Tools, source: Path) -> Path:
    """Compiles, assembles and links; returns the program."""
    text, code, program = (tools.folder / f"launcher{suffix}" for suffix in (".s", ".o", ""))
    tools.run(
        "cc1",
        *_CC1,
        *ARCHITECTURES[tools.target].cc1,
        f'-DLOADER="{ARCHITECTURES[tools.target].loader}"',
        source,
        "-o",
        text,
    )
    tools.run("as", text, "-o", code)
    tools.run("ld", *_LD, code, "-o", program)
    return program


if __name__ == "__main__":
    run(main)
