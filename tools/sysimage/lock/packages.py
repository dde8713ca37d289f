"""The packages of one architecture: read from Packages indexes as a stream, parsed when asked for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from tools.sysimage.errors import ToolError
from tools.sysimage.lock.relations import Alternatives, Relation, Version, parse_relations

_CHUNK = 1 << 20
_FIELD = re.compile(rb"^([!-9;-~]+):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_PACKAGE = re.compile(rb"^Package:[ \t]*(\S+)", re.MULTILINE)
_VERSION = re.compile(rb"^Version:[ \t]*(\S+)", re.MULTILINE)
_PROVIDES = re.compile(rb"^Provides:[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PRIORITIES = ("required", "important", "standard", "optional", "extra")


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
    multi_arch: str
    essential: bool
    priority: str
    origin: Origin
    path: str
    """Below the archive's root, as `pool/main/…`."""
    size: int
    """Bytes of the .deb."""
    sha256: str
    fields: Mapping[str, str]
    """Every field of the stanza; names in lower case."""

    @property
    def rank(self) -> int:
        """The place of its Priority, 0 for `required`; an unknown priority comes last."""
        return _PRIORITIES.index(self.priority) if self.priority in _PRIORITIES else len(_PRIORITIES)

    def relations(self, *fields: str) -> tuple[Alternatives, ...]:
        """The parsed relations of `fields` (`pre-depends`, `depends`…), in that order."""
        where = f"{self.name} {self.version} in {self.origin}"
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

    It holds the stanzas as they came, about 100 MB for Debian's main: parsing the few hundred that are
    reached is much cheaper than parsing them all.
    """

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture
        self._stanzas: dict[str, list[tuple[Origin, bytes]]] = {}
        self._providers: dict[str, list[str]] = {}
        self._essential: dict[str, None] = {}
        self._candidates: dict[str, Package | None] = {}

    def add(self, stream: BinaryIO, origin: Origin) -> None:
        """Reads a Packages index (uncompressed). Suites are to be added in their order of preference."""
        for stanza in _stanzas(stream):
            match = _PACKAGE.search(stanza)
            if not match:
                raise ToolError(f"{origin}: a stanza of the Packages index has no Package field")
            name = match[1].decode()
            self._stanzas.setdefault(name, []).append((origin, stanza))
            if b"\nProvides:" in stanza and (provides := _PROVIDES.search(stanza)):
                where = f"{name} in {origin}"
                for group in parse_relations(provides[1].decode(), where):
                    names = self._providers.setdefault(group[0].name, [])
                    if name not in names:
                        names.append(name)
            if b"\nEssential: yes" in stanza:
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
        """The candidates that provide `name`, each with the entry of its Provides, best first.

        The order is apt's: essential packages, then by Priority, then in the order of the indexes. A
        version that is no candidate provides nothing.
        """
        found = []
        for provider in self._providers.get(name, ()):
            package = self.candidate(provider)
            if package is not None:
                found += [(package, entry) for entry in package.provides if entry.name == name]
        return sorted(found, key=lambda pair: (not pair[0].essential, pair[0].rank))

    def essential(self) -> list[str]:
        """The names of the packages whose candidate says `Essential: yes`, sorted."""
        return sorted(name for name in self._essential if (found := self.candidate(name)) and found.essential)

    def _choose(self, name: str) -> Package | None:
        best: tuple[Origin, bytes] | None = None
        version = ""
        for origin, stanza in self._stanzas.get(name, ()):
            match = _VERSION.search(stanza)
            if not match:
                raise ToolError(f"{origin}: {name} has no Version in the Packages index")
            found = match[1].decode()
            if best is None or Version(found) > Version(version):
                best, version = (origin, stanza), found
        return _parse(*best) if best else None


def _stanzas(stream: BinaryIO) -> Iterator[bytes]:
    """Cuts a Packages index into its stanzas, deb822(5), without ever holding all of it."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n\n")
        for stanza in whole:
            if stanza.strip():
                yield stanza
    if rest.strip():
        yield rest


def _parse(origin: Origin, stanza: bytes) -> Package:
    fields = {
        match[1].decode().lower(): match[2].decode("utf-8", "replace").strip()
        for match in _FIELD.finditer(stanza)
    }
    try:
        package = Package(
            name=fields["package"],
            version=fields["version"],
            architecture=fields["architecture"],
            multi_arch=fields.get("multi-arch", "no"),
            essential=fields.get("essential", "no") == "yes",
            priority=fields.get("priority", "optional"),
            origin=origin,
            path=fields["filename"].removeprefix("./"),
            size=int(fields["size"]),
            sha256=fields["sha256"],
            fields=fields,
        )
    except (KeyError, ValueError) as error:
        raise ToolError(f"{origin}: {fields.get('package')}: bad or missing field: {error}") from error
    if not _SHA256.fullmatch(package.sha256):
        raise ToolError(f"{origin}: {package.name}: '{package.sha256}' is not a SHA-256")
    if ".." in package.path.split("/") or package.path.startswith("/"):
        raise ToolError(f"{origin}: {package.name}: its path {package.path} leaves the archive")
    return package
