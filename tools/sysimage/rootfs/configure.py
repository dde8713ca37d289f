"""What the user adds to a root filesystem, beside accounts: files, states of units, host name, modules."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.core.content import (
    DirectoryInput,
    FileInput,
    ServicesInput,
    SymlinkInput,
    check_lasting,
    owner,
)
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.nearest import nearest
from tools.sysimage.core.span import Span
from tools.sysimage.core.tree import Inode, Kind, canonical, symlink
from tools.sysimage.effects.root import Root
from tools.sysimage.formats import kmod
from tools.sysimage.systemd import units

_LOADER = "usr/lib/systemd/systemd-modules-load"
_MODULES = "etc/modules-load.d/image.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedFile(FileInput):
    """A file whose owner may be given by name."""

    owner: str = ""  # "USER:GROUP", or a user with the group of that name; "": `uid` and `gid`


def hostname(root: Root, name: str) -> None:
    """Writes /etc/hostname. Raises ToolError for what is no name (hostname(5))."""
    if not name:
        return
    if len(name) > 64 or not re.fullmatch(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", name
    ):
        raise ToolError(
            f"hostname: {name!r} is no host name; use a to z and 0 to 9, with hyphens and dots between, "
            "64 at most"
        )
    root.write("etc/hostname", f"{name}\n", origin="hostname")


def kernel_modules(root: Root, names: Sequence[str]) -> None:
    """Has kernel modules loaded at boot, by modules-load.d(5).

    Raises ToolError for what is no module's name, and if nothing in the image loads them.
    """
    if not names:
        return
    given: dict[str, str] = {}
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ToolError(f"kernel_modules: {name!r} is no module's name, such as virtio_net")
        normal = kmod.normal(name)
        if normal in given:
            also = f" as {given[normal]!r}, which is the same module" if given[normal] != name else ""
            raise ToolError(f"kernel_modules: {name!r} is given twice{also}; keep one")
        given[normal] = name
    _check_kernels(root, given)
    root.need(_LOADER, "kernel_modules")
    root.write(_MODULES, "".join(f"{name}\n" for name in names), origin="kernel_modules")


def _check_kernels(root: Root, names: Mapping[str, str]) -> None:
    """Raises ToolError for modules that a kernel in the image lacks. Kernels may come from elsewhere."""
    for folder in root.tree.children(root.tree.resolve("usr/lib/modules")):
        release = folder.rpartition("/")[2]
        if f"{folder}/kernel" not in root.tree:
            continue
        files = [path.rpartition("/")[2] for path in root.tree.below(folder) if path.endswith(kmod.SUFFIXES)]
        have = {kmod.normal(name.partition(".ko")[0]) for name in files} | kmod.built_in(root.tree, release)
        have |= {
            kmod.normal(alias)
            for alias in re.findall(r"(?m)^alias (\S+) ", root.text(f"{folder}/modules.alias"))
        }
        for normal in sorted(names.keys() - have):
            raise ToolError(
                f"kernel_modules: the kernel {release} in the image has no module "
                f"{names[normal]!r}{nearest(normal, sorted(have))}; "
                "correct the name, or let the layer that brings it have a file in usr/lib/modules-load.d, too"
            )


def services(root: Root, states: Sequence[ServicesInput], default_target: str) -> None:
    """Sets the states of units, as one target after the other has them, and the default target."""
    for given in states:
        units.set_states(root, given)
    if default_target:
        units.set_default(root, "default_target", target=default_target)


def symlinks(root: Root, items: Sequence[SymlinkInput], owners: Mapping[str, str]) -> None:
    """Makes symbolic links. `owners`: path → package, for messages."""
    for item in items:
        item.check("symlinks")
        path = _free(root, item.path, "symlinks", owners, replace=item.replace)
        root.tree.add(path, symlink(item.target, "symlinks"))


def files(root: Root, items: Sequence[OwnedFile], owners: Mapping[str, str]) -> None:
    """Lays files into the tree. `owners`: path → package, for messages."""
    for item in items:
        path = _free(root, item.path, "files", owners, replace=item.replace)
        if item.source.is_dir():
            raise ToolError(f"files: /{path}: {item.source} is no file; name a target that is one file")
        stream = item.source.open("rb")
        uid, gid = item.uid, item.gid
        if item.owner:
            uid, gid = owner(root, item.owner, f"files: /{path}")
        inode = Inode(
            Kind.FILE,
            item.bits("files"),
            uid,
            gid,
            content=Span(stream, 0, os.fstat(stream.fileno()).st_size),
            origin=f"files ({item.source})",
        )
        root.tree.add(path, inode)


def directories(root: Root, items: Sequence[DirectoryInput]) -> None:
    """Makes directories, those above others first."""
    given: dict[str, str] = {}
    for item in sorted(items, key=lambda item: item.path):
        path = root.tree.resolve(canonical(item.path.lstrip("/"), "directories"))
        check_lasting(path, "directories")
        if path in given:
            raise ToolError(f"directories: {item.path!r} and {given[path]!r} are both /{path}; keep one")
        given[path] = item.path
        item.lay(root.tree, path, item.inode(root, "directories"), "directories")


def _free(root: Root, name: str, attribute: str, owners: Mapping[str, str], *, replace: bool) -> str:
    """The canonical path for a file of the user's. What is there is in the way, unless it may be replaced.

    That holds for a conffile of a package, too: a newer package can bring one to a path where
    a file of the user's was alone.
    """
    path = canonical(name.lstrip("/"), attribute)
    above, slash, last = path.rpartition("/")
    path = root.tree.resolve(above) + slash + last
    check_lasting(path, attribute)
    inode = root.tree.get(path)
    if inode is None:
        return path
    if inode.origin.startswith(("files", "symlinks", "hostname", "kernel_modules")):
        raise ToolError(f"{attribute}: /{path} is given twice; keep one")
    if inode.kind is Kind.DIRECTORY:
        if root.tree.children(path):
            raise ToolError(f"{attribute}: /{path} is a directory in the image; name a path in it")
        if not replace:
            raise ToolError(f"{attribute}: /{path} is an empty directory in the image; name it in replace")
        root.tree.remove(path)
        return path
    if not replace:
        whose = (
            f"is in the package {owners[path]}" if path in owners else "is there, made by a package's script"
        )
        raise ToolError(f"{attribute}: /{path} {whose}; name it in replace to put yours in its place")
    return path
