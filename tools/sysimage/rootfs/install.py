"""The stage install: the packages of a set become a root filesystem, and no script of theirs is run.

Unpacks the packages as dpkg does, interprets their maintainer scripts or carries out what a ledger says of
them, takes out what the image has no use for, and writes one deterministic tar, and beside it which package
owns which file. What the user adds comes later, in the stage rootfs, so that a change of it runs no script.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.commands.world import World
from tools.sysimage.core import atomic, errors, json_manifest
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.patterns import PathSelection
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.effects import ledger
from tools.sysimage.formats import tar
from tools.sysimage.rootfs import report, users
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
class InstallInput:
    """What the rule hands over."""

    architecture: str
    packages: tuple[LockedPackage, ...]
    base_packages: tuple[BasePackage, ...] = ()  # what is in the root filesystem that is extended
    base_users: tuple[str, ...] = ()  # its own lines of `users`
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude_from: tuple[Path, ...] = ()  # policies
    ledger: tuple[Path, ...] = ()  # further ledgers
    debconf: Mapping[str, str] = field(default_factory=dict)  # answers by question, "package/question"
    dpkg_database: str = "full"  # "full", which is also "", "status", "none"


def parse(path: Path) -> InstallInput:
    """Reads the manifest. Raises ToolError for what is none."""
    given = json_manifest.read(InstallInput, path)
    if given.dpkg_database not in _DATABASES:
        known = ", ".join(filter(None, _DATABASES))
        raise ToolError(f"{path}: dpkg_database is one of {known}; not {given.dpkg_database!r}")
    return given


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE --owners FILE --effects FILE."""
    parser = argparse.ArgumentParser(prog="install", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, see InstallInput")
    parser.add_argument("--output", type=Path, required=True, help="the tar to write")
    parser.add_argument("--owners", type=Path, required=True, help="JSON to write: path → package")
    parser.add_argument("--effects", type=Path, required=True, help="JSON to write: what scripts changed")
    arguments = parser.parse_args(argv)
    built = build(parse(arguments.manifest), arguments.output.parent)
    for line in report.left(built.world):
        print(line, file=sys.stderr)
    with atomic.outputs(arguments.output, arguments.owners, arguments.effects) as [output, owners, effects]:
        tar.write(built.tree, output)
        owners.write(json.dumps(built.owners(), sort_keys=True, indent=0).encode() + b"\n")
        effects.write(report.effects(built.world, built.excluded))
    return 0


@dataclass(frozen=True, slots=True)
class Built:
    """A root filesystem, and what the scripts of its packages did."""

    tree: Tree
    world: World
    excluded: Sequence[Excluded]

    def owners(self) -> dict[str, str]:
        """The names of the packages that own the files there."""
        owners = self.world.root.unpacker.owners
        return {path: package.name for path, package in owners.items() if path in self.tree}


def build(manifest: InstallInput, scratch: Path) -> Built:
    """The root filesystem of a manifest. `scratch` is a folder for unnamed temporary files.

    The tree's files are spans of those, which stay open. Raises ToolError if a maintainer script can't be
    interpreted, after all of them are printed.
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
        after_base=lambda root: users.users(root, manifest.base_users),
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
    return Built(root.tree, made.world, excluded)


def _extended(packages: Sequence[Package], base: Sequence[BasePackage]) -> frozenset[str]:
    """The names of the packages in the base. Raises ToolError for one that the set does not have."""
    have = {package.name: package.sha256 for package in packages}
    for item in base:
        if have.get(item.name) != item.sha256:
            what = "another version" if item.name in have else "none"
            raise ToolError(
                f"base: it has the package {item.name}, but the set has {what} of it; "
                "let the set extend the base's set, in the manifest of one lock"
            )
    return frozenset(item.name for item in base)


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
