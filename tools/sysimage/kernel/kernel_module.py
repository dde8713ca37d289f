"""kernel_module: builds kernel modules that are not part of the kernel's source.

The source is built as the kernel's Documentation/kbuild/modules.rst says, `make -C HEADERS M=SOURCE
modules`, with the headers of locked packages and the compiler of a sysroot. The modules have no debug
information, and are the same wherever and whenever they are built.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.core import json_manifest
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.materialize import write
from tools.sysimage.core.patterns import Pattern
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.debian.package_set import load
from tools.sysimage.formats import elf
from tools.sysimage.kernel import kbuild
from tools.sysimage.kernel.kbuild import BuildDirectory

_SHOWN = 60  # lines of what a failed build said


@dataclass(frozen=True, slots=True)
class SourceInput:
    """A file of the source."""

    path: str  # in the source's folder
    file: Path


@dataclass(frozen=True, slots=True)
class KernelModuleInput:
    """What the rule hands over."""

    architecture: str  # of the kernel
    headers: tuple[LockedPackage, ...]
    host: str  # the architecture of the machine that builds
    tools: tuple[LockedPackage, ...]
    launcher: Path
    compiler: dict[str, str]  # variable of make, such as "CC" → program
    include: tuple[str, ...]  # directories of headers; the compiler's own are among them
    modules: tuple[str, ...]  # names, with the hyphens or underscores of their files, or paths without .ko
    sources: tuple[SourceInput, ...] = ()
    packages: tuple[LockedPackage, ...] = ()  # that have the source
    folder: str = ""  # pattern of the directory in the packages that has the source
    patches: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)  # of make
    signing_key: str = ""
    signing_certificate: str = ""


def main(argv: Sequence[str]) -> int:
    """Builds the modules that a manifest asks for."""
    parser = argparse.ArgumentParser(prog="kernel_module", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, see KernelModuleInput")
    parser.add_argument("--jobs", type=int, default=os.process_cpu_count() or 1, help="processes at a time")
    parser.add_argument("--symvers", type=Path, required=True, help="where to write what the modules export")
    parser.add_argument("--output", type=Path, required=True, help="folder for MODULE.ko")
    options = parser.parse_args(argv)
    manifest = json_manifest.read(KernelModuleInput, options.manifest)
    with tempfile.TemporaryDirectory(dir=options.output.parent, prefix=".build-") as name:
        folder = Path(name).resolve()
        directory = kbuild.make(
            kbuild.KernelHeaders(
                architecture=manifest.architecture,
                headers=dpkg.load_all(manifest.headers),
                host=manifest.host,
                tools=dpkg.load_all(manifest.tools),
                launcher=manifest.launcher,
            ),
            folder,
        )
        build = Build(directory, manifest)
        build.lay_out()
        build.patch()
        build.make(options.jobs)
        for module in manifest.modules:
            shutil.copyfile(build.finish(module), options.output / f"{module}.ko")
        shutil.copyfile(build.source / "Module.symvers", options.symvers)
    return 0


class Build:
    """One build, in a `BuildDirectory`."""

    def __init__(self, directory: BuildDirectory, manifest: KernelModuleInput) -> None:
        self.source = directory.folder / "source"
        self._directory, self._manifest = directory, manifest
        self._log = directory.folder / "log"
        # Absolute, since make changes its working directory.
        self._compiler = {name: str(Path(path).absolute()) for name, path in manifest.compiler.items()}
        for folder in manifest.include:
            if (Path(folder) / "stdarg.h").is_file():
                # Some sources ask the compiler where its own headers are.
                self._compiler["CC"] += f" -B{Path(folder).parent.absolute()}/"

    def lay_out(self) -> None:
        """Puts the source into its directory. Raises ToolError if the packages lack it."""
        self.source.mkdir()
        if self._manifest.packages:
            packages = dpkg.load_all(self._manifest.packages)
            write(subtree(load(packages, self._directory.folder), self._manifest.folder), self.source)
        for item in self._manifest.sources:
            place = self.source / item.path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(item.file, place)
        if not any((self.source / name).is_file() for name in ("Kbuild", "Makefile")):
            objects = " ".join(f"{module}.o" for module in self._manifest.modules)
            (self.source / "Kbuild").write_text(f"obj-m := {objects}\n")
        for path in prebuilt(self.source):
            # Debug information is not wanted, and the linker would spend a long time on it.
            self._run([self._compiler["STRIP"], "--strip-debug", path], f"strip {path.name}")

    def patch(self) -> None:
        """Applies the patches in order. Raises ToolError if one does not fit exactly."""
        program = self._directory.program("patch")
        options = (
            "--strip=1",
            "--fuzz=0",
            "--forward",
            "--batch",
            "--no-backup-if-mismatch",
            "--reject-file=-",
        )
        for patch in self._manifest.patches:
            self._run(
                [program, *options, f"--input={Path(patch).absolute()}"], f"patches: {patch} does not fit"
            )

    def make(self, jobs: int) -> None:
        """Builds. If that fails, prints the end of make's output and raises ToolError."""
        directory = self._directory
        # These keep paths of folders, and debug information, out of the modules.
        folders = [self.source, *sorted((directory.folder / "usr/src").iterdir())]
        flags = " ".join([*(f"-ffile-prefix-map={folder}/=" for folder in folders), "-g0"])
        variables = {
            **self._compiler,
            "KBUILD_BUILD_HOST": "",
            "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
            "KBUILD_BUILD_USER": "",
            "KBUILD_BUILD_VERSION": "1",
            "KAFLAGS": flags,
            "KCFLAGS": flags,
            "M": str(self.source),
            "SHELL": str(directory.shell),
            "CONFIG_SHELL": str(directory.shell),
            **self._manifest.variables,
        }
        assignments = [f"{name}={value}" for name, value in variables.items()]
        command: list[str | Path] = [directory.program("make"), f"-j{jobs}", *assignments, "modules"]
        self._run(command, "make", directory.build)

    def finish(self, module: str) -> Path:
        """Strips a module, and signs it if there is a key; returns its file."""
        path = find(self.source, module)
        self._run([self._compiler["STRIP"], "--strip-debug", path], f"strip {path.name}")
        if self._manifest.signing_key:
            sign = self._directory.build / "scripts/sign-file"
            key, certificate = self._manifest.signing_key, self._manifest.signing_certificate
            self._run(
                [sign, "sha256", Path(key).absolute(), Path(certificate).absolute(), path],
                f"{module} can't be signed: are {key} and {certificate} a key and its certificate in PEM",
            )
        return path

    def _run(self, command: Sequence[str | Path], what: str, where: Path | None = None) -> None:
        start = self._log.stat().st_size if self._log.exists() else 0
        status = self._directory.run(command, where or self.source, self._log)
        if status:
            with self._log.open("rb") as stream:
                stream.seek(start)
                said = stream.read().decode("utf-8", "replace").replace(f"{self._directory.folder}/", "")
            lines = said.splitlines()
            for line in [line for line in lines[:-_SHOWN] if "error:" in line] + lines[-_SHOWN:]:
                print(line, file=sys.stderr)
            raise ToolError(f"{what} (status {status}); what it said is above")


