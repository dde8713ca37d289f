"""inject: files, links and unit states that go on top of a base become an overlay, checked against it."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import External, Inode, Kind, Tree, canonical, check_path, file, order, symlink
from tools.sysimage.debian import installed
from tools.sysimage.formats import layer, tar
from tools.sysimage.systemd import unit_programs, units

_NOBODY = (1 << 32) - 1  # what chown(2) takes for "as it is"
_SERVICES = ("disable", "mask", "enable")


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
    """A file or symbolic link to lay into the image; `replace` allows it to take the base's place."""

    path: str
    inode: Inode
    replace: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is laid on top of a base."""

    where: str
    additions: tuple[Addition, ...]
    services: Mapping[str, tuple[str, ...]]  # "disable", "mask", "enable" → units
    default_target: str


def parse(path: Path) -> Manifest:
    """Reads a manifest. Raises ToolError for what is not one, a field that is unknown or of another type."""
    where = str(path)
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{where}: is no JSON ({error}); write it anew") from error
    _fields(value, {"files", "symlinks", "services", "default_target"}, where)
    additions = [_file(item, where) for item in _list(value, "files", where)]
    additions += [_symlink(item, where) for item in _list(value, "symlinks", where)]
    services = value.get("services", {})
    _fields(services, set(_SERVICES), f"{where}: services")
    states = {}
    for state in _SERVICES:
        names = _list(services, state, f"{where}: services")
        if not all(isinstance(name, str) for name in names):
            raise ToolError(f"{where}: services: {state} has to be a list of units' names")
        states[state] = tuple(names)
    target = _text(value, "default_target", where) if value.get("default_target") else ""
    return Manifest(where, tuple(additions), states, target)


def _file(item: Any, where: str) -> Addition:
    _fields(item, {"path", "source", "mode", "uid", "gid", "replace"}, f"{where}: files")
    path, source = _text(item, "path", f"{where}: files"), Path(_text(item, "source", f"{where}: files"))
    if not source.is_file():
        raise ToolError(f"{source}: is no file, as the source of {path!r} has to be; name a single file")
    content = External(source, source.stat().st_size)
    mode = item.get("mode", "0644")
    if not isinstance(mode, str) or not mode or set(mode) - set("01234567") or int(mode, 8) > 0o7777:
        raise ToolError(f"{where}: {path!r}: mode {mode!r} is not octal up to 7777; write for instance 0644")
    uid, gid = item.get("uid", 0), item.get("gid", 0)
    if not all(type(owner) is int and 0 <= owner < _NOBODY for owner in (uid, gid)):
        raise ToolError(
            f"{where}: {path!r}: uid and gid have to be numbers below {_NOBODY}; a name would be the host's"
        )
    inode = Inode(Kind.FILE, int(mode, 8), uid, gid, content=content, origin=str(source))
    return Addition(path, inode, item.get("replace") is True)


def _symlink(item: Any, where: str) -> Addition:
    _fields(item, {"path", "target", "replace"}, f"{where}: symlinks")
    path, target = (_text(item, key, f"{where}: symlinks") for key in ("path", "target"))
    if not target:
        raise ToolError(f"{where}: {path!r}: a symbolic link needs a target; give one")
    check_path(target, f"{where}: the target of {path!r}")
    return Addition(path, symlink(target, origin="symlinks"), item.get("replace") is True)


def _fields(value: Any, known: set[str], where: str) -> None:
    if not isinstance(value, dict):
        raise ToolError(f"{where}: has to be a JSON object")
    if unknown := sorted(value.keys() - known):
        raise ToolError(f"{where}: the field {unknown[0]!r} is unknown; there are {', '.join(sorted(known))}")


def _list(value: dict[str, Any], key: str, where: str) -> list[Any]:
    items = value.get(key, [])
    if not isinstance(items, list):
        raise ToolError(f"{where}: {key} has to be a list")
    return items


def _text(value: dict[str, Any], key: str, where: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise ToolError(f"{where}: {key} has to be a text")
    return text


def inject(manifest: Manifest, base: Path, output: Path) -> None:
    """Writes the overlay: a layer that makes of the base what the manifest says, and holds nothing else.

    What disappears from the base (a unit's links) is there as a whiteout of OCI's layer.md. Paths are
    those that symbolic links of the base lead to: a file for lib/x goes to usr/lib/x. Raises ToolError for
    a path that the base has and `replace` does not name, a unit that is missing or can't be enabled, a
    unit that starts a program that neither has.
    """
    with base.open("rb") as stream:
        before = tar.load(stream, str(base))
        tree = before.copy()
        _lay(tree, before, manifest)
        files = Files(tree)
        who = manifest.where
        units.disable(files, who, names=list(manifest.services["disable"]))
        units.mask(files, who, names=list(manifest.services["mask"]))
        units.enable(files, who, names=list(manifest.services["enable"]), strict=True)
        if manifest.default_target:
            units.set_default(files, who, target=manifest.default_target)
        own = [path for path, inode in tree.walk() if before.get(path) is not inode]
        unit_programs.check(tree, own, manifest.services["enable"])
        installed.disown(tree, before, [path for path, inode in before.walk() if tree.get(path) is not inode])
        with atomic.output(output) as out:
            writer = tar.Writer(out)
            for path, inode in difference(before, tree):
                writer.add(path, inode)
            writer.close()


def _lay(tree: Tree, before: Tree, manifest: Manifest) -> None:
    placed: dict[str, str] = {}
    for addition in manifest.additions:
        written = canonical(addition.path, manifest.where)
        path = tree.resolve(written, last=False)
        check_path(path, manifest.where)
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
            if old.kind is Kind.DIRECTORY:
                refuse("the base has a directory there, which only the base can change; choose another path")
            if not addition.replace:
                refuse(
                    "the base has this path; name it in replace if it is to be replaced, or choose another"
                )
        parent = path
        while (parent := parent.rpartition("/")[0]) not in tree:
            pass
        if tree[parent].kind is not Kind.DIRECTORY:
            refuse(f"/{parent} is a {tree[parent].kind.value}, not a directory; choose another path")
        tree.add(path, inode)


def difference(before: Tree, tree: Tree) -> Iterator[tuple[str, Inode]]:
    """What a layer has to hold to make `tree` of `before`, parents first: entries and whiteouts."""
    entries = {path: inode for path, inode in tree.walk() if not _same(before.get(path), inode)}
    for path, _ in before.walk():
        above, slash, name = path.rpartition("/")
        parent = tree.get(above)
        if path not in tree and parent and parent.kind is Kind.DIRECTORY:
            entries[above + slash + layer.WHITEOUT + name] = file(b"")
    for path in sorted(entries, key=order):
        yield path, entries[path]


def _same(old: Inode | None, new: Inode) -> bool:
    if old is new:
        return True
    return old is not None and old.kind is new.kind is Kind.SYMLINK and old.target == new.target


if __name__ == "__main__":
    run(main)
