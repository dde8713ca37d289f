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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.sysimage.errors import ToolError
from tools.sysimage.lock.manifest import PackageSet, nearest
from tools.sysimage.lock.packages import Index, Package
from tools.sysimage.lock.relations import Alternatives, Relation, format_alternatives

# A chain of dependencies is a recursion of two frames a package: Debian's longest are beyond the
# interpreter's 1,000. Python's own frames don't use the C stack.
_RECURSION_LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class Closure:
    """A resolved set, the packages of the set that it extends included."""

    packages: Mapping[str, Package]
    """By name, in the order of selection."""
    depends: Mapping[str, tuple[str, ...]]
    """Package → the selected packages that fulfil its Pre-Depends and Depends, sorted."""
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


@dataclass(frozen=True, slots=True)
class _Conflict:
    one: Package
    other: Package
    relation: str

    def __str__(self) -> str:
        return f"{self.one} {self.relation}, which {self.other} is or provides"


def resolve(index: Index, wanted: PackageSet, base: Closure | None = None) -> Closure:
    """Resolves the set `wanted` against `index`, on top of the closure of the set that it extends.

    Raises ToolError: an unknown package (with the nearest names), a dependency that can't be met (with
    the chain to it), a conflict (with both sides).
    """
    where = f"set {wanted.name} ({index.architecture})"
    sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
    # Each round puts one more package last among alternatives, so that there is an end.
    avoid: set[str] = set()
    first: _Conflict | None = None
    while True:
        resolver = _Resolver(index, wanted, base, avoid)
        try:
            resolver.select(where)
        except _UnmetError as error:
            chain = " → ".join(reversed(error.chain))
            raise ToolError(f"{where}: {chain} {error.problem}") from error
        conflict = next(resolver.conflicts(), None)
        if conflict is None:
            return resolver.closure()
        first = first or conflict
        culprit = resolver.other_choice(conflict)
        if culprit is None:
            raise ToolError(
                f"{where}: {first.one.name} and {first.other.name} can't be installed together: {first}; "
                f"ask for one of them only, or exclude what brings in the other"
            )
        avoid.add(culprit)