def find(source: Path, module: str) -> Path:
    """The file of a module that is built: by its path in the source, or by its name in any folder.

    Raises ToolError if there is none, or if folders have modules of this name.
    """
    path = source / f"{module}.ko"
    if path.is_file():
        return path
    made = {str(file.relative_to(source)).removesuffix(".ko"): file for file in source.rglob("*.ko")}
    found = sorted(name for name in made if name.rpartition("/")[2] == module)
    if len(found) > 1:
        raise ToolError(f"modules: the source makes {', '.join(found)}; name one of them instead of {module}")
    if not found:
        named = ", ".join(sorted(made)) or "none"
        raise ToolError(f"modules: the source does not make {module}; it makes {named}")
    return made[found[0]]


def subtree(tree: Tree, folder: str) -> Tree:
    """The directory that a pattern names, as a tree. Raises ToolError unless it names exactly one."""
    pattern = Pattern(folder)
    found = [
        path for path in tree.paths() if path and tree[path].kind is Kind.DIRECTORY and pattern.matches(path)
    ]
    if len(found) != 1:
        named = ", ".join(found) or "none"
        raise ToolError(f"folder: {folder!r} names {len(found)} folders of the packages ({named}); name one")
    part = Tree()
    for path in tree.below(found[0]):
        part.put(path.removeprefix(f"{found[0]}/"), tree[path])
    return part


def prebuilt(folder: Path) -> Iterator[Path]:
    """The object files that come with a source."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                header = elf.header(stream.read(elf.HEADER))
            if header is not None and header.kind == elf.RELOCATABLE:
                yield path


if __name__ == "__main__":
    run(main)
