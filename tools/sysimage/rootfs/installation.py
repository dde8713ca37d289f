"""The installation of packages: dpkg's steps, with each maintainer script told by a ledger or interpreted."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from tools.sysimage.commands import maintainer
from tools.sysimage.commands.world import World
from tools.sysimage.core.tree import Tree, file
from tools.sysimage.debian import dpkg, order, unpack
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.unpack import Unpacker
from tools.sysimage.effects import ledger, tmpfiles
from tools.sysimage.effects.ledger import Ledger
from tools.sysimage.effects.root import Root

_TEMPORARY = f"{dpkg.ADMIN}/tmp.ci"  # where dpkg has a package's control files until it is unpacked


@dataclass(slots=True)
class Installation:
    """Packages that are installed one batch after the other, and the scripts that failed."""

    world: World
    book: Ledger
    failures: list[maintainer.ScriptError] = field(default_factory=list)

    def install(
        self, batch: order.Batch, places: Mapping[str, tuple[BinaryIO, int]], *, bootstrap: bool
    ) -> None:
        """Unpacks the packages of a batch, then configures them.

        `bootstrap` is for the essential packages, whose files are all there before any script runs.
        """
        root = self.world.root
        self.world.bootstrap = bootstrap
        for package in batch.unpack:
            root.tree.make_parents(f"{_TEMPORARY}/x", "dpkg")
            for name, data in package.deb.control.items():
                root.tree.put(f"{_TEMPORARY}/{name}", file(data, 0o755))
            self._run(package, "preinst", "install")
            root.tree.remove(_TEMPORARY)
            archive, offset = places[package.name]
            archive.seek(offset)
            root.unpacker.unpack(package, archive)
            root.packages[package.name] = package
            dpkg.write_info(root.tree, [package])
        for package in batch.configure:
            self._run(package, "postinst", "configure", "")
            self.world.configured.add(package.name)
        self.world.bootstrap = False

    def _run(self, package: Package, script: str, *arguments: str) -> None:
        if script not in package.deb.control:
            return
        calls, lacking = self.book.calls(package, script)
        tree = self.world.root.tree
        tree.observer = self.world.journal.note
        try:
            if lacking:
                maintainer.run(self.world, package, script, arguments)
            else:
                self.world.journal.begin(package.name, script, None)
                ledger.run(self.world.root, package, script, calls)
        except maintainer.ScriptError as error:
            self.failures.append(error)
        finally:
            tree.observer = None


def install(
    packages: Sequence[Package],
    architecture: str,
    book: Ledger,
    scratch: Path,
    *,
    answers: Mapping[str, str] = MappingProxyType({}),
    traced: Collection[str] = (),
    excluded: Callable[[str], bool] = lambda _path: False,
    base: Collection[str] = (),
    after_base: Callable[[Root], None] = lambda _root: None,
) -> Installation:
    """Installs packages, as apt and dpkg do, and writes dpkg's database.

    `answers` are for debconf's questions, `traced` the packages whose scripts' commands are printed, and
    `excluded` says which paths the image leaves out. The packages named in `base` come first, and then what
    `after_base` does. Scripts that fail are in `failures`; what comes after them may be wrong. The tree's
    files are spans of unnamed files in `scratch`, which stay open.
    """
    unpacker = Unpacker(Tree())
    root = Root(unpacker.tree, architecture, unpacker, excluded=excluded)
    world = World(root, answers, told=book.commands, traced=frozenset(traced))
    made = Installation(world, book)
    places = unpack.spool(packages, scratch)
    unpacked: list[Package] = []
    waiting = True
    for number, batch in enumerate(order.batches(packages, base)):
        if waiting and batch.unpack[0].name not in base:
            after_base(root)
            waiting = False
        made.install(batch, places, bootstrap=not number)
        unpacked += batch.unpack
    if waiting:
        after_base(root)
    ledger.finish(root)
    dpkg.write_database(
        root.tree,
        unpacked,
        root.architecture,
        [(f"/{d.path}", f"/{d.target}", d.package) for d in unpacker.diversions.values()],
        root.overrides,
    )
    tmpfiles.clean_run(root)
    return made
