"""A directory in which modules of a kernel are built: its headers, the programs of its build, a shell.

    usr/src/…                the kernel's headers
    usr/lib/linux-kbuild-…   the scripts of the kernel's build; its programs are replaced by launchers
    tools/usr/bin            launchers of the programs that scripts start: the whole PATH
    tools/usr/libexec        bin/: the programs themselves, lib/: their libraries and their loader

Everything comes from locked packages and runs through their own loader; nothing is searched on the host.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.materialize import write
from tools.sysimage.core.span import Inline
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.package_set import copy, load
from tools.sysimage.formats import elf

# The names by which scripts call a program that has another one in its package.
_ALIASES = {"awk": "usr/bin/mawk"}
_KBUILD = "usr/lib/linux-kbuild-"
# Debian's linux-kbuild is for kernels of every architecture: PROGRAM starts PROGRAM.real-KIND. The kind is
# the word size and byte order of the kernel, or its instruction set.


@dataclass(frozen=True, slots=True)
class KernelHeaders:
    """What a `BuildDirectory` is made of."""

    architecture: str  # of the kernel: "amd64" or "arm64"
    headers: Sequence[Package]  # of that architecture
    host: str  # the architecture of the machine that builds
    tools: Sequence[Package]  # for that machine: linux-kbuild, make, a shell, coreutils…
    launcher: Path  # static, for that machine


@dataclass(frozen=True, slots=True)
class BuildDirectory:
    """The directory, ready for use."""

    folder: Path  # absolute
    release: str  # of the kernel, as `uname -r` says it
    build: Path  # of the kernel's headers, where make is started

    @property
    def shell(self) -> Path:
        """The shell in which make runs its recipes."""
        return self.program("sh")

    def program(self, name: str) -> Path:
        """The launcher of a program."""
        return self.folder / "tools/usr/bin" / name

    def run(self, command: Sequence[str | Path], where: Path, log: Path) -> int:
        """Runs a command in the folder `where`; appends its output to `log`. Returns its status."""
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        with log.open("ab") as stream:
            done = subprocess.run(
                [str(word) for word in command],
                cwd=where,
                env={
                    "LC_ALL": "C",
                    "PATH": str(self.folder / "tools/usr/bin"),
                    "SOURCE_DATE_EPOCH": "0",
                    "TMPDIR": str(scratch),
                },
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            )
        return done.returncode


def make(parts: KernelHeaders, folder: Path) -> BuildDirectory:
    """Fills the folder. Raises ToolError if the packages lack something."""
    folder = folder.resolve()
    headers = load(parts.headers, folder)
    release, build = _release(headers)
    tools = load(parts.tools, folder)
    tree = Tree()
    for source, keep in ((headers, ("usr/src/",)), (tools, (_KBUILD, "usr/src/"))):
        for path in source.paths():
            if path.startswith(keep) and source[path].kind is not Kind.DIRECTORY:
                tree.add(path, source[path])
    # From the type information (BTF) in vmlinux, make would make that of modules, which nothing reads.
    tree.remove(f"{build}/vmlinux")
    _relocate(tree, build, folder)
    launcher = folder / "launcher"
    shutil.copyfile(parts.launcher, launcher)
    launcher.chmod(0o755)
    wrapper = ProgramWrapper(folder, launcher, tools, parts.host)
    _split(tree, wrapper, parts.architecture)
    write(tree, folder)
    wrapper.link_kbuild()
    for path in [*tools.children("usr/bin"), *tools.children("usr/sbin")]:
        wrapper.add(path.rpartition("/")[2], tools.find(path), folder / "tools/usr/bin")
    for name, path in _ALIASES.items():
        wrapper.add(name, tools.find(path), folder / "tools/usr/bin")
    wrapper.libraries()
    for name in ("make", "sh", "patch", "fixdep", "modpost"):
        if name not in wrapper.programs:
            raise ToolError(
                f"{name}: no package of the kernel's headers or of the tools has it; add its package"
            )
    return BuildDirectory(folder, release, folder / build)


def _release(headers: Tree) -> tuple[str, str]:
    """The kernel's release, and the folder of its headers."""
    found = {
        path.split("/")[3]: headers.resolve(path)
        for path in headers.below("usr/lib/modules")
        if path.count("/") == 4 and path.endswith("/build")
    }
    if len(found) != 1:
        raise ToolError(
            f"kernel_headers: the set has the headers of {len(found)} kernels "
            f"({', '.join(found) or 'none'}); name a set with those of one, such as linux-headers-cloud-amd64"
        )
    return found.popitem()


def _relocate(tree: Tree, build: str, folder: Path) -> None:
    """Corrects the one absolute path in the headers, which leads to the part that all flavours share."""
    path = f"{build}/Makefile"
    inode = tree.find(path)
    if inode is None:
        raise ToolError(f"kernel_headers: there is no /{path}; is it a set of linux-headers packages?")
    text = re.sub(r"(?m)^include /", f"include {folder}/", inode.read().decode())
    tree.put(path, Inode(Kind.FILE, 0o644, content=Inline(text.encode())))


class ProgramWrapper:
    """Replaces programs by launchers, and puts the programs where the launchers look for them."""

    def __init__(self, folder: Path, launcher: Path, packages: Tree, host: str) -> None:
        self.programs: dict[str, Inode] = {}
        self._folder, self._launcher, self._packages, self._host = folder, launcher, packages, host
        self._kbuild: set[Path] = set()

    def add(self, name: str, program: Inode | None, place: Path) -> None:
        """Makes `place`/`name` start a program. A file that is not started by a loader is ignored."""
        if program is None or program.kind is not Kind.FILE or elf.linkage(program) is None:
            return
        if name in self.programs:
            return
        self.programs[name] = program
        copy(program, self._folder / "tools/usr/libexec/bin" / name)
        place.mkdir(parents=True, exist_ok=True)
        os.link(self._launcher, place / name)

    def add_kbuild(self, path: str, program: Inode) -> None:
        """As `add`, for a program of the kernel's build; `path` is where it was."""
        place = self._folder / path
        self.add(place.name, program, place.parent)
        # Launchers in this folder look for their programs there.
        self._kbuild.add(place.parent.parent / "libexec")

    def link_kbuild(self) -> None:
        """Lets the launchers of the kernel's build find the programs."""
        for link in sorted(self._kbuild):
            link.symlink_to(self._folder / "tools/usr/libexec")

    def libraries(self) -> None:
        """Adds the libraries that all programs need, and their loader."""
        found = elf.closure(self._packages, self.programs.values(), ARCHITECTURES[self._host].triplet)
        if ARCHITECTURES[self._host].loader not in found:
            raise ToolError(
                f"{ARCHITECTURES[self._host].loader}: no package of the tools has it; add libc6 to their set"
            )
        for name, inode in found.items():
            copy(inode, self._folder / "tools/usr/libexec/lib" / name)


def _split(tree: Tree, wrapper: ProgramWrapper, architecture: str) -> None:
    """Replaces the programs of the kernel's build by launchers."""
    for path in tree.paths():
        if (
            not path.startswith(_KBUILD)
            or tree[path].kind is not Kind.FILE
            or elf.linkage(tree[path]) is None
        ):
            continue
        if ".real-" not in path:
            real = [tree.get(f"{path}.real-{kind}") for kind in ARCHITECTURES[architecture].kbuild]
            wrapper.add_kbuild(path, next((inode for inode in real if inode), tree[path]))
        tree.remove(path)
