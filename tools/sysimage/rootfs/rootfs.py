"""The stage rootfs: the packages of a set become a root filesystem, and no script of theirs is run.

Unpacks the packages as dpkg does, carries out the effects that the ledger names for their maintainer
scripts, lays the user's files over them, and writes one deterministic tar: the whole tree, or as a layer what
a root filesystem that it extends does not have.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tools.sysimage.core import atomic, errors, json_manifest
from tools.sysimage.core.content import ServicesInput, SymlinkInput
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.patterns import Selection
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian import dpkg, order, unpack
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.effects import alternatives, ledger, tmpfiles
from tools.sysimage.effects.root import Root
from tools.sysimage.formats import layer, mtree, tar
from tools.sysimage.rootfs import configure
from tools.sysimage.rootfs.configure import OwnedFile

# What stays of /var/lib/dpkg.
_DATABASES = {"full": None, "status": ("status",), "none": ()}


@dataclass(frozen=True, slots=True)
class BasePackage:
    """A package that is in the root filesystem that is extended."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RootfsInput:
    """What the rule hands over; paths in the image have no leading slash."""

    architecture: str
    packages: tuple[LockedPackage, ...]
    base: Path | None = None  # the tar of the root filesystem that this one extends
    base_packages: tuple[BasePackage, ...] = ()  # what is in it
    files: tuple[OwnedFile, ...] = ()
    symlinks: tuple[SymlinkInput, ...] = ()
    base_users: tuple[str, ...] = ()  # the base's own lines of `users`
    users: tuple[str, ...] = ()  # lines of sysusers.d(5)
    hostname: str = ""
    kernel_modules: tuple[str, ...] = ()
    services: ServicesInput = field(default_factory=ServicesInput)
    default_target: str = ""
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    ledger: tuple[Path, ...] = ()  # further ledgers
    dpkg_database: str = "full"  # "full", "status", "none"


