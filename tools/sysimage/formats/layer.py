"""Applies a layer to a tree, and makes the layer between two trees, after the OCI image-spec's layer.md.

All happens inside the root. Entries may come in any order.

A layer says three things: what is removed of the layers below (whiteouts), what is new or replaced, and which
names are links to one file. Whiteouts hide only what comes from below, wherever they stand in the layer, so
they are carried out before the layer's own entries.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind, Tree, check_path, file, order
from tools.sysimage.formats import mtree
from tools.sysimage.formats.tar import Entry

WHITEOUT = ".wh."
_META = ".wh..wh."  # of aufs, which Docker's first layers came from
_OPAQUE = ".wh..wh..opq"


def apply(tree: Tree, entries: Iterable[Entry], where: str) -> None:
    """Applies a layer's entries, in the archive's order, to the tree of the layers below.

    Paths are resolved as in a chroot: a parent that is a symbolic link of a lower layer is followed, never
    outside the root. A directory over a directory replaces its metadata and keeps its children; in all other
    cases the new entry replaces the old one whole. A hard link shares the inode that its target has when the
    link is made. If a path occurs twice, the last one counts, as in every tar. Missing parents become
    directories of root with mode 0755.

    Raises ToolError, naming layer (`where`) and entry, for a whiteout of nothing, a parent that is no
    directory, a hard link to nothing or to a directory.
    """
    added: list[Entry] = []
    hidden: list[str] = []
    nothing_below = len(tree) == 1
    for entry in entries:
        *above, name = entry.path.split("/")
        if any(part.startswith(_META) for part in above) or (name.startswith(_META) and name != _OPAQUE):
            continue  # aufs's own bookkeeping, never a file of the image
        if any(part.startswith(WHITEOUT) for part in above):
            _refuse(where, entry.path, f"a name below a whiteout ({WHITEOUT}) can't exist")
        if name.startswith(WHITEOUT):
            if name.removeprefix(WHITEOUT) in ("", ".", ".."):
                _refuse(where, entry.path, "a whiteout has to name what it hides")
            hidden.append(entry.path)
        elif nothing_below:
            _add(tree, entry, where)
        else:
            added.append(entry)
    if nothing_below:
        return
    _hide(tree, hidden, added, where)
    for entry in added:
        _add(tree, entry, where)


def difference(below: Tree, tree: Tree) -> Tree:
    """The layer that turns `below` into `tree`: what is new or different, its parents, and whiteouts.

    Raises ToolError for a name in `tree` that a layer would take for a whiteout.
    """
    for path in tree.paths():
        if path.rpartition("/")[2].startswith(WHITEOUT):
            raise ToolError(f"/{path}: a name that begins with {WHITEOUT} can't be in a layer; leave it out")
    found = Tree()
    found.put("", tree[""])
    for path, inode in changes(below, tree, _same):
        _put(found, tree, path, inode)
    return found


def changes(below: Tree, tree: Tree, same: Callable[[Inode, Inode], bool]) -> Iterator[tuple[str, Inode]]:
    """What turns `below` into `tree`, parents first: what is new or different, but the root, and whiteouts.

    `same` says of the old and the new inode of a path whether the path can be left out.
    """
    found: dict[str, Inode] = {}
    for path, inode in tree.walk():
        old = below.get(path)
        if path and old is not inode and (old is None or not same(old, inode)):
            found[path] = inode
    for path, _ in below.walk():
        above, slash, name = path.rpartition("/")
        parent = tree.get(above)
        # If its directory is gone too, or is no directory now, the path needs no whiteout of its own.
        if path not in tree and parent is not None and parent.kind is Kind.DIRECTORY:
            found[above + slash + WHITEOUT + name] = file(b"", origin="whiteout")
    for path in sorted(found, key=order):
        yield path, found[path]


def _put(found: Tree, tree: Tree, path: str, inode: Inode) -> None:
    """Puts a path and its parents, which keep their modes and owners."""
    parent = ""
    for part in path.split("/")[:-1]:
        parent = f"{parent}/{part}".lstrip("/")
        if parent not in found:
            found.put(parent, tree[parent])
    found.put(path, inode)


def _same(old: Inode, new: Inode) -> bool:
    if (old.kind, old.content.size) != (new.kind, new.content.size):
        return False
    return mtree.keywords(old) == mtree.keywords(new)


def _new_directories(tree: Tree, added: list[Entry]) -> set[str]:
    """The paths where this layer has a directory and the layers below something else.

    Where such a directory was a symbolic link, a whiteout below it must not follow the link: all that is
    below the directory belongs to this layer.
    """
    found = set()
    for entry in added:
        if entry.inode and entry.inode.kind is Kind.DIRECTORY:
            try:
                path = tree.resolve(entry.path, last=False)
            except ToolError:
                continue  # links in a circle: the layer may remove them before it adds this entry
            below = tree.get(path)
            if below and below.kind is not Kind.DIRECTORY:
                found.add(path)
    return found


def _hide(tree: Tree, hidden: list[str], added: list[Entry], where: str) -> None:
    """Carries out a layer's whiteouts."""
    new = _new_directories(tree, added) if hidden else set()
    # All are found before any is removed, so that their order makes no difference.
    targets = {path: _resolve(tree, _hidden(path), where) for path in hidden}
    for target in targets.values():
        link = tree.get(target)
        if link is not None and link.kind is Kind.SYMLINK:
            # The link itself is hidden, so all that is below it belongs to this layer.
            new.add(target)
    for path in [path for path in hidden if not _is_below(tree, path, new, where)]:
        opaque = path.rpartition("/")[2] == _OPAQUE
        for target in tree.children(targets[path]) if opaque else [targets[path]]:
            tree.remove(target)


