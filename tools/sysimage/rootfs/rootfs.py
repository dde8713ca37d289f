"""The stage rootfs: the packages of a set become a root filesystem, and no script of theirs is run.

Unpacks the packages as dpkg does, interprets their maintainer scripts or carries out what a ledger says of
them, lays the user's files over them, and writes one deterministic tar: the whole tree, or as a layer what
a root filesystem that it extends does not have.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.commands.world import World
from tools.sysimage.core import atomic, errors, json_manifest
from tools.sysimage.core.content import DirectoryInput, ServicesInput, SymlinkInput
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.patterns import PathSelection
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.effects import ledger
from tools.sysimage.formats import layer, mtree, tar
from tools.sysimage.rootfs import configure, report
from tools.sysimage.rootfs.configure import OwnedFile
from tools.sysimage.rootfs.installation import install
from tools.sysimage.rootfs.policy import Excluded, Policy

# What stays of /var/lib/dpkg.
_DATABASES = {"": None, "full": None, "status": ("status",), "none": ()}


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
    directories: tuple[DirectoryInput, ...] = ()
    base_users: tuple[str, ...] = ()  # the base's own lines of `users`
    users: tuple[str, ...] = ()  # lines of sysusers.d(5)
    hostname: str = ""
    kernel_modules: tuple[str, ...] = ()
    base_services: tuple[ServicesInput, ...] = ()  # what the base says of units, and before it its own base
    services: ServicesInput = field(default_factory=ServicesInput)
    default_target: str = ""
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude_from: tuple[Path, ...] = ()  # policies
    ledger: tuple[Path, ...] = ()  # further ledgers
    debconf: Mapping[str, str] = field(default_factory=dict)  # answers by question, "package/question"
    dpkg_database: str = "full"  # "full", which is also "", "status", "none"


def parse(path: Path) -> RootfsInput:
    """Reads the manifest. Raises ToolError for what is none."""
    given = json_manifest.read(RootfsInput, path)
    if given.dpkg_database not in _DATABASES:
        known = ", ".join(filter(None, _DATABASES))
        raise ToolError(f"{path}: dpkg_database is one of {known}; not {given.dpkg_database!r}")
    return given


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE [--mtree FILE] [--effects FILE]."""
    parser = argparse.ArgumentParser(prog="rootfs", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, see RootfsInput")
    parser.add_argument("--output", type=Path, required=True, help="the tar to write")
    parser.add_argument("--mtree", type=Path, help="also write an mtree(5) manifest of it")
    parser.add_argument("--effects", type=Path, help="also write what scripts changed, as JSON")
    arguments = parser.parse_args(argv)
    manifest = parse(arguments.manifest)
    built = build(manifest, arguments.output.parent)
    tree = built.tree
    for line in report.left(built.world):
        print(line, file=sys.stderr)
    if arguments.effects:
        with atomic.output(arguments.effects) as stream:
            stream.write(report.effects(built.world, built.excluded))
    if manifest.base:
        tree = layer.difference(_read(manifest.base), tree)
    with atomic.output(arguments.output) as stream:
        tar.write(tree, stream)
    if arguments.mtree:
        with atomic.output(arguments.mtree) as stream:
            mtree.write(list(tree.walk()), stream)
    return 0


@dataclass(frozen=True, slots=True)
class Built:
    """A root filesystem, and what the scripts of its packages did."""

    tree: Tree
    world: World
    excluded: Sequence[Excluded]


def build(manifest: RootfsInput, scratch: Path) -> Built:
    """The root filesystem of a manifest. `scratch` is a folder for unnamed temporary files.

    The tree's files are spans of those and of the manifest's sources, which stay open. Raises ToolError if a
    maintainer script can't be interpreted, after all of them are printed.
    """
    packages = dpkg.load_all(manifest.packages)
    _check_set(packages, manifest.architecture)
    selection = PathSelection.of(manifest.exclude, manifest.include)
    policy = Policy(manifest.exclude_from, manifest.include)
    made = install(
        packages,
        manifest.architecture,
        ledger.Ledger(manifest.ledger),
        scratch,
        answers=manifest.debconf,
        excluded=lambda path: selection.excludes(path) or policy.excludes(path),
        base=_extended(packages, manifest.base_packages),
        # They have the numbers that they have in the base, whatever accounts its extension brings.
        after_base=lambda root: configure.users(root, manifest.base_users),
    )
    report.check(made.failures)
    root = made.world.root
    selection.apply(root.tree)
    excluded = policy.apply(root)
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
    configure.directories(root, manifest.directories)
    configure.files(root, manifest.files)
    configure.symlinks(root, manifest.symlinks)
    configure.services(root, (*manifest.base_services, manifest.services), manifest.default_target)
    return Built(root.tree, made.world, excluded)


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


if __name__ == "__main__":
    errors.run(main)