def parse(path: Path) -> RootfsInput:
    """Reads the manifest. Raises ToolError for what is none."""
    given = json_manifest.read(RootfsInput, path)
    if given.dpkg_database not in _DATABASES:
        raise ToolError(
            f"{path}: dpkg_database is one of {', '.join(_DATABASES)}; not {given.dpkg_database!r}"
        )
    return given


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE [--mtree FILE]."""
    parser = argparse.ArgumentParser(prog="rootfs", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, see RootfsInput")
    parser.add_argument("--output", type=Path, required=True, help="the tar to write")
    parser.add_argument("--mtree", type=Path, help="also write an mtree(5) manifest of it")
    arguments = parser.parse_args(argv)
    manifest = parse(arguments.manifest)
    tree = build(manifest, arguments.output.parent)
    if manifest.base:
        tree = layer.difference(_read(manifest.base), tree)
    with atomic.output(arguments.output) as stream:
        tar.write(tree, stream)
    if arguments.mtree:
        with atomic.output(arguments.mtree) as stream:
            mtree.write(list(tree.walk()), stream)
    return 0


def build(manifest: RootfsInput, scratch: Path) -> Tree:
    """The root filesystem of a manifest. `scratch` is a folder for unnamed temporary files.

    The tree's files are spans of those and of the manifest's sources, which stay open.
    """
    packages = dpkg.load_all(manifest.packages)
    _check_set(packages, manifest.architecture)
    # Before anything is unpacked: what the ledger does not cover is what a person has to look at.
    scripts = _scripts(packages, ledger.Ledger(manifest.ledger))
    selection = Selection.of(manifest.exclude, manifest.include)
    root = Root(Tree(), manifest.architecture, unpack.Unpacker(Tree()), excluded=selection.excludes)
    root.unpacker.tree = root.tree
    places = unpack.spool(packages, scratch)
    unpacked: list[Package] = []
    before = _extended(packages, manifest.base_packages)
    base_users = manifest.base_users
    for batch in order.batches(packages, before):
        if batch.unpack[0].name not in before:
            # They have the numbers that they have in the base, whatever accounts its extension brings.
            configure.users(root, base_users)
            base_users = ()
        _install(root, batch, scripts, places)
        unpacked += batch.unpack
    configure.users(root, base_users)
    ledger.finish(root)
    alternatives.write_database(root)
    dpkg.write_database(
        root.tree,
        unpacked,
        root.architecture,
        [(f"/{d.path}", f"/{d.target}", d.package) for d in root.unpacker.diversions.values()],
        root.overrides,
    )
    tmpfiles.clean_run(root)
    selection.apply(root.tree)
    kept = _DATABASES[manifest.dpkg_database]
    if kept is not None:
        for path in root.tree.children(dpkg.ADMIN):
            if path.removeprefix(f"{dpkg.ADMIN}/") not in kept:
                root.tree.remove(path)
    if kept == ():
        root.tree.remove(dpkg.ADMIN)
    # After the exclusions: what the user adds stays, and a unit that is left out can't be enabled.
    configure.users(root, manifest.users)
    configure.hostname(root, manifest.hostname)
    configure.kernel_modules(root, manifest.kernel_modules)
    configure.files(root, manifest.files)
    configure.symlinks(root, manifest.symlinks)
    configure.services(root, manifest.services, manifest.default_target)
    return root.tree


def _extended(packages: Sequence[Package], base: Sequence[BasePackage]) -> frozenset[str]:
    """The names of the packages in the base. Raises ToolError for one that the set does not have."""
    have = {package.name: package.sha256 for package in packages}
    for item in base:
        if have.get(item.name) != item.sha256:
            what = "another version" if item.name in have else "none"
            raise ToolError(
                f"base: it has the package {item.name}, of which the set has {what}; "
                "let the set extend the base's set, in the manifest of one lock"
            )
    return frozenset(item.name for item in base)


def _read(path: Path) -> Tree:
    tree = Tree()
    layer.apply(tree, tar.read(path.open("rb"), str(path)), str(path))
    return tree


def _check_set(packages: Sequence[Package], architecture: str) -> None:
    seen: dict[str, Package] = {}
    for package in packages:
        if package.name in seen:
            raise ToolError(
                f"the set has {package.name} twice: {seen[package.name].deb.path}, {package.deb.path}"
            )
        seen[package.name] = package
        if package.architecture not in (architecture, "all"):
            raise ToolError(
                f"{package.deb.path}: is for {package.architecture}, the image for {architecture}; "
                "lock the set for that architecture"
            )


type _Scripts = Mapping[tuple[str, str], Sequence[ledger.Call]]


def _scripts(packages: Sequence[Package], book: ledger.Ledger) -> _Scripts:
    found: dict[tuple[str, str], Sequence[ledger.Call]] = {}
    uncovered: list[ledger.Uncovered] = []
    for package in sorted(packages, key=lambda package: package.name):
        for script in ledger.SCRIPTS:
            if script in package.deb.control:
                found[package.name, script], lacking = book.calls(package, script)
                uncovered += lacking
    for part in uncovered:
        print(part.message(), file=sys.stderr)
    if uncovered:
        names = ", ".join(dict.fromkeys(f"{part.package} {part.script}" for part in uncovered))
        raise ToolError(f"no ledger covers {names}; read what is printed above and add the lines it names")
    return found


def _install(
    root: Root,
    batch: order.Batch,
    scripts: _Scripts,
    places: Mapping[str, tuple[BinaryIO, int]],
) -> None:
    """Unpacks a batch of packages, then configures them, as apt and dpkg do."""
    for package in batch.unpack:
        ledger.run(root, package, "preinst", scripts.get((package.name, "preinst"), ()))
        archive, offset = places[package.name]
        archive.seek(offset)
        root.unpacker.unpack(package, archive)
        root.packages[package.name] = package
    for package in batch.configure:
        ledger.run(root, package, "postinst", scripts.get((package.name, "postinst"), ()))


if __name__ == "__main__":
    errors.run(main)
