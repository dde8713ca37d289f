"""The ledger: which effects stand for which maintainer script, and what runs them.

A script is what debhelper added to it (`sections.toml` recognises that) and a rest. A rest that does
nothing needs no entry; any other is identified by its SHA-256 and has one in `ledger.toml`:

    [[script]]
    package = "dbus"
    script = "postinst"
    sha256 = ["…"]            # of the rest, one for each variant (architectures, versions)
    effects = [{ do = "statoverride", path = "…", owner = "root:messagebus", mode = 0o4754 }]
    ignore = "why there is nothing to do"  # instead of effects

Effects of the rest come before those of the sections, as scripts have it.
"""

import functools
import hashlib
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from tools.sysimage.dpkg import Package
from tools.sysimage.effects import (
    accounts,
    alternatives,
    catalog,
    files,
    initscripts,
    ldconfig,
    overrides,
    pam,
    shells,
    tmpfiles,
    units,
)
from tools.sysimage.effects.root import Root
from tools.sysimage.errors import ToolError

# The scripts that act when a package is installed; "config" asks questions that nobody answers here.
SCRIPTS = ("preinst", "postinst")
_SECTION = re.compile(
    r"^# Automatically added by (\w+)(?:/\S+)?\n(.*?)^# End automatically added section\n?",
    re.MULTILINE | re.DOTALL,
)
_IDLE = re.compile(r"\s*(#.*|set -e[u]?|set -ue|exit 0|:|true)?\s*")

EFFECTS: dict[str, Callable[..., None]] = {
    "alternatives": alternatives.from_script,
    "base_passwd": accounts.base_passwd,
    "copy": files.copy,
    "divert": overrides.divert,
    "arch_native": files.arch_native,
    "enable": units.enable,
    "heredoc": files.heredoc,
    "merged_usr": files.merged_usr,
    "helper_enable": units.helper_enable,
    "link": files.link,
    "mkdir": files.mkdir,
    "statoverride": overrides.statoverride,
    "sysusers": accounts.sysusers,
    "tmpfiles": tmpfiles.tmpfiles,
    "touch": files.touch,
    "update_rc_d": initscripts.update_rc_d,
}
# Effects that read their parameters from the script itself.
_READING = frozenset(["alternatives", "heredoc"])
# What triggers do, or what looks at all packages: once, when every package is configured.
LATE: dict[str, Callable[..., None]] = {
    "catalog": catalog.update,
    "ldconfig": ldconfig.update,
    "pam_auth_update": pam.auth_update,
    "update_shells": shells.update_shells,
}


@dataclass(frozen=True, slots=True)
class Call:
    """An effect with its parameters."""

    effect: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A part of a script that neither a section nor an entry covers."""

    package: str
    script: str
    text: str
    sha256: str = ""  # of the rest; "" for a section that is not known

    def message(self) -> str:
        """Package, script, text and what to add, for a person to read."""
        head = f"{self.package}: {self.script} is in no ledger:\n" + "".join(
            f"    {line}\n" for line in self.text.splitlines()
        )
        if not self.sha256:
            return f"{head}  debhelper wrote this; add it to sections.toml\n"
        return (
            f"{head}  Read it, then add to the ledger:\n"
            f'    [[script]]\n    package = "{self.package}"\n    script = "{self.script}"\n'
            f'    sha256 = ["{self.sha256}"]\n'
            '    ignore = "…why nothing of it outlives an installation, or effects = [{ do = … }]"\n'
        )


class Ledger:
    """The sections that debhelper writes, and the entries of the rest."""

    def __init__(self, extra: Iterable[Path] = ()) -> None:
        here = resources.files(__package__ or "tools.sysimage.effects")
        self._sections = [
            (section["tool"], _pattern(section["text"]), section.get("effect"))
            for section in tomllib.loads((here / "sections.toml").read_text())["section"]
        ]
        self._entries: dict[tuple[str, str, str], list[Call]] = {}
        self._read((here / "ledger.toml").read_text(), "ledger.toml")
        for path in extra:
            self._read(path.read_text(), str(path))

    def _read(self, text: str, where: str) -> None:
        try:
            entries = tomllib.loads(text).get("script", [])
        except tomllib.TOMLDecodeError as error:
            raise ToolError(f"{where}: not TOML ({error}); correct it") from error
        for entry in entries:
            name = f"{where}: {entry.get('package')} {entry.get('script')}"
            unknown = set(entry) - {"package", "script", "sha256", "effects", "ignore"}
            if unknown or ("effects" in entry) == ("ignore" in entry) or not entry.get("sha256"):
                raise ToolError(f"{name}: an entry has package, script, sha256 and either effects or ignore")
            calls = [Call(call.pop("do", ""), call) for call in map(dict, entry.get("effects", []))]
            for call in calls:
                if call.effect not in EFFECTS | LATE:
                    raise ToolError(f"{name}: there is no effect {call.effect!r}; known are {_known()}")
            for digest in entry["sha256"]:
                self._entries[entry["package"], entry["script"], digest] = calls

    def calls(self, package: Package, script: str) -> list[Call] | Uncovered:
        """The effects that stand for a script of a package, in order."""
        text = package.text(script)
        found: list[Call] = []
        for match in _SECTION.finditer(text):
            call = self._section(match[1], match[2])
            if call is None:
                return Uncovered(package.name, script, match[0])
            found += call
        rest = _SECTION.sub("", text)
        if all(_IDLE.fullmatch(line) for line in rest.splitlines()):
            return found
        digest = hashlib.sha256(rest.encode("utf-8", "surrogateescape")).hexdigest()
        entry = self._entries.get((package.name, script, digest))
        if entry is None:
            return Uncovered(package.name, script, rest, digest)
        return [_with_text(call, rest) for call in entry] + found

    def _section(self, tool: str, body: str) -> list[Call] | None:
        plain = _plain(body)
        for known, pattern, effect in self._sections:
            match = pattern.fullmatch(plain) if known == tool else None
            if match is None:
                continue
            if effect is None:
                return []
            if effect in _READING:
                return [Call(effect, {"text": body})]
            return [Call(effect, {"names": shlex.split(match["names"])})]
        return None


def _with_text(call: Call, text: str) -> Call:
    return Call(call.effect, call.parameters | {"text": text}) if call.effect in _READING else call


def _plain(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _pattern(text: str) -> re.Pattern[str]:
    first, *rest = re.escape(_plain(text)).split(re.escape("{names}"))
    pattern = first
    for index, part in enumerate(rest):
        pattern += ("(?P<names>[^;|]+?)" if index == 0 else "(?P=names)") + part
    return re.compile(pattern, re.DOTALL)


def _known() -> str:
    return ", ".join(sorted([*EFFECTS, *LATE]))


def run(root: Root, package: Package, script: str, calls: Sequence[Call]) -> None:
    """Carries out the effects of a script; late ones are remembered in `root.late`."""
    who = package.name
    for call in calls:
        late = LATE.get(call.effect)
        if late is not None:
            root.late.setdefault(call.effect, functools.partial(late, who=who))
        else:
            try:
                EFFECTS[call.effect](root, who, **call.parameters)
            except TypeError as error:
                raise ToolError(f"the ledger's entry for {who} {script}: {error}") from error
