"""What scripts change, by package, script, line and command; for reports and traces."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sysimage.scripts.limits import Meter


@dataclass(frozen=True, slots=True)
class Change:
    """A path that a command has made, replaced or removed, or whose owner or mode it has set."""

    package: str
    script: str
    line: int  # of the script; 0 for what a ledger says of the script as a whole
    command: str
    path: str  # of the tree
    what: str  # "made", "removed", "mode 0755", "owner 0:42", "moved to …"


@dataclass(slots=True)
class Journal:
    """The changes in their order. `listener` is told each of them at once."""

    changes: list[Change] = field(default_factory=list)
    package: str = ""
    script: str = ""
    meter: Meter | None = None  # of the script that runs
    listener: Callable[[Change], None] | None = None

    def begin(self, package: str, script: str, meter: Meter | None) -> None:
        """Says whose changes follow."""
        self.package, self.script, self.meter = package, script, meter

    def note(self, path: str, what: str) -> None:
        """Records a change."""
        line, command = (self.meter.line, self.meter.last) if self.meter else (0, "")
        change = Change(self.package, self.script, line, command, path, what)
        self.changes.append(change)
        if self.listener:
            self.listener(change)
