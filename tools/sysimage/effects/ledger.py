"""The ledger: which effects stand for which maintainer script, and what runs them.

A script is what debhelper added to it (`sections.py` recognises that) and a rest. A rest that does
nothing needs no entry; any other is identified by its SHA-256 and has one in `ledger.toml`. The SHA-256 may
also be that of the whole script: then nothing else is done for it.

    [[script]]
    package = "dbus"
    script = "postinst"
    sha256 = ["…"]            # of the rest or the whole, one for each variant (architectures, versions)
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

Effects of the rest come before those of the sections, as most scripts have it; { do = "sections" } among
them is the place of the sections. An effect with `when = "PATH"` is left out if there is no such path, with
which scripts ask whether a program is installed.
"""

import fnmatch
import functools
import hashlib
import inspect
import re
import shlex
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
from tools.sysimage.effects.sections import MARKED, Section

# The scripts that act when a package is installed; "config" asks questions that nobody answers here.
SCRIPTS = ("preinst", "postinst")
_IDLE = re.compile(r"\s*(#.*|set -e[u]?|set -ue|exit 0|:|true)?\s*")

# Stands for the effects of the sections among those of the rest, which otherwise come before them all.
_SECTIONS = "sections"


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


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A part of a script that no entry covers."""

    package: str
    script: str
    text: str
    sha256: str = ""  # of the rest; "" for a section
    section: Section | None = None  # the entry that a section lacks

    def message(self) -> str:
        """Package, script, text and what to add, for a person to read."""
        origin = "debhelper wrote this. " if self.section is not None else ""
        return (
            f"{self.package}: {self.script} is in no ledger:\n"
            + "".join(f"    {line}\n" for line in self.text.splitlines())
            + f"  {origin}Read it, then add to a file that the attribute `ledger` of rootfs names:\n"
            + "".join(f"    {line}\n" for line in self._entry().splitlines())
        )

    def draft(self) -> str:
        """The entry to complete, below the text as comments."""
        head = f"# {self.package} {self.script}:\n"
        text = "".join(f"#    {line}".rstrip() + "\n" for line in self.text.splitlines() if line.strip())
        return head + text + self._entry()

    def _entry(self) -> str:
        if self.section is not None:
            return self.section.lines()
        return (
            f'[[script]]\npackage = "{self.package}"\nscript = "{self.script}"\nsha256 = ["{self.sha256}"]\n'
            'ignore = "…why nothing of it outlives an installation, or effects = [{ do = … }]"\n'
        )


class Ledger:
    """The kinds of sections that debhelper writes, and the entries of the rest."""

    def __init__(self, extra: Iterable[Path] = ()) -> None:
        here = resources.files(__package__ or "tools.sysimage.effects")
        self._sections: dict[str, list[Section]] = {}  # by tool
        self._entries: dict[tuple[str, str, str], list[Call]] = {}
        self._reasons: dict[tuple[str, str, str], str] = {}
        self.commands: list[CommandEntry] = []
        for name in ("ledger.toml",):
            self._read((here / name).read_text(), name)
        for path in extra:
            self._read(path.read_text(), str(path))

    def _read(self, text: str, where: str) -> None:
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ToolError(f"{where}: not TOML ({error}); correct it") from error
        for entry in data.get("section", []):
            for section in Section.parse(entry, where):
                if section.effect:
                    _check_effect(section.effect, f"{where}: section of {section.tool}")
                self._sections.setdefault(section.tool, []).append(section)
        for entry in data.get("script", []):
            name = f"{where}: {entry.get('package')} {entry.get('script')}"
            unknown = set(entry) - {"package", "script", "sha256", "effects", "ignore"}
            if unknown or ("effects" in entry) == ("ignore" in entry) or not entry.get("sha256"):
                raise ToolError(f"{name}: an entry has package, script, sha256 and either effects or ignore")
            reason = entry.get("ignore", "")
            if reason.startswith("…"):
                raise ToolError(f"{name}: ignore is still the draft's; say why nothing has to stand for it")
            calls = [Call(call.pop("do", ""), call) for call in map(dict, entry.get("effects", []))]
            for call in calls:
                _check_effect(call.effect, name)
            for digest in entry["sha256"]:
                key = entry["package"], entry["script"], digest
                self._entries[key], self._reasons[key] = calls, reason

        self.commands += [_command(entry, where) for entry in data.get("command", [])]

    def calls(self, package: Package, script: str) -> tuple[list[Call], list[Uncovered]]:
        """The effects that stand for a script of a package, in order, and the parts that nothing covers."""
        text = package.text(script)
        whole = self._entries.get((package.name, script, _digest(text)))
        if whole is not None:
            return [_with_text(call, text) for call in whole if call.effect != _SECTIONS], []
        found: list[Call] = []
        lacking: list[Uncovered] = []
        for match in MARKED.finditer(text):
            calls = self._of_section(match[1], match[2])
            if isinstance(calls, Section):
                lacking.append(Uncovered(package.name, script, match[0], section=calls))
            else:
                found += calls
        rest = MARKED.sub("", text)
        if not all(_IDLE.fullmatch(line) for line in rest.splitlines()):
            digest = _digest(rest)
            entry = self._entries.get((package.name, script, digest))
            if entry is None:
                lacking.append(Uncovered(package.name, script, rest, digest))
            else:
                at = next((at for at, call in enumerate(entry) if call.effect == _SECTIONS), len(entry))
                own = [_with_text(call, rest) for call in entry]
                found = own[:at] + found + own[at + 1 :]
        return found, lacking

    def reason(self, package: Package, script: str) -> str:
        """Why nothing has to stand for a script, what debhelper added aside; "" if something does."""
        text = package.text(script)
        rest = MARKED.sub("", text)
        keys = ((package.name, script, _digest(part)) for part in (text, rest))
        return next((self._reasons[key] for key in keys if key in self._reasons), "")

    def _of_section(self, tool: str, text: str) -> list[Call] | Section:
        """The effects that stand for a section, or the entry that it lacks."""
        lacking = Section(tool, [Section(tool, []).read(text)[0]])
        for section in self._sections.get(tool, ()):
            digest, words = section.read(text)
            if digest in section.sha256:
                if section.effect and EFFECTS[section.effect].reads_script:
                    return [Call(section.effect, {"text": text})]
                parameters = {"names": shlex.split(words)} if words else {}
                return [Call(section.effect, parameters)] if section.effect else []
            if words:
                lacking = Section(tool, [digest], section.names)
        return lacking


def digest(package: Package, script: str) -> str:
    """The SHA-256 by which an entry knows a script as a whole."""
    return _digest(package.text(script))


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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _with_text(call: Call, text: str) -> Call:
    effect = EFFECTS.get(call.effect)
    return Call(call.effect, call.parameters | {"text": text}) if effect and effect.reads_script else call


def _check_effect(effect: str, name: str) -> None:
    if effect not in EFFECTS and effect != _SECTIONS:
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
