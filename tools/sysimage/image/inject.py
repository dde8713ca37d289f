"""inject: makes an overlay of files, links and unit states, and checks it against its base."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.content import DirectoryInput, FileInput, ServicesInput, SymlinkInput, check_lasting
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.files import Files
from tools.sysimage.core.span import External
from tools.sysimage.core.tree import Inode, Kind, Tree, canonical, check_path, symlink
from tools.sysimage.debian import installed
from tools.sysimage.formats import layer, tar
from tools.sysimage.image import guest_check
from tools.sysimage.systemd import unit_programs, units

_NOBODY = (1 << 32) - 1  # for chown(2), this number means: leave the owner as it is


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `inject`."""
    parser = argparse.ArgumentParser(prog="inject", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON: files, symlinks, services")
    parser.add_argument("--base", type=Path, required=True, help="flat tar of the base, from flatten")
    parser.add_argument("--output", type=Path, required=True, help="overlay tar to write")
    options = parser.parse_args(argv)
    inject(parse(options.manifest), options.base, options.output)
    return 0


@dataclass(frozen=True, slots=True)
class Addition:
    """A file or symbolic link to lay into the image; `replace` allows it to replace a file of the base."""

    path: str
    inode: Inode
    replace: bool


@dataclass(frozen=True, slots=True)
class InjectInput:
    """What the rule hands over; paths in the image have no leading slash."""

    files: tuple[FileInput, ...] = ()
    symlinks: tuple[SymlinkInput, ...] = ()
    directories: tuple[DirectoryInput, ...] = ()
    services: ServicesInput = field(default_factory=ServicesInput)
    default_target: str = ""
    guest: bool = False  # whether a guest boots of the image


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is laid on top of a base."""

    where: str  # for messages
    additions: tuple[Addition, ...]
    services: ServicesInput
    default_target: str
    directories: tuple[DirectoryInput, ...] = ()
    guest: bool = False


def parse(path: Path) -> Overlay:
    """Reads a manifest. Raises ToolError if it is none, or has something that can't be laid into an image."""
    where = str(path)
    given = json_manifest.read(InjectInput, path)
    additions = [_file(item, where) for item in given.files]
    additions += [_symlink(item, where) for item in given.symlinks]
    return Overlay(
        where, tuple(additions), given.services, given.default_target, given.directories, given.guest
    )


def _file(item: FileInput, where: str) -> Addition:
    path, source = item.path, item.source
    if not source.is_file():
        raise ToolError(f"{source}: is no file, as the source of {path!r} has to be; name a single file")
    content = External(source, source.stat().st_size)
    if not all(0 <= owner < _NOBODY for owner in (item.uid, item.gid)):
        raise ToolError(f"{where}: {path!r}: uid and gid have to be numbers below {_NOBODY}")
    bits = item.bits(where)
    inode = Inode(Kind.FILE, bits, item.uid, item.gid, content=content, origin=str(source))
    return Addition(path, inode, item.replace)


def _symlink(item: SymlinkInput, where: str) -> Addition:
    item.check(f"{where}: symlinks")
    return Addition(item.path, symlink(item.target, origin="symlinks"), item.replace)


def inject(overlay: Overlay, base: Path, output: Path) -> None:
    """Writes the overlay: a layer with what the manifest changes in the base, and nothing else.

    What is removed from the base (a unit's links) becomes a whiteout of OCI's layer.md. Symbolic links of the
    base are followed: a file for lib/x goes to usr/lib/x. Raises ToolError if the base has a path that
    `replace` does not name, a unit is missing or can't be enabled, a unit starts a program that neither the
    base nor the overlay has, or no guest could boot of both.
    """
    with base.open("rb") as stream:
        before = tar.load(stream, str(base))
        tree = before.copy()
        _lay(tree, before, overlay)
        files = Files(tree)
        who = overlay.where
        units.set_states(files, overlay.services, f"{who}: ")
        if overlay.default_target:
            units.set_default(files, who, target=overlay.default_target)
        own = [path for path, inode in tree.walk() if before.get(path) is not inode]
        unit_programs.check(tree, own, overlay.services.enable)
        if overlay.guest:
            guest_check.check(tree)
        installed.disown(tree, before, [path for path, inode in before.walk() if tree.get(path) is not inode])
        with atomic.output(output) as out:
            writer = tar.Writer(out)
            for path, inode in layer.changes(before, tree, _same_link):
                writer.add(path, inode)
            writer.close()


def _lay(tree: Tree, before: Tree, overlay: Overlay) -> None:
    for item in sorted(overlay.directories, key=lambda item: item.path):
        who = f"{overlay.where}: directories"
        path = tree.resolve(canonical(item.path, overlay.where))
        check_lasting(path, who)
        item.lay(tree, path, item.inode(Files(tree), who), who)
    placed: dict[str, str] = {}
    for addition in overlay.additions:
        written = canonical(addition.path, overlay.where)
        path = tree.resolve(written, last=False)
        check_path(path, overlay.where)
        inode = addition.inode

        def refuse(what: str, path: str = path, inode: Inode = inode) -> NoReturn:
            raise ToolError(f"/{path} (from {inode.origin}): {what}")

        if not path:
            refuse("names the root itself; give the path of a file")
        if any(part.startswith(layer.WHITEOUT) for part in path.split("/")):
            refuse(f"a name that starts with {layer.WHITEOUT} would remove something; choose another")
        if path in placed:
            refuse(f"is the same path as {placed[path]!r}, which is also given; keep one of them")
        placed[path] = addition.path
        if (old := before.get(path)) is not None:
            if old.kind is Kind.DIRECTORY and tree.children(path):
                refuse("the base has a directory there that is not empty; choose another path")
            if not addition.replace:
                refuse("the base has this path; name it in replace to replace it, or choose another")
        check_lasting(path, overlay.where)
        parent = tree.nearest(path)
        if tree[parent].kind is not Kind.DIRECTORY:
            refuse(f"/{parent} is a {tree[parent].kind.value}, not a directory; choose another path")
        tree.add(path, inode)


def _same_link(old: Inode, new: Inode) -> bool:
    return old.kind is new.kind is Kind.SYMLINK and old.target == new.target


if __name__ == "__main__":
    run(main)
