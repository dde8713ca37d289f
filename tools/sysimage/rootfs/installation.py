"""The installation of packages: dpkg's steps, with each maintainer script told by a ledger or interpreted."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from tools.sysimage.commands import maintainer
from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import file
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.order import Batch
from tools.sysimage.effects import ledger
from tools.sysimage.effects.ledger import Ledger

_TEMPORARY = f"{dpkg.ADMIN}/tmp.ci"  # where dpkg has a package's control files until it is unpacked
_SHOWN = 20  # failures that are printed


@dataclass(slots=True)
class Installation:
    """Packages that are installed one batch after the other. What fails is told at the end, all at once."""

    world: World
    book: Ledger
    failures: list[str] = field(default_factory=list)

    def install(self, batch: Batch, places: Mapping[str, tuple[BinaryIO, int]], *, bootstrap: bool) -> None:
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

    def finish(self) -> None:
        """Does what waits for all packages. Raises ToolError if a script failed, after all are printed."""
        if self.failures:
            for message in self.failures[:_SHOWN]:
                print(message, file=sys.stderr)
            if len(self.failures) == 1:
                raise ToolError(self.failures[0])
            raise ToolError(
                f"{len(self.failures)} maintainer scripts can't be interpreted; they are printed above, "
                "with what to add to a file that the attribute `ledger` of rootfs names"
            )
        ledger.finish(self.world.root)

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
        except ToolError as error:
            self.failures.append(str(error))
        finally:
            tree.observer = None
