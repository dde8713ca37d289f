"""The packages of one architecture: read from Packages indexes as a stream, parsed when asked for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from tools.sysimage.errors import ToolError
from tools.sysimage.lock.relations import Alternatives, Relation, parse_relations, parse_version

_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELD = re.compile(rb"^([!-9;-~]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_PRIORITIES = ("", "required", "important", "standard", "optional", "extra")
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


@dataclass(frozen=True, slots=True)
class Origin:
    """Which index a stanza came from."""

    archive: str
    suite: str
    component: str

    def __str__(self) -> str:
        return f"{self.suite}/{self.component}"


@dataclass(frozen=True, eq=False)
class Package:
    """One version of one package, as its stanza in a Packages index tells it."""

    name: str
    version: str
    architecture: str
    origin: Origin
    path: str
    """Below the archive's root, as `pool/main/…`."""
    size: int
    """Bytes of the .deb."""
    sha256: str
    fields: Mapping[str, str]
    """Every field of the stanza; names in lower case."""

    @property
    def essential(self) -> bool:
        """Whether other packages may use it without naming it (Debian policy 3.8)."""
        return self.fields.get("essential") == "yes"

    @property
    def multi_arch(self) -> str:
        """`no`, `same`, `foreign` or `allowed`, deb-control(5)."""
        return self.fields.get("multi-arch", "no")

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Its place among packages that provide the same, the smallest first: what apt trusts more."""
        important = "yes" in (self.fields.get("important"), self.fields.get("protected"))
        # For apt, a package without a Priority stands above those that are required.
        priority = self.fields.get("priority", "")
        place = _PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES)
        return not self.essential, not important, place

    def relations(self, *fields: str) -> tuple[Alternatives, ...]:
        """The parsed relations of `fields` (`pre-depends`, `depends`…), in that order. Raises ToolError."""
        where = f"{self} in {self.origin}"
        return tuple(
            group for field in fields for group in parse_relations(self.fields.get(field, ""), where)
        )

    @cached_property
    def dependencies(self) -> tuple[Alternatives, ...]:
        """Pre-Depends and Depends, in this order."""
        return self.relations("pre-depends", "depends")

    @cached_property
    def provides(self) -> tuple[Relation, ...]:
        """What it provides; the version of each is exact or absent (Debian policy 7.5)."""
        return tuple(relation for group in self.relations("provides") for relation in group)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Index:
    """All packages of one architecture, from all suites; each name has one candidate, as in apt.

    It holds the stanzas as they came, about 60 MB for Debian's main: to parse the few hundred that are
    reached is much cheaper than to parse them all.
    """

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture
        self._stanzas: dict[str, list[tuple[Origin, bytes]]] = {}
        self._order: list[bytes] = []
        self._providers: dict[str, dict[str, None]] = {}
        self._essential: dict[str, None] = {}
        self._candidates: dict[str, Package | None] = {}
        self._mentions: dict[str, tuple[int, int]] = {}

    def add(self, stream: BinaryIO, origin: Origin) -> None:
        """Reads a Packages index (uncompressed). Indexes are to be added in their order of preference.

        Raises ToolError if it is not written as deb822(5) says.
        """
        for stanza in _stanzas(stream):
            name = _field(stanza, b"Package")
            if not name:
                raise ToolError(f"{origin}: a stanza of the Packages index has no Package field")
            self._stanzas.setdefault(name, []).append((origin, stanza))
            self._order.append(stanza)
            # Cheap tests first: a search by pattern in each of 70,000 stanzas takes a second.
            if b"\nProvides:" in stanza:
                for group in parse_relations(_field(stanza, b"Provides"), f"{name} in {origin}"):
                    self._providers.setdefault(group[0].name, {})[name] = None
            if b"\nEssential:" in stanza:
                self._essential[name] = None

    def __contains__(self, name: str) -> bool:
        return name in self._stanzas

    def names(self) -> Iterable[str]:
        """The names of all packages."""
        return self._stanzas.keys()

    def candidate(self, name: str) -> Package | None:
        """The version that would be installed: the highest of all suites, of equals the first added."""
        if name not in self._candidates:
            self._candidates[name] = self._choose(name)
        return self._candidates[name]

    def providers(self, name: str) -> list[tuple[Package, Relation]]:
        """The candidates that provide `name`, each with the entry of its Provides, in no order of worth.

        A version that is no candidate provides nothing.
        """
        return [
            (package, entry)
            for provider in self._providers.get(name, ())
            if (package := self.candidate(provider))
            for entry in package.provides
            if entry.name == name
        ]

    def best_first(self, providers: list[Package]) -> list[Package]:
        """Orders packages that provide the same as apt does.

        Essential packages come first, then by Priority; of equals the one that the indexes mention last,
        in whatever field: arbitrary, but it is apt's choice, and costs a search (0.1 s for Debian's main).
        """
        if len({package.rank for package in providers}) == len(providers):
            return sorted(providers, key=lambda package: package.rank)
        self._find_mentions({package.name for package in providers})
        return sorted(
            sorted(providers, key=lambda package: self._mentions[package.name], reverse=True),
            key=lambda package: package.rank,
        )

    def essential(self) -> list[str]:
        """The names of the packages whose candidate says `Essential: yes`, sorted."""
        return sorted(name for name in self._essential if (found := self.candidate(name)) and found.essential)

    def _choose(self, name: str) -> Package | None:
        best: tuple[Origin, bytes] | None = None
        highest = ""
        for origin, stanza in self._stanzas.get(name, ()):
            version = _field(stanza, b"Version")
            if not version:
                raise ToolError(f"{origin}: {name} has no Version in the Packages index")
            if best is None or parse_version(version) > parse_version(highest):
                best, highest = (origin, stanza), version
        return _parse(*best) if best else None

    def _find_mentions(self, names: set[str]) -> None:
        """Notes where the indexes first mention each of `names`, which are packages."""
        missing = {name: name.encode() for name in names if name not in self._mentions}
        for place, stanza in enumerate(self._order):
            if not missing:
                return
            here = {name for name, pattern in missing.items() if pattern in stanza}
            if not here:
                continue
            fields = _fields(stanza)
            relations = [
                relation
                for field in _MENTIONS
                for group in parse_relations(fields.get(field, ""), "the Packages index")
                for relation in group
            ]
            for order, relation in enumerate(relations):
                # apt takes `NAME:any` for the name of another package.
                if relation.name in here and relation.qualifier in (None, self.architecture):
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


def _fields(stanza: bytes) -> dict[str, str]:
    """All fields; names in lower case, since deb822 ignores it; a folded value keeps its line breaks."""
    return {
        match[1].decode().lower(): match[2].decode("utf-8", "replace").strip()
        for match in _FIELD.finditer(stanza)
    }


def _parse(origin: Origin, stanza: bytes) -> Package:
    fields = _fields(stanza)
    try:
        package = Package(
            name=fields["package"],
            version=fields["version"],
            architecture=fields["architecture"],
            origin=origin,
            path=fields["filename"].removeprefix("./"),
            size=int(fields["size"]),
            sha256=fields["sha256"].lower(),
            fields=fields,
        )
    except KeyError as error:
        raise ToolError(f"{origin}: {fields.get('package')} lacks the field {error}") from error
    except ValueError as error:
        raise ToolError(f"{origin}: {fields['package']}: Size is no number: {fields['size']}") from error
    if not _SHA256.fullmatch(package.sha256):
        raise ToolError(f"{origin}: {package.name}: '{package.sha256}' is not a SHA-256")
    if ".." in package.path.split("/") or package.path.startswith("/"):
        raise ToolError(f"{origin}: {package.name}: its path {package.path} leaves the archive")
    return package
