"""The root filesystem that effects work on: the tree, the packages in it, what dpkg keeps a record of."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.unpack import Unpacker


@dataclass(slots=True)
class Root(Files):
    """A root filesystem while packages are configured. Paths have no leading slash."""

    architecture: str  # Debian's name: "amd64", "arm64"
    unpacker: Unpacker
    packages: dict[str, Package] = field(default_factory=dict)  # by name, those unpacked so far
    overrides: dict[str, str] = field(default_factory=dict)  # path → line of statoverride
    # Effects at the end, by their order and their parameters.
    late: dict[tuple[int, str], Callable[[Root], None]] = field(default_factory=dict)
    excluded: Callable[[str], bool] = field(default=lambda _: False)  # whether the image leaves a path out

    def need(self, path: str, who: str) -> Inode:
        """The file at `path`, links followed. Raises ToolError if there is none."""
        inode = self.tree.find(path)
        if inode is None or inode.kind is not Kind.FILE:
            raise ToolError(
                f"{who} needs /{path}, which no package of the set has; add it or correct the ledger"
            )
        return inode
