"""Which packages a set needs: resolution as apt does it, without Recommends.

The rules, each with its test in `tests/lock/resolve_test.py`:

- what the set names is selected first, on top of what its base selected; then dependencies, depth first,
  Pre-Depends before Depends, in the order in which they are written;
- of alternatives, one that something selected already fulfils needs nothing; else they are tried in
  order, and the first that can be had with all that it needs is taken;
- for one alternative, the real package comes before its providers; versions count for both;
- only the candidate of a package counts (the highest version of all suites), never an older one;
- where Conflicts or Breaks among the selected can be avoided by another alternative, that is taken; where
  they can't, they are an error that names both sides;
- an excluded package counts as fulfilled by something else, and so does what it provides.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.nearest import nearest
from tools.sysimage.lock.index import Index
from tools.sysimage.lock.manifest import PackageSet
from tools.sysimage.lock.packages import ArchivePackage
from tools.sysimage.lock.relations import AlternativeRelations, Relation, format_alternatives
from tools.sysimage.lock.selection import Conflict, PackageSelection

# A chain of dependencies is a recursion of two frames a package: Debian's longest are beyond the
# interpreter's 1,000. Python's own frames don't use the C stack.
_RECURSION_LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class Closure:
    """A resolved set, the packages of the set that it extends included."""

    packages: Mapping[str, ArchivePackage]
    """By name, in the order of selection."""
    depends: Mapping[str, tuple[str, ...]]
    """Package → the selected packages that fulfil its Pre-Depends and Depends, sorted."""
    unmet: Mapping[str, tuple[str, ...]]
    """Package → those of its dependencies that nothing fulfils, because of `exclude`."""
    needed_by: Mapping[str, str | None]
    """Package → the package for which it was selected; None for what a set names or is essential."""
    exclude: Mapping[str, str]
    """Package → reason, of this set and of what it extends."""
    unused: tuple[str, ...]
    """Which exclusions of the set itself made no difference."""


class _UnmetError(Exception):
    """A dependency that can't be met; `chain` leads from the package that needs it up to the set's."""

    def __init__(self, problem: str, chain: tuple[str, ...]) -> None:
        super().__init__(problem)
        self.problem, self.chain = problem, chain


class _HeldBackError(Exception):
    """The locked version of the package `name` has to be let go for the set to be met."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def resolve_sets(index: Index, sets: Iterable[PackageSet]) -> dict[str, Closure]:
    """Resolves all sets, each after the one that it extends. Raises ToolError as `resolve` does.

    What the index holds at its locked version stays there unless a set can't be met with it: then that
    one package is released, and all sets are resolved anew, since they share its version.
    """
    sets = tuple(sets)
    while True:
        closures: dict[str, Closure] = {}
        try:
            for wanted in sets:
                base = closures[wanted.extends] if wanted.extends else None
                closures[wanted.name] = _resolve(index, wanted, base)
        except _HeldBackError as error:
            index.release(error.name)
        else:
            return closures


def resolve(index: Index, wanted: PackageSet, base: Closure | None = None) -> Closure:
    """Resolves the set `wanted` against `index`, on top of the closure of the set that it extends.

    Packages that the index holds are released where they have to be. Raises ToolError: an unknown package
    (with the nearest names), a dependency that can't be met (with the chain to it), a conflict (with both
    sides).
    """
    while True:
        try:
            return _resolve(index, wanted, base)
        except _HeldBackError as error:
            index.release(error.name)


def _resolve(index: Index, wanted: PackageSet, base: Closure | None) -> Closure:
    """As `resolve`; raises _HeldBackError where a held package is in the way."""
    where = f"set {wanted.name} ({index.architecture})"
    sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
    # Each round puts one more package last among alternatives, so that there is an end.
    avoid: list[str] = []
    first: Conflict | None = None
    while True:
        resolver = _Resolver(index, wanted, base, avoid)
        try:
            resolver.select(where)
        except _UnmetError as error:
            chain = " → ".join(reversed(error.chain))
            raise ToolError(f"{where}: {chain} {error.problem}") from error
        conflict = next(resolver.selection.conflicts(), None)
        if conflict is None:
            return resolver.closure()
        for side in (conflict.one, conflict.other):
            if index.upgradable(side.name):
                raise _HeldBackError(side.name)
        first = first or conflict
        culprit = resolver.other_choice(conflict)
        if culprit is None:
            resolver.release_for(conflict)
            raise ToolError(
                f"{where}: {first.one.name} and {first.other.name} can't be installed together: {first}; "
                f"ask for one of them only, or exclude what brings in the other"
            )
        avoid.append(culprit)


