"""What all maintainer scripts of a build share: the root filesystem, dpkg's records, debconf's answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tools.sysimage.commands.journal import Journal
from tools.sysimage.commands.tree_files import TreeFiles
from tools.sysimage.core.tree import Inode
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.effects.ledger import CommandEntry
from tools.sysimage.effects.root import Root
from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.redirect import UUID
from tools.sysimage.scripts.streams import Source, Stream


@dataclass(frozen=True, slots=True)
class Left:
    """Something that a script would have done, and that is left for the guest."""

    kind: str  # of the table in `left.py`
    package: str
    script: str
    command: str


_UUID = b"00000000-0000-4000-8000-000000000000\n"
_RANDOM = b"placeholder 0123456789 PLACEHOLDER not a secret " * 1024


@dataclass(slots=True)
class World:
    """A root filesystem while its packages are configured, with what their scripts can ask and change."""

    root: Root
    answers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # of debconf's questions
    told: Sequence[CommandEntry] = ()  # what persons say of commands
    kernel: str = "6.12.0"  # what `uname -r` says
    package: Package | None = None  # whose script runs
    script: str = ""  # "preinst", "config", "postinst"
    bootstrap: bool = False  # while the essential packages are installed: they were all extracted before
    configured: set[str] = field(default_factory=set)  # names of packages, as `dpkg -s` has them
    journal: Journal = field(default_factory=Journal)
    traced: frozenset[str] = frozenset()  # packages whose scripts' commands are printed
    placeholders: list[Inode] = field(default_factory=list)  # empty files in place of keys, until the end
    left_paths: set[str] = field(default_factory=set)  # what programs would have made that were left
    left: list[Left] = field(default_factory=list)
    called: Counter[str] = field(default_factory=Counter)  # how often which command, by its name
    triggered: dict[str, list[str]] = field(default_factory=dict)  # package → its pending triggers, in order
    state: dict[str, object] = field(default_factory=dict)  # what a family of commands keeps, by its name
    files: TreeFiles = field(init=False)

    def __post_init__(self) -> None:
        self.files = TreeFiles(self.root.tree)

    @property
    def who(self) -> str:
        """The name of the package whose script runs."""
        return self.package.name if self.package else ""

    def random(self, machine: Machine, name: str) -> Stream:
        """What a device of random numbers says: a placeholder, of which it is recorded who asked."""
        left = Left("secrets", self.who, self.script, f"{machine.meter.last} ({name})")
        if left not in self.left:
            self.left.append(left)
        return Source(_UUID if name == UUID else _RANDOM)

    def remove_placeholders(self) -> None:
        """Removes what stood for keys, under whatever name it is now."""
        if self.placeholders:
            marked = {id(inode) for inode in self.placeholders}
            tree = self.root.tree
            for path in [path for path, inode in tree.walk() if id(inode) in marked]:
                tree.remove(path)
            self.placeholders.clear()
