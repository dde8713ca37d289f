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
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.effects.registry import EFFECTS, When
from tools.sysimage.effects.root import Root

# The scripts that dpkg runs when a package is installed; "config" is started by debconf, from the postinst.
SCRIPTS = ("preinst", "postinst")


@dataclass(frozen=True, slots=True)
class Call:
    """An effect with its parameters."""

    effect: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """What one command does, told by a person."""

    package: str  # "": any
    command: str  # a pattern for the words, joined by spaces
    status: int
    output: str
    calls: Sequence[Call]
    reason: str

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
        self._read((here / "ledger.toml").read_text(), "ledger.toml")
        for path in extra:
            self._read(path.read_text(), str(path))

    def _read(self, text: str, where: str) -> None:
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ToolError(f"{where}: not TOML ({error}); correct it") from error
        if unknown := sorted(data.keys() - {"script", "command"}):
            raise ToolError(
                f"{where}: [[{unknown[0]}]] is no kind of entry; there are [[script]] and [[command]]"
            )
        for entry in data.get("script", []):
            name = f"{where}: {entry.get('package')} {entry.get('script')}"
            unknown = sorted(set(entry) - {"package", "script", "sha256", "effects", "ignore"})
            if unknown or ("effects" in entry) == ("ignore" in entry) or not entry.get("sha256"):
                raise ToolError(f"{name}: an entry has package, script, sha256 and either effects or ignore")
            reason = entry.get("ignore", "")
            if reason.startswith("…"):
                raise ToolError(f"{name}: ignore is still the draft's; say why nothing has to stand for it")
            calls = [Call(call.pop("do", ""), call) for call in map(dict, entry.get("effects", []))]
            for call in calls:
                _check_effect(call.effect, name)
            for sha256 in entry["sha256"]:
                key = entry["package"], entry["script"], sha256
                self._entries[key], self._reasons[key] = calls, reason
        self.commands += [_command(entry, where) for entry in data.get("command", [])]

    def calls(self, package: Package, script: str) -> Sequence[Call] | None:
        """The effects that stand for a script of a package, in order; None if it is to be interpreted."""
        return self._entries.get((package.name, script, digest(package, script)))

    def reason(self, package: Package, script: str) -> str:
        """Why nothing has to stand for a script; "" if something does, or it is interpreted."""
        return self._reasons.get((package.name, script, digest(package, script)), "")


def digest(package: Package, script: str) -> str:
    """The SHA-256 by which an entry knows a script."""
    return hashlib.sha256(package.deb.control.get(script, b"")).hexdigest()


def _command(entry: dict[str, Any], where: str) -> CommandEntry:
    name = f"{where}: command {entry.get('command')!r}"
    known = {"package", "command", "status", "output", "effects", "reason"}
    if set(entry) - known or not entry.get("command") or not entry.get("reason"):
        raise ToolError(
            f"{name}: an entry has command and reason, and may have package, status, output and effects"
        )
    if entry["reason"].startswith("…"):
        raise ToolError(f"{name}: reason is still the draft's; say what the command does")
    calls = [Call(call.pop("do", ""), call) for call in map(dict, entry.get("effects", []))]
    for call in calls:
        _check_effect(call.effect, name)
    status, output = entry.get("status", 0), entry.get("output", "")
    if not isinstance(status, int) or not isinstance(output, str):
        raise ToolError(f"{name}: status is a number and output a text")
    return CommandEntry(entry.get("package", ""), entry["command"], status, output, calls, entry["reason"])


def _check_effect(effect: str, name: str) -> None:
    if effect not in EFFECTS:
        known = ", ".join(sorted(EFFECTS))
        raise ToolError(f"{name}: there is no effect {effect!r}; known are {known}")


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