def _hidden(path: str) -> str:
    """The path that a whiteout hides; for an opaque one, the directory that it is in."""
    above, _, name = path.rpartition("/")
    if name == _OPAQUE:
        # With a slash, a link is followed.
        return f"{above}/." if above else ""
    return f"{above}/{name.removeprefix(WHITEOUT)}".lstrip("/")


def _is_below(tree: Tree, path: str, new: set[str], where: str) -> bool:
    """Whether a whiteout is in one of these directories, or in what is below them."""
    prefix = ""
    for part in path.split("/")[:-1] if new else ():
        prefix = f"{prefix}/{part}".lstrip("/")
        if _resolve(tree, prefix, where) in new:
            return True
    return False


def _add(tree: Tree, entry: Entry, where: str) -> None:
    path = _resolve(tree, entry.path, where)
    # Resolving links can make the path too long.
    check_path(path, where)
    inode = entry.inode
    if inode is None:
        link = _resolve(tree, entry.link, where)
        inode = tree.get(link)
        if inode is None:
            _refuse(where, entry.path, f"it is a hard link to {entry.link!r}, which does not exist here")
        if inode.kind is Kind.DIRECTORY:
            _refuse(where, entry.path, f"it is a hard link to the directory {entry.link!r}")
    is_directory = inode.kind is Kind.DIRECTORY
    if not path:
        if not is_directory:
            _refuse(where, entry.path or ".", f"the root can't be a {inode.kind.value}")
        tree.put(path, inode)
        return
    before = tree.get(path)
    if before and not (is_directory and before.kind is Kind.DIRECTORY):
        tree.remove(path)
    parent = tree.nearest(path)
    if tree[parent].kind is not Kind.DIRECTORY:
        _refuse(where, entry.path, f"its parent {parent!r} is a {tree[parent].kind.value}, not a directory")
    tree.make_parents(path, where)
    tree.put(path, inode)


def _resolve(tree: Tree, path: str, where: str) -> str:
    try:
        return tree.resolve(path, last=False)
    except ToolError as error:
        raise ToolError(f"{where}: entry {error}") from error


def _refuse(where: str, path: str, what: str) -> NoReturn:
    raise ToolError(f"{where}: entry {path!r}: {what}; build this layer again")