class _Resolver:
    """One attempt: the packages selected so far, and why."""

    def __init__(self, index: Index, wanted: PackageSet, base: Closure | None, avoid: set[str]) -> None:
        self.index = index
        self.wanted = wanted
        self.avoid = avoid
        self.selected: dict[str, Package] = dict(base.packages) if base else {}
        self.needed_by: dict[str, str | None] = dict(base.needed_by) if base else {}
        # Those that another alternative could have stood for.
        self.chosen: set[str] = set()
        # A name → the selected packages that provide it; kept in step with `selected`.
        self.provided: dict[str, list[tuple[Package, Relation]]] = {}
        for package in self.selected.values():
            self._provide(package)
        self.exclude = {**(base.exclude if base else {}), **wanted.exclude}
        self.used: set[str] = set()
        # What stands for excluded packages: their names and what they provide → the package.
        self.elsewhere = {name: name for name in self.exclude}
        for name in self.exclude:
            candidate = index.candidate(name)
            for entry in candidate.provides if candidate else ():
                self.elsewhere.setdefault(entry.name, name)

    def select(self, where: str) -> None:
        """Selects what the set names and, if it asks for them, the essential packages; then the rest."""
        roots = [self._root(name, where) for name in self.wanted.packages]
        if self.wanted.essential:
            essential = [self.index.candidate(name) for name in self.index.essential()]
            roots += [package for package in essential if package and not self._excluded(package.name)]
        new = [package for package in roots if package.name not in self.selected]
        # All roots before any dependency: what the set names is what fulfils an alternative.
        for package in new:
            self._add(package, None)
        for package in new:
            self._expand(package)

    def closure(self) -> Closure:
        """What was selected."""
        depends = {}
        for name, package in self.selected.items():
            targets = {
                target.name
                for alternatives in package.dependencies
                if (target := next(self._fulfilling(alternatives), None))
            }
            depends[name] = tuple(sorted(targets - {name}))
        unused = tuple(name for name in self.wanted.exclude if name not in self.used)
        return Closure(self.selected, depends, self.needed_by, self.exclude, unused)

    def conflicts(self) -> Iterator[_Conflict]:
        """Pairs of selected packages of which the first conflicts with or breaks the second."""
        for package in self.selected.values():
            for field, verb in (("conflicts", "conflicts with"), ("breaks", "breaks")):
                for alternatives in package.relations(field):
                    for other in self._hit(alternatives[0]):
                        if other is not package:
                            yield _Conflict(package, other, f"{verb} {alternatives[0]}")

    def other_choice(self, conflict: _Conflict) -> str | None:
        """The package nearest to either side of `conflict` in whose place an alternative may be tried.

        Of two, the one selected later, as apt keeps what it marked first.
        """
        order = {name: place for place, name in enumerate(self.selected)}
        found: list[str] = []
        for side in (conflict.one, conflict.other):
            name: str | None = side.name
            while name is not None and not (name in self.chosen and name not in self.avoid):
                name = self.needed_by[name]
            if name is not None:
                found.append(name)
        return max(found, key=order.__getitem__, default=None)

    def _root(self, name: str, where: str) -> Package:
        package = self.index.candidate(name)
        if package is not None:
            return package
        providers = sorted({provider.name for provider, _ in self.index.providers(name)})
        if providers:
            raise ToolError(f"{where}: {name} is a virtual package; name a provider: {', '.join(providers)}")
        raise ToolError(f"{where}: no package {name} in any suite{nearest(name, self.index.names())}")

    def _add(self, package: Package, needed_by: str | None) -> None:
        self.selected[package.name] = package
        self.needed_by[package.name] = needed_by
        self._provide(package)

    def _provide(self, package: Package) -> None:
        for entry in package.provides:
            self.provided.setdefault(entry.name, []).append((package, entry))

    def _undo(self, size: int) -> None:
        """Forgets what was selected after there were `size` packages."""
        while len(self.selected) > size:
            name, package = self.selected.popitem()
            del self.needed_by[name]
            self.chosen.discard(name)
            for entry in package.provides:
                self.provided[entry.name].pop()

    def _excluded(self, name: str) -> bool:
        """Whether `name` is excluded or provided by what is; notes that the exclusion was of use."""
        if name not in self.elsewhere:
            return False
        self.used.add(self.elsewhere[name])
        return True

    def _expand(self, package: Package) -> None:
        for alternatives in package.dependencies:
            self._satisfy(package, alternatives)

    def _satisfy(self, package: Package, alternatives: Alternatives) -> None:
        if next(self._fulfilling(alternatives), None):
            return
        if any(self._excluded(relation.name) for relation in alternatives):
            return
        groups = self._groups(alternatives)
        several = len({choice.name for group in groups for choice in group}) > 1
        deeper: _UnmetError | None = None
        for choice in self._choices(groups):
            size = len(self.selected)
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
        if deeper:
            raise _UnmetError(deeper.problem, (*deeper.chain, package.name))
        problem = f"needs {format_alternatives(alternatives)}: {self._why_not(alternatives)}"
        raise _UnmetError(problem, (package.name,))

    def _fulfilling(self, alternatives: Alternatives) -> Iterator[Package]:
        """The selected packages that fulfil `alternatives`, best first."""
        for relation in alternatives:
            package = self.selected.get(relation.name)
            if package and self._bears(package, relation):
                yield package
            for provider, entry in self.provided.get(relation.name, ()):
                if _provides(provider, entry, relation):
                    yield provider

    def _groups(self, alternatives: Alternatives) -> list[list[Package]]:
        """The candidates that would fulfil each alternative: the real package, then its providers."""
        groups = []
        for relation in alternatives:
            package = self.index.candidate(relation.name)
            groups.append([package] if package and self._bears(package, relation) else [])
            groups.append(
                [
                    provider
                    for provider, entry in self.index.providers(relation.name)
                    if _provides(provider, entry, relation)
                ]
            )
        return groups

    def _choices(self, groups: list[list[Package]]) -> Iterator[Package]:
        """The candidates of `groups` in the order in which to try them, those to avoid last."""
        last: list[Package] = []
        for group in groups:
            # In order only when it is reached: the order among providers is costly.
            for choice in self.index.best_first(group):
                if choice.name in self.avoid:
                    last.append(choice)
                else:
                    yield choice
        yield from last

    def _bears(self, package: Package, relation: Relation) -> bool:
        """Whether `package`, which bears the relation's name, fulfils it (deb-control(5), Multi-Arch)."""
        match relation.qualifier:
            case None:
                fits = True
            case "any":
                fits = package.multi_arch == "allowed"
            case qualifier:
                # A root filesystem has one architecture, which is the native one of `all` packages.
                fits = qualifier in ("native", self.index.architecture)
        return fits and relation.admits(package.version)

    def _hit(self, relation: Relation) -> Iterator[Package]:
        """The selected packages that a relation of Conflicts or Breaks is about."""
        package = self.selected.get(relation.name)
        here = relation.qualifier in (None, "any", "native", self.index.architecture)
        if package and here and relation.admits(package.version):
            yield package
        for provider, entry in self.provided.get(relation.name, ()):
            if relation.admits(entry.version):
                yield provider

    def _why_not(self, alternatives: Alternatives) -> str:
        reasons = []
        for relation in alternatives:
            package = self.index.candidate(relation.name)
            providers = self.index.providers(relation.name)
            if package:
                kind = f" (Multi-Arch: {package.multi_arch})" if relation.qualifier else ""
                reasons.append(f"there is only {package} in {package.origin}{kind}")
            elif providers:
                names = ", ".join(f"{provider} (Provides: {entry})" for provider, entry in providers[:3])
                reasons.append(f"{relation.name} is only provided by {names}")
            else:
                reasons.append(f"no package {relation.name} in any suite")
        return "; ".join(reasons)


def _provides(provider: Package, entry: Relation, relation: Relation) -> bool:
    """Whether an entry of `provider`'s Provides fulfils `relation`: a version only by a versioned one."""
    if relation.qualifier == "any":
        fits = entry.qualifier == "any" or provider.multi_arch == "allowed"
    else:
        fits = entry.qualifier != "any"
    return fits and relation.admits(entry.version)
