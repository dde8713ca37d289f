"""The installation of packages: dpkg's steps, with each maintainer script told by a ledger or interpreted."""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from tools.sysimage.commands import maintainer, triggers
from tools.sysimage.commands.debconf_database import check_answers
from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind, Tree, file
from tools.sysimage.debian import dpkg, order, unpack
from tools.sysimage.debian.configure_queue import Steps
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.unpack import Unpacker
from tools.sysimage.effects import ledger, tmpfiles
from tools.sysimage.effects.ledger import Ledger
from tools.sysimage.effects.root import Root

_CHROOT = "the chroot of an installation"
_POLICY = "usr/sbin/policy-rc.d"
_MAX_TRIGGERS = 1_000
_TEMPORARY = f"{dpkg.ADMIN}/tmp.ci"  # where dpkg has a package's control files until it is unpacked


@dataclass(slots=True)
class Installation:
    """Packages that are installed one batch after the other, and the scripts that failed."""

    world: World
    book: Ledger
    failures: list[maintainer.ScriptError] = field(default_factory=list)
    processed: int = 0  # calls of triggers

    def install(
        self, batch: order.Batch, places: Mapping[str, tuple[BinaryIO, int]], *, bootstrap: bool
    ) -> None:
        """Unpacks the packages of a batch, then configures them.

        `bootstrap` is for the essential packages, whose files are all there before any script runs.
        """
        world, root = self.world, self.world.root
        world.bootstrap = bootstrap
        # apt unpacks in one run of dpkg, and configures in another.
        triggers.new_run(world)
        for package in batch.unpack:
            root.tree.make_parents(f"{_TEMPORARY}/x", "dpkg")
            for name, data in package.deb.control.items():
                root.tree.put(f"{_TEMPORARY}/{name}", file(data, 0o755))
            triggers.unpacking(world, package)
            self._run(package, "preinst", "install")
            root.tree.remove(_TEMPORARY)
            archive, offset = places[package.name]
            archive.seek(offset)
            root.unpacker.unpack(package, archive)
            if not bootstrap:
                # What is essential was extracted before dpkg ran.
                root.unpacker.defer(package)
            root.packages[package.name] = package
            dpkg.write_info(root.tree, [package])
            triggers.unpacked(world, package)
        waiting = [] if bootstrap else triggers.new_run(world)
        if bootstrap or not batch.last:
            batch.configure(Steps(self._configure))
        else:
            steps = Steps(
                self._configure,
                self._process,
                lambda name: bool(world.triggered.get(name)),
                lambda name: triggers.awaited(world, name),
            )
            batch.configure(steps, waiting)
        if batch.last:
            self._process_triggers()
        world.bootstrap = False

    def _configure(self, name: str) -> None:
        world = self.world
        package = world.root.packages[name]
        world.root.unpacker.place(package)
        triggers.configuring(world, package)
        self._run(package, "postinst", "configure", "")
        # From now on it can be triggered, by what its own script has asked for first.
        world.configured.add(name)
        triggers.script_ended(world)

    def _process(self, name: str) -> None:
        self.processed += 1
        if self.processed > _MAX_TRIGGERS:
            raise ToolError(f"the triggers of {name} activate each other without end; leave it out")
        names = self.world.triggered[name]
        triggers.processing(self.world, name)
        self._run(self.world.root.packages[name], "postinst", "triggered", " ".join(names))

    def _process_triggers(self) -> None:
        while waiting := triggers.pending(self.world):
            self._process(waiting[0][0])

    def _run(self, package: Package, script: str, *arguments: str) -> None:
        if script not in package.deb.control:
            return
        calls = self.book.calls(package, script)
        if calls is not None and arguments[0] == "triggered":
            # What a ledger says of the script, it says of its triggers, too.
            return
        tree = self.world.root.tree
        tree.observer = self.world.journal.note
        try:
            if calls is None:
                maintainer.run(self.world, package, script, arguments)
            else:
                self.world.package, self.world.script = package, script
                self.world.journal.begin(package.name, script, None)
                ledger.run(self.world.root, package, script, calls)
        except maintainer.ScriptError as error:
            self.failures.append(error)
        finally:
            tree.observer = None
        if arguments[0] != "configure":
            triggers.script_ended(self.world)


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
    unpacker = Unpacker(Tree(), architecture=architecture)
    root = Root(unpacker.tree, architecture, unpacker, excluded=excluded)
    world = World(root, answers, told=book.commands, traced=frozenset(traced))
    made = Installation(world, book)
    places = unpack.spool(packages, scratch)
    _prepare(root)
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
    if made.failures:
        # What scripts did not do can be missing here; they are what there is to mend.
        with contextlib.suppress(ToolError):
            ledger.finish(root)
    else:
        check_answers(world)
        ledger.finish(root)
    world.remove_placeholders()
    dpkg.write_database(
        root.tree,
        unpacked,
        root.architecture,
        [(f"/{d.path}", f"/{d.target}", d.package) for d in unpacker.diversions.values()],
        root.overrides,
    )
    tmpfiles.clean(root)
    for path in (*root.tree.children("dev"), _POLICY):
        if path in root.tree and root.tree[path].origin == _CHROOT:
            root.tree.remove(path)
    return made


def _prepare(root: Root) -> None:
    """Makes what a chroot has in which Debian is installed: devices, and a policy to start no service.

    None of it stays.
    """
    root.tree.add(_POLICY, file(b"#!/bin/sh\nexit 101\n", 0o755, origin=_CHROOT))
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        inode = Inode(Kind.CHARACTER, 0o666, device=(1, minor), origin=_CHROOT)
        root.tree.add(f"dev/{name}", inode)
    for path in ("dev", "usr", "usr/sbin"):
        root.tree[path].origin = ""
