"""The ledger: what persons say of maintainer scripts in place of interpreting them.

An entry [[script]] is about a whole script, which its SHA-256 identifies:

    [[script]]
    package = "dbus"
    script = "postinst"
    sha256 = ["…"]            # one for each variant (architectures, versions)
    effects = [{ do = "statoverride", path = "…", owner = "root:messagebus", mode = 0o4754 }]
    ignore = "why there is nothing to do"  # instead of effects

An entry [[command]] says what one command does in the scripts of a package (of any, without `package`) that
nothing here understands; `command` is a pattern (`*`, `?`) for its words as they are executed:

    [[command]]
    package = "frob"
    command = "frobnicate --init *"
    status = 0                # and output = "…": what the script gets; 0 and nothing, if not given
    effects = [{ do = "touch", path = "var/lib/frob/ready" }]  # may be left out
    reason = "why that is what it does"

An effect with `when = "PATH"` is left out if there is no such path, with which scripts ask whether a program
is installed.
"""

import fnmatch
import functools
import hashlib
import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.effects import ledger_entries
from tools.sysimage.effects.ledger_entries import SCRIPTS, Call
from tools.sysimage.effects.registry import EFFECTS, When
from tools.sysimage.effects.root import Root

__all__ = ["SCRIPTS", "Call", "CommandEntry", "Ledger", "digest", "finish", "run"]


@dataclass(frozen=True, slots=True)
class CommandEntry(ledger_entries.CommandText):
    """What one command does, told by a person; its package may be "", any, its command is a pattern."""

    def fits(self, package: str, argv: Sequence[str]) -> bool:
        """Whether the entry is about this command of a package's script."""
        return self.package in ("", package) and fnmatch.fnmatchcase(" ".join(argv), self.command)


class Ledger:
    """The entries of our own ledger, and of others."""

    def __init__(self, extra: Iterable[Path] = ()) -> None:
        here = resources.files(__package__ or "tools.sysimage.effects")
        self._entries: dict[tuple[str, str, str], list[Call]] = {}
        self._reasons: dict[tuple[str, str, str], str] = {}
        self.commands: list[CommandEntry] = []
        self._read((here / "ledger.toml").read_bytes(), "ledger.toml")
        for path in extra:
            self._read(path.read_bytes(), str(path))

    def _read(self, data: bytes, where: str) -> None:
        scripts, commands = ledger_entries.read(data, where)
        for entry in scripts:
            for sha256 in entry.sha256:
                key = entry.package, entry.script, sha256
                self._entries[key], self._reasons[key] = list(entry.calls), entry.reason
        self.commands += [
            CommandEntry(item.package, item.command, item.status, item.output, item.calls, item.reason)
            for item in commands
        ]

    def calls(self, package: Package, script: str) -> Sequence[Call] | None:
        """The effects that stand for a script of a package, in order; None if it is interpreted."""
        return self._entries.get((package.name, script, digest(package, script)))

    def reason(self, package: Package, script: str) -> str:
        """Why nothing has to stand for a script; "" if something does, or it is interpreted."""
        return self._reasons.get((package.name, script, digest(package, script)), "")


def digest(package: Package, script: str) -> str:
    """The SHA-256 by which an entry knows a script."""
    return hashlib.sha256(package.deb.control.get(script, b"")).hexdigest()


def run(root: Root, package: Package, script: str, calls: Sequence[Call]) -> None:
    """Carries out the effects of a script; those at the end are remembered in `root.late`, see `finish`."""
    who = package.name
    for call in calls:
        parameters = dict(call.parameters)
        when = parameters.pop("when", "")
        if when and root.tree.find(when) is None:
            continue
        effect = EFFECTS[call.effect]
        try:
            if effect.when is When.AT_ONCE:
                effect.function(root, who, **parameters)
            else:
                inspect.signature(effect.function).bind(root, who, **parameters)
                # Triggers act once; what has parameters is another thing for each of them.
                key = effect.order, "".join(f" {value}" for value in parameters.values())
                root.late.setdefault(key, functools.partial(effect.function, who=who, **parameters))
        except TypeError as error:
            raise ToolError(f"the ledger's entry for {who} {script}: {error}") from error


def finish(root: Root) -> None:
    """Carries out the effects that wait for all packages to be configured, by their order."""
    for _, late in sorted(root.late.items(), key=lambda item: item[0]):
        late(root)
