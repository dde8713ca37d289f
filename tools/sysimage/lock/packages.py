"""A package, as its stanza in a Packages index tells it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from debian.deb822 import Packages

from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock.relations import AlternativeRelations, Relation, parse_relations

# Priorities of suites, apt_preferences(5); what no index lists has one below all of them.
DEFAULT_PRIORITY = 500
GONE = -1

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Which index a stanza came from."""

    archive: str
    suite: str
    component: str
    priority: int = DEFAULT_PRIORITY
    """As apt_preferences(5) ranks the suite; a higher one beats any version."""
    security: bool = False
    """Whether the suite holds security updates."""

    @property
    def place(self) -> tuple[str, str, str]:
        """What tells one index from another."""
        return self.archive, self.suite, self.component

    def __str__(self) -> str:
        return f"{self.suite}/{self.component}"


@dataclass(frozen=True, eq=False)
class ArchivePackage:
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
    """Every field of the stanza; the case of names does not count."""

    @property
    def gone(self) -> bool:
        """Whether it is known from an older lock only: no index lists it any more."""
        return self.origin.priority == GONE

    @property
    def essential(self) -> bool:
        """Whether other packages may use it without naming it (Debian policy 3.8)."""
        return self.fields.get("essential") == "yes"

    @property
    def required(self) -> bool:
        """Whether the system is broken without it (Debian policy 2.5)."""
        return self.fields.get("priority") == "required"

    @property
    def multi_arch(self) -> str:
        """`no`, `same`, `foreign` or `allowed`, deb-control(5)."""
        return self.fields.get("multi-arch", "no")

    def relations(self, *fields: str) -> tuple[AlternativeRelations, ...]:
        """The parsed relations of `fields` (`pre-depends`, `depends`…), in that order. Raises ToolError."""
        where = f"{self} in {self.origin}"
        return tuple(
            group for field in fields for group in parse_relations(self.fields.get(field, ""), where)
        )

    @cached_property
    def dependencies(self) -> tuple[AlternativeRelations, ...]:
        """Pre-Depends and Depends, in this order."""
        return self.relations("pre-depends", "depends")

    @cached_property
    def provides(self) -> tuple[Relation, ...]:
        """What it provides; the version of each is exact or absent (Debian policy 7.5)."""
        return tuple(relation for group in self.relations("provides") for relation in group)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def parse_stanza(text: bytes, origin: Origin) -> ArchivePackage:
    """The package of one stanza of a Packages index. Raises ToolError if a field is missing or damaged."""
    fields = Packages(text)
    try:
        package = ArchivePackage(
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields["Architecture"],
            origin=origin,
            path=fields["Filename"].removeprefix("./"),
            size=int(fields["Size"]),
            sha256=fields["SHA256"].lower(),
            fields=fields,
        )
    except KeyError as error:
        raise ToolError(f"{origin}: {fields.get('Package')} lacks the field {error}") from error
    except ValueError as error:
        raise ToolError(f"{origin}: {fields['Package']}: Size is no number: {fields['Size']}") from error
    if not _SHA256.fullmatch(package.sha256):
        raise ToolError(f"{origin}: {package.name}: '{package.sha256}' is not a SHA-256")
    if ".." in package.path.split("/") or package.path.startswith("/"):
        raise ToolError(f"{origin}: {package.name}: its path {package.path} leaves the archive")
    return package