class _Resolver:
    """One attempt: the packages selected so far, and why."""

    def __init__(self, index: Index, wanted: PackageSet, base: Closure | None, avoid: list[str]) -> None:
        self.index = index
        self.wanted = wanted
        self.avoid = avoid
        self.selection = PackageSelection(index.architecture, base.packages.values() if base else ())
        self.needed_by: dict[str, str | None] = dict(base.needed_by) if base else {}
        # Those that another alternative could have stood for.
        self.chosen: set[str] = set()
        self.exclude = {**(base.exclude if base else {}), **wanted.exclude}
        self.used: set[str] = set()
        # What stands for excluded packages: their names and what they provide → the package.
        self.elsewhere = {name: name for name in self.exclude}
        for name in self.exclude:
            candidate = index.candidate(name)
            for entry in candidate.provides if candidate else ():
                self.elsewhere.setdefault(entry.name, name)

    def select(self, where: str) -> None:
        """Selects what the set names, what is essential or required if it asks for these, then the rest."""
        roots = {name: self._root(name, where) for name in self.wanted.packages}
        unnamed = self.index.essential() if self.wanted.essential else []
        unnamed += self.index.required() if self.wanted.required else []
        for name in unnamed:
            if name not in roots and not self._excluded(name):
                roots[name] = self._root(name, where)
        new = [package for name, package in roots.items() if name not in self.selection.packages]
        # All roots before any dependency: what the set names is what fulfils an alternative.
        for package in new:
            self._add(package, None)
        for package in new:
            self._expand(package)

    def closure(self) -> Closure:
        """What was selected."""
        return Closure(
            packages=self.selection.packages,
            depends=self.selection.depends(),
            unmet=self.selection.unmet(),
            needed_by=self.needed_by,
            exclude=self.exclude,
            unused=tuple(name for name in self.wanted.exclude if name not in self.used),
        )

    def other_choice(self, conflict: Conflict) -> str | None:
        """The package nearest to either side of `conflict` in whose place an alternative may be tried.

        Of two, the one selected later, as apt keeps what it marked first.
        """
        order = {name: place for place, name in enumerate(self.selection.packages)}
        found: list[str] = []
        for side in (conflict.one, conflict.other):
            name: str | None = side.name
            while name is not None and not (name in self.chosen and name not in self.avoid):
                name = self.needed_by[name]
            if name is not None:
                found.append(name)
        return max(found, key=order.__getitem__, default=None)

    def release_for(self, conflict: Conflict) -> None:
        """Raises _HeldBackError if either side of `conflict` is there for a package that is held back."""
        for side in (conflict.one, conflict.other):
            name: str | None = side.name
            while name is not None:
                if self.index.upgradable(name):
                    raise _HeldBackError(name)
                name = self.needed_by[name]

    def _root(self, name: str, where: str) -> ArchivePackage:
        package = self.index.candidate(name)
        if package is not None:
            return package
        providers = sorted({provider.name for provider, _ in self.index.providers(name)})
        if providers:
            raise ToolError(f"{where}: {name} is a virtual package; name a provider: {', '.join(providers)}")
        raise ToolError(f"{where}: no package {name} in any suite{nearest(name, self.index.names())}")

    def _add(self, package: ArchivePackage, needed_by: str | None) -> None:
        self.selection.add(package)
        self.needed_by[package.name] = needed_by

    def _undo(self, size: int) -> None:
        """Forgets what was selected after there were `size` packages."""
        while len(self.selection.packages) > size:
            name = self.selection.pop().name
            del self.needed_by[name]
            self.chosen.discard(name)

    def _excluded(self, name: str) -> bool:
        """Whether `name` is excluded or provided by what is; notes that the exclusion was of use."""
        if name not in self.elsewhere:
            return False
        self.used.add(self.elsewhere[name])
        return True

    def _expand(self, package: ArchivePackage) -> None:
        for alternatives in package.dependencies:
            self._satisfy(package, alternatives)

    def _satisfy(self, package: ArchivePackage, alternatives: AlternativeRelations) -> None:
        if next(self.selection.fulfilling(alternatives), None):
            return
        if any(self._excluded(relation.name) for relation in alternatives):
            return
        groups = [group for relation in alternatives for group in self._groups(relation)]
        several = len({choice.name for group in groups for choice in group}) > 1
        deeper: _UnmetError | None = None
        for choice in self._choices(alternatives):
            size = len(self.selection.packages)
            self._add(choice, package.name)
            if several:
                self.chosen.add(choice.name)
            try:
                self._expand(choice)
            except _UnmetError as error:
                self._undo(size)
                deeper = deeper or error
            else:
                return
        if self.index.upgradable(package.name):
            raise _HeldBackError(package.name)
        if deeper:
            raise _UnmetError(deeper.problem, (*deeper.chain, package.name))
        problem = f"needs {format_alternatives(alternatives)}: {self._why_not(alternatives)}"
        raise _UnmetError(problem, (package.name,))

    def _groups(self, relation: Relation) -> tuple[list[ArchivePackage], list[ArchivePackage]]:
        """The candidates that would fulfil one alternative: the real package, and its providers."""
        package = self.index.candidate(relation.name)
        return (
            [package] if package and self.selection.satisfies(package, relation) else [],
            [
                provider
                for provider, entry in self.index.providers(relation.name)
                if self.selection.provides(provider, entry, relation)
            ],
        )

    def _choices(self, alternatives: AlternativeRelations) -> Iterator[ArchivePackage]:
        """The candidates in the order in which to try them; those to avoid come last, as they were found.

        Raises _HeldBackError where one comes in between that is held at a version which won't do.
        """
        last: list[ArchivePackage] = []
        for relation in alternatives:
            real, providing = self._groups(relation)
            if not real:
                self._release(relation, [relation.name])
            if not real and not providing:
                self._release(relation, self.index.provider_names(relation.name))
            # For apt, a name with a qualifier is another name, which the real package provides as others do.
            groups = [real + providing] if relation.qualifier else [real, providing]
            # In order only when it is reached: the order among providers is costly.
            for group in groups:
                for choice in self.index.best_first(group):
                    if choice.name in self.avoid:
                        last.append(choice)
                    else:
                        yield choice
        yield from sorted(last, key=lambda choice: self.avoid.index(choice.name))

    def _release(self, relation: Relation, names: Iterable[str]) -> None:
        """Raises _HeldBackError for the first of `names` whose latest version would fulfil `relation`."""
        for name in names:
            latest = self.index.latest(name) if self.index.upgradable(name) else None
            if latest and next(
                PackageSelection(self.index.architecture, [latest]).fulfilling((relation,)), None
            ):
                raise _HeldBackError(name)

    def _why_not(self, alternatives: AlternativeRelations) -> str:
        reasons = []
        for relation in alternatives:
            # Not the locked version, which says nothing about what the archive has.
            package = self.index.latest(relation.name) or self.index.candidate(relation.name)
            providers = self.index.providers(relation.name)
            if package:
                kind = f" (Multi-Arch: {package.multi_arch})" if relation.qualifier else ""
                reasons.append(f"there is only {package} in {package.origin}{kind}{self._hint(relation)}")
            elif providers:
                names = ", ".join(f"{provider} (Provides: {entry})" for provider, entry in providers[:3])
                reasons.append(f"{relation.name} is only provided by {names}")
            else:
                reasons.append(f"no package {relation.name} in any suite")
        return "; ".join(reasons)

    def _hint(self, relation: Relation) -> str:
        """What to do where a version that is no candidate would fulfil `relation`."""
        for package in self.index.versions(relation.name):
            if self.selection.satisfies(package, relation):
                return (
                    f"; {package.version} of {package.origin} would do: "
                    f'[[pin]] packages = ["{package.name}"], suite = "{package.origin.suite}"'
                )
        return ""
