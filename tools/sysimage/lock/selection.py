"""Packages that a set installs side by side, and which of them fulfils which relation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tools.sysimage.lock.packages import ArchivePackage
from tools.sysimage.lock.relations import AlternativeRelations, Relation, format_alternatives


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two packages that can't be installed together: `one` conflicts with or breaks `other`."""

    one: ArchivePackage
    other: ArchivePackage
    relation: str

    def __str__(self) -> str:
        return f"{self.one} {self.relation}, which {self.other} is or provides"


class PackageSelection:
    """The packages selected for one architecture, in the order of selection."""

    def __init__(self, architecture: str, packages: Iterable[ArchivePackage] = ()) -> None:
        self.architecture = architecture
        self.packages: dict[str, ArchivePackage] = {}
        # A name → the selected packages that provide it; kept in step with `packages`.
        self._provided: dict[str, list[tuple[ArchivePackage, Relation]]] = {}
        for package in packages:
            self.add(package)

    def add(self, package: ArchivePackage) -> None:
        """Selects `package`, of which no other version is selected."""
        self.packages[package.name] = package
        for entry in package.provides:
            self._provided.setdefault(entry.name, []).append((package, entry))

    def pop(self) -> ArchivePackage:
        """Forgets the package that was selected last."""
        _, package = self.packages.popitem()
        for entry in package.provides:
            self._provided[entry.name].pop()
        return package

    def fulfilling(self, alternatives: AlternativeRelations) -> Iterator[ArchivePackage]:
        """The selected packages that fulfil `alternatives`, best first."""
        for relation in alternatives:
            package = self.packages.get(relation.name)
            if package and self.satisfies(package, relation):
                yield package
            for provider, entry in self._provided.get(relation.name, ()):
                if self.provides(provider, entry, relation):
                    yield provider

    def satisfies(self, package: ArchivePackage, relation: Relation) -> bool:
        """Whether `package`, which has the relation's name, is what it means (deb-control(5), Multi-Arch)."""
        kind = self._kind(relation)
        fits = kind == self.architecture or (kind == "any" and package.multi_arch == "allowed")
        return fits and relation.admits(package.version)

    def provides(self, provider: ArchivePackage, entry: Relation, relation: Relation) -> bool:
        """Whether `relation` means what an entry of `provider`'s Provides stands for.

        A version is only met by a versioned entry. With `:any`, a name is another name: what is provided as
        such, and what a package that is Multi-Arch: allowed is or provides.
        """
        kind = self._kind(relation)
        allowed = kind == "any" and entry.qualifier is None and provider.multi_arch == "allowed"
        return (allowed or kind == self._kind(entry)) and relation.admits(entry.version)

    def _kind(self, relation: Relation) -> str:
        """The relation's architecture, or `any`."""
        # A root filesystem has one architecture, which is the native one of `all` packages.
        qualifier = relation.qualifier
        return self.architecture if qualifier is None or qualifier == "native" else qualifier

    def conflicts(self) -> Iterator[Conflict]:
        """Pairs of selected packages of which the first conflicts with or breaks the second."""
        for package in self.packages.values():
            for field, verb in (("conflicts", "conflicts with"), ("breaks", "breaks")):
                for alternatives in package.relations(field):
                    for other in self.fulfilling(alternatives):
                        if other is not package:
                            yield Conflict(package, other, f"{verb} {alternatives[0]}")

    def depends(self) -> dict[str, tuple[str, ...]]:
        """Each package → the packages that fulfil its Pre-Depends and Depends, sorted.

        Of several that provide what it needs, that is the first by name: what a lock says tells nothing
        of the order in which its packages were selected.
        """
        by_name = PackageSelection(self.architecture, (self.packages[name] for name in sorted(self.packages)))
        depends = {}
        for name, package in self.packages.items():
            targets = {
                target.name
                for alternatives in package.dependencies
                if (target := next(by_name.fulfilling(alternatives), None))
            }
            depends[name] = tuple(sorted(targets - {name}))
        return depends

    def unmet(self) -> dict[str, tuple[str, ...]]:
        """Each package that needs what no selected one is → these dependencies, as Depends writes them."""
        unmet = {}
        for name, package in self.packages.items():
            missing = [
                format_alternatives(alternatives)
                for alternatives in package.dependencies
                if not next(self.fulfilling(alternatives), None)
            ]
            if missing:
                unmet[name] = tuple(dict.fromkeys(missing))
        return unmet
