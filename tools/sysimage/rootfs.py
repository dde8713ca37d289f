"""The stage rootfs: the packages of a set become a root filesystem, and no script of theirs is run.

Unpacks the packages as dpkg does, carries out the effects that the ledger names for their maintainer
scripts, lays the user's files over them, and writes one deterministic tar.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tools.sysimage import atomic, dpkg, errors, mtree, order, tar, unpack
from tools.sysimage.dpkg import Package
from tools.sysimage.effects import alternatives, ledger, tmpfiles, units
from tools.sysimage.effects.root import Root
from tools.sysimage.errors import ToolError
from tools.sysimage.patterns import Selection
from tools.sysimage.tree import Inode, Kind, Span, Tree, canonical, symlink


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the rule hands over; paths in the image have no leading slash."""

    architecture: str
    packages: list[dict[str, str]]  # "deb", and "name", "version", "sha256" to check it by
    files: list[dict[str, Any]] = field(default_factory=list)  # path, source, mode; uid, gid, replace
    symlinks: list[dict[str, str]] = field(default_factory=list)  # path, target
    services: dict[str, list[str]] = field(default_factory=dict)  # enable, disable, mask
    default_target: str = ""
    exclude: list[str] = field(default_factory=list)
    include: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)  # further ledgers

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Reads the manifest. Raises ToolError for what is no manifest, or fields it does not know."""
        try:
            data = json.loads(path.read_text())
        except ValueError as error:
            raise ToolError(f"{path}: not a manifest of rootfs ({error})") from error
        data.pop("set", None)
        if data.pop("base_packages", None):
            raise ToolError(
                f"{path}: base_packages: the difference to another set can't be made yet; leave it out"
            )
        unknown = set(data) - set(cls.__slots__)
        if unknown or not {"architecture", "packages"} <= set(data):
            raise ToolError(
                f"{path}: a manifest of rootfs has {', '.join(cls.__slots__)}; not {sorted(unknown)}"
            )
        unknown = set(data.get("services", {})) - {"enable", "disable", "mask"}
        if unknown:
            raise ToolError(f"{path}: services are under enable, disable or mask, not {sorted(unknown)}")
        return cls(**{key: value for key, value in data.items() if value is not None})


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE [--mtree FILE]."""
    parser = argparse.ArgumentParser(prog="rootfs", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, see Manifest")
    parser.add_argument("--output", type=Path, required=True, help="the tar to write")
    parser.add_argument("--mtree", type=Path, help="also write an mtree(5) manifest of it")
    arguments = parser.parse_args(argv)
    manifest = Manifest.read(arguments.manifest)
    tree = build(manifest, arguments.output.parent)
    with atomic.output(arguments.output) as stream:
        tar.write(tree, stream)
    if arguments.mtree:
        with atomic.output(arguments.mtree) as stream:
            mtree.write(tree, stream)
    return 0


def build(manifest: Manifest, scratch: Path) -> Tree:
    """The root filesystem of a manifest. `scratch` is a folder for unnamed temporary files.

    The tree's files are spans of those and of the manifest's sources, which stay open.
    """
    packages = dpkg.load_all(manifest.packages)
    _check_set(packages, manifest.architecture)
    # Before anything is unpacked: what the ledger does not cover is what a person has to look at.
    scripts = _scripts(packages, ledger.Ledger(Path(path) for path in manifest.ledger))
    selection = Selection.of(manifest.exclude, manifest.include)
    root = Root(Tree(), manifest.architecture, unpack.Unpacker(Tree()), excluded=selection.excludes)
    root.unpacker.tree = root.tree
    places = unpack.spool(packages, scratch)
    unpacked: list[Package] = []
    for batch in order.batches(packages):
        _install(root, batch, scripts, places)
        unpacked += batch.unpack
    for name in sorted(root.late):
        root.late[name](root)
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
    # After the exclusions: what the user adds stays, and a unit that is left out can't be enabled.
    _configure(root, manifest)
    return root.tree


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


def _configure(root: Root, manifest: Manifest) -> None:
    """The user's own: files, links, services, default target."""
    for item in manifest.files:
        _lay(root, item)
    for item in manifest.symlinks:
        path = _free(root, item["path"], "symlinks", replace=bool(item.get("replace")))
        root.tree.make_parents(path, "symlinks")
        root.tree.put(path, symlink(item["target"], "symlinks"))
    services = manifest.services
    units.disable(root, "services.disable", names=services.get("disable", []))
    units.enable(root, "services.enable", names=services.get("enable", []), strict=True)
    units.mask(root, "services.mask", names=services.get("mask", []))
    if manifest.default_target:
        units.set_default(root, "default_target", target=manifest.default_target)


def _lay(root: Root, item: dict[str, Any]) -> None:
    path = _free(root, item["path"], "files", replace=bool(item.get("replace")))
    source = Path(item["source"])
    stream = source.open("rb")
    inode = Inode(
        Kind.FILE,
        int(item.get("mode", "0644"), 8),
        int(item.get("uid", 0)),
        int(item.get("gid", 0)),
        content=Span(stream, 0, os.fstat(stream.fileno()).st_size),
        origin=f"files ({source})",
    )
    root.tree.make_parents(path, "files")
    root.tree.put(path, inode)


def _free(root: Root, name: str, attribute: str, *, replace: bool) -> str:
    """The canonical path for a file of the user's; one that a package has is theirs to give."""
    path = canonical(name.lstrip("/"), attribute)
    above, slash, last = path.rpartition("/")
    path = root.tree.resolve(above) + slash + last
    owner = root.unpacker.owners.get(path)
    if owner is not None and path in root.tree and not replace and path not in owner.conffiles():
        raise ToolError(
            f"{attribute}: /{path} is in the package {owner.name} and is no configuration file of it; "
            'say "replace": true to put yours in its place'
        )
    inode = root.tree.get(path)
    if inode is not None and inode.kind is Kind.DIRECTORY:
        raise ToolError(f"{attribute}: /{path} is a directory in the image; name a path in it")
    if inode is not None and inode.origin.startswith(("files", "symlinks")):
        raise ToolError(f"{attribute}: /{path} is given twice; keep one")
    return path


if __name__ == "__main__":
    errors.run(main)
