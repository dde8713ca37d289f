"""The packages of one architecture: read from Packages indexes as a stream, parsed when asked for."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import BinaryIO

from debian.deb822 import Packages

from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock.manifest import Pin
from tools.sysimage.lock.packages import GONE, ArchivePackage, Origin, parse_stanza
from tools.sysimage.lock.relations import Relation, parse_relations, parse_version

_CHUNK = 1 << 20
_PRIORITIES = ("", "required", "important", "standard", "optional", "extra")
_FIELD = re.compile(rb"^([!-9;-~]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
# The fields in which apt meets the names of packages, in the order in which it reads them.
_MENTIONS = (
    "package",
    "pre-depends",
    "depends",
    "conflicts",
    "breaks",
    "recommends",
    "suggests",
    "replaces",
    "enhances",
    "provides",
)


@dataclass(frozen=True, eq=False, slots=True)
class _Stanza:
    text: bytes
    origin: Origin


class Index:
    """All packages of one architecture, from all suites; each name has one candidate, as in apt.

    It holds the stanzas as they came, about 60 MB for Debian's main: to parse the few hundred that are
    reached is much cheaper than to parse them all.
    """

    def __init__(self, architecture: str, pins: Sequence[Pin] = ()) -> None:
        self.architecture = architecture
        self.pins = tuple(pins)
        self._stanzas: dict[str, list[_Stanza]] = {}
        self._order: list[bytes] = []
        self._providers: dict[str, dict[str, None]] = {}
        self._essential: dict[str, None] = {}
        self._required: dict[str, None] = {}
        self._held: dict[str, _Stanza] = {}
        self._candidates: dict[str, ArchivePackage | None] = {}
        self._latest: dict[str, ArchivePackage | None] = {}
        self._mentions: dict[str, tuple[int, int]] = {}

    def add(self, stream: BinaryIO, origin: Origin) -> None:
        """Reads a Packages index (uncompressed). Add indexes in their order of preference.

        Raises ToolError if it is not written as deb822(5) says.
        """
        for text in _stanzas(stream):
            self._order.append(text)
            self._add(text, origin)

    def remember(self, text: bytes, origin: Origin, hold: bool) -> None:
        """Adds the stanza of a locked package, after all indexes; `hold` makes it the candidate.

        What the indexes no longer list is a candidate only if it is held or pinned to its version.
        """
        name, version, sha256 = (_field(text, field) for field in (b"Package", b"Version", b"SHA256"))
        same = [
            stanza
            for stanza in self._stanzas.get(name, ())
            if _field(stanza.text, b"SHA256").lower() == sha256 and _field(stanza.text, b"Version") == version
        ]
        # Of suites that list the same file, the one that it was locked from.
        same.sort(key=lambda stanza: stanza.origin.place != origin.place)
        stanza = same[0] if same else self._add(text, replace(origin, priority=GONE))
        if hold:
            self._held[name] = stanza
            self._candidates.pop(name, None)

    def release(self, name: str) -> None:
        """Lets the locked version of `name` go: its candidate is the latest version again."""
        del self._held[name]
        del self._candidates[name]

    def upgradable(self, name: str) -> bool:
        """Whether `name` is held, and would be another version or file if it were not."""
        held = self.candidate(name) if name in self._held else None
        latest = self.latest(name) if held else None
        return bool(held and latest and (held.version, held.sha256) != (latest.version, latest.sha256))

    def __contains__(self, name: str) -> bool:
        return name in self._stanzas

    def names(self) -> Iterable[str]:
        """The names of all packages."""
        return self._stanzas.keys()

    def candidate(self, name: str) -> ArchivePackage | None:
        """The version that would be installed: the one that is held, else the latest."""
        if name not in self._candidates:
            held = self._held.get(name)
            if held and held in self._allowed(name)[0]:
                self._candidates[name] = parse_stanza(held.text, held.origin)
            else:
                self._candidates[name] = self.latest(name)
        return self._candidates[name]

    def latest(self, name: str) -> ArchivePackage | None:
        """The version that would be installed if none were held.

        It is the highest of the suites with the highest priority, among the versions that a pin leaves;
        of equals the first added.
        """
        if name not in self._latest:
            self._latest[name] = self._choose(name)
        return self._latest[name]

    def versions(self, name: str) -> list[ArchivePackage]:
        """All versions of `name`, whether they may be installed or not, those of the first suites first."""
        return [parse_stanza(stanza.text, stanza.origin) for stanza in self._stanzas.get(name, ())]

    def is_security_update(self, package: ArchivePackage) -> bool:
        """Whether a security suite lists this version, in whatever other suite it is, too."""
        return any(
            stanza.origin.security and _field(stanza.text, b"Version") == package.version
            for stanza in self._stanzas.get(package.name, ())
        )

    def providers(self, name: str) -> list[tuple[ArchivePackage, Relation]]:
        """The candidates that provide `name`, each with the entry of its Provides, in no order of worth.

        A version that is no candidate provides nothing.
        """
        return [
            (package, entry)
            for provider in self.provider_names(name)
            if (package := self.candidate(provider))
            for entry in package.provides
            if entry.name == name
        ]

    def provider_names(self, name: str) -> Iterable[str]:
        """The names of the packages of which any version provides `name`."""
        return self._providers.get(name, {}).keys()

    def best_first(self, providers: list[ArchivePackage]) -> list[ArchivePackage]:
        """Orders packages that provide the same as apt does.

        Essential packages come first, then by Priority; of equals the one that the indexes mention last,
        in whatever field: arbitrary, but it is apt's choice, and costs a search (0.1 s for Debian's main).
        """
        if len({self._rank(package) for package in providers}) == len(providers):
            return sorted(providers, key=self._rank)
        self._find_mentions({package.name for package in providers})
        nowhere = (len(self._order), 0)
        return sorted(
            sorted(providers, key=lambda package: self._mentions.get(package.name, nowhere), reverse=True),
            key=self._rank,
        )

    def essential(self) -> list[str]:
        """The names of the packages whose candidate says `Essential: yes`, sorted."""
        return sorted(name for name in self._essential if (found := self.candidate(name)) and found.essential)

    def required(self) -> list[str]:
        """The names of the packages whose candidate says `Priority: required`, sorted."""
        return sorted(name for name in self._required if (found := self.candidate(name)) and found.required)

    def matches(self, pattern: str) -> bool:
        """Whether any package is what `pattern` of a pin is about."""
        source = pattern.removeprefix("src:")
        if source == pattern:
            return pattern in self or any(fnmatchcase(name, pattern) for name in self._stanzas)
        field = f"\nSource: {source}".encode()
        return source in self or any(
            field in stanza.text and _source(stanza.text, "") == source
            for stanzas in self._stanzas.values()
            for stanza in stanzas
        )

    def holds(self, pin: Pin, pattern: str) -> bool:
        """Whether any version of any package that `pattern` is about is as the pin wants it."""
        one = replace(pin, packages=(pattern,))
        return any(
            one.names(name, _source(stanza.text, name))
            and one.admits(_field(stanza.text, b"Version"), stanza.origin.suite)
            for name, stanzas in self._stanzas.items()
            for stanza in stanzas
            if not pin.suite or stanza.origin.suite == pin.suite
        )

    def check_pins(self) -> None:
        """Raises ToolError if a pin names a package that the indexes have, but not as the pin wants it."""
        for pin in self.pins:
            for pattern in pin.packages:
                versions = self.versions(pattern)
                if versions and not any(pin.admits(each.version, each.origin.suite) for each in versions):
                    there = ", ".join(f"{each.version} ({each.origin})" for each in versions)
                    raise ToolError(
                        f"[[pin]] {pattern}: no {pin.wants} for {self.architecture}, only {there}; "
                        f"change the pin, or name a mirror that has it in DEBIAN_MIRRORS"
                    )

    def _add(self, text: bytes, origin: Origin) -> _Stanza:
        name = _field(text, b"Package")
        if not name:
            raise ToolError(f"{origin}: a stanza of the Packages index has no Package field")
        stanza = _Stanza(text, origin)
        self._stanzas.setdefault(name, []).append(stanza)
        # Cheap tests first: a search by pattern in each of 70,000 stanzas takes a second.
        if b"\nProvides:" in text:
            for group in parse_relations(_field(text, b"Provides"), f"{name} in {origin}"):
                self._providers.setdefault(group[0].name, {})[name] = None
        if b"\nEssential:" in text:
            self._essential[name] = None
        if b"\nPriority: required" in text:
            self._required[name] = None
        return stanza

    def _allowed(self, name: str) -> tuple[list[_Stanza], Pin | None]:
        """The versions that the first pin which matches any of them leaves, and that pin."""
        stanzas = self._stanzas.get(name, [])
        for pin in self.pins:
            found = [
                stanza
                for stanza in stanzas
                if pin.names(name, _source(stanza.text, name))
                and pin.admits(_field(stanza.text, b"Version"), stanza.origin.suite)
            ]
            if found:
                return found, pin
        return stanzas, None

    def _choose(self, name: str) -> ArchivePackage | None:
        allowed, pin = self._allowed(name)
        best: _Stanza | None = None
        highest = (0, parse_version("0"))
        for stanza in allowed:
            if stanza.origin.priority == GONE and not (pin and pin.version):
                continue
            version = _field(stanza.text, b"Version")
            if not version:
                raise ToolError(f"{stanza.origin}: {name} has no Version in the Packages index")
            # A pin gives all that it admits one priority, whatever their suites have.
            priority = stanza.origin.priority
            rank = (min(priority, 0) if pin else priority, parse_version(version))
            if best is None or rank > highest:
                best, highest = stanza, rank
        return parse_stanza(best.text, best.origin) if best else None

    def _rank(self, package: ArchivePackage) -> tuple[bool, bool, int]:
        """Its place among packages that provide the same, the smallest first: what apt trusts more."""
        # For apt, a package without a Priority stands above those that are required.
        priority = package.fields.get("priority", "")
        place = _PRIORITIES.index(priority if priority in _PRIORITIES else "extra")
        essential = self._last_says(package.name, b"Essential")
        return not essential, not self._last_says(package.name, b"Important", b"Protected"), place

    def _last_says(self, name: str, *fields: bytes) -> bool:
        """Whether the last of a package's versions that has one of `fields` says yes.

        What apt ranks by are flags of the package, not of a version.
        """
        said = (
            value
            for stanza in reversed(self._stanzas.get(name, ()))
            for field in reversed(fields)
            if (value := _field(stanza.text, field))
        )
        return next(said, "") == "yes"

    def _find_mentions(self, names: set[str]) -> None:
        """Notes where the indexes first mention each of `names`, which are packages."""
        missing = {name: name.encode() for name in names if name not in self._mentions}
        for place, stanza in enumerate(self._order):
            if not missing:
                return
            here = {name for name, pattern in missing.items() if pattern in stanza}
            if not here:
                continue
            fields = Packages(stanza)
            relations = [
                relation
                for field in _MENTIONS
                for group in parse_relations(fields.get(field, ""), "the Packages index")
                for relation in group
            ]
            for order, relation in enumerate(relations):
                # apt takes `NAME:any` for the name of another package.
                if relation.name in here and relation.qualifier in (None, "native", self.architecture):
                    self._mentions.setdefault(relation.name, (place, order))
                    missing.pop(relation.name, None)


def _stanzas(stream: BinaryIO) -> Iterator[bytes]:
    """Cuts a Packages index into its stanzas, deb822(5), without ever holding all of it."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n\n")
        for stanza in whole:
            if stanza.strip():
                yield stanza.lstrip(b"\n")
    if rest.strip():
        yield rest.lstrip(b"\n")


def _field(stanza: bytes, name: bytes) -> str:
    """The value of one field, or nothing; much faster than to parse them all."""
    start = 0 if stanza.startswith(name + b":") else stanza.find(b"\n" + name + b":") + 1
    if start == 0 and not stanza.startswith(name + b":"):
        return ""
    match = _FIELD.match(stanza, start)
    return match[2].decode("utf-8", "replace").strip() if match else ""


def _source(stanza: bytes, name: str) -> str:
    """The name of the source package; the field is left out where it is that of the package."""
    return _field(stanza, b"Source").partition(" ")[0] or name
