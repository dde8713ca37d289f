"""Which packages a set needs: resolution as apt does it, without Recommends.

The rules, each with its test in `tests/lock/resolve_test.py`:

- what the set names is selected first, then what its base selected, then dependencies depth first,
  Pre-Depends before Depends, in the order in which they are written;
- of alternatives, one that something selected already fulfils needs nothing; else they are tried in
  order, and the first that can be had with all that it needs is taken;
- for one alternative, the real package comes before its providers; versions count for both;
- only the candidate of a package counts (the highest version of all suites), never an older one;
- Conflicts and Breaks among the selected are an error that names both sides.
"""

import sys
from collections.abc import Iterable, Iterator
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
    """A resolved set: every package by name, in the order of selection, and what each depends on."""

    packages: dict[str, Package]
    depends: dict[str, tuple[str, ...]]
    """Package → the selected packages that fulfil its Pre-Depends and Depends, sorted."""
    excluded: dict[str, str]
    """What was cut out of this closure → reason; those that were never asked for are left out."""


class _UnmetError(Exception):
    """A dependency that can't be met; `chain` leads from the package that needs it to the set's."""

    def __init__(self, problem: str, chain: tuple[str, ...]) -> None:
        super().__init__(problem)
        self.problem, self.chain = problem, chain


def resolve(index: Index, wanted: PackageSet, base: Closure | None = None) -> Closure:
    """Resolves the set `wanted` against `index`, on top of the closure of the set that it extends.

    The closure includes the base's packages. Raises ToolError: an unknown package (with the nearest
    names), a dependency that can't be met (with the chain to it), a conflict (with both sides).
    """
    where = f"set {wanted.name} ({index.architecture})"
    sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
    resolver = _Resolver(index, wanted, base)
    try:
        resolver.select_roots(where)
    except _UnmetError as error:
        chain = " → ".join(reversed(error.chain))
        raise ToolError(f"{where}: {chain} {error.problem}") from error
    for one, other, relation in resolver.conflicts():
        raise ToolError(
            f"{where}: {one} and {other} can't be installed together: {one.name} {relation}; "
            f"ask for one of them, or exclude what brings in the other"
        )
    return Closure(resolver.selected, resolver.edges(), resolver.excluded)


class _Resolver:
    def __init__(self, index: Index, wanted: PackageSet, base: Closure | None) -> None:
        self.index = index
        self.wanted = wanted
        self.selected: dict[str, Package] = dict(base.packages) if base else {}
        self.excluded: dict[str, str] = dict(base.excluded) if base else {}
        # A name → the selected packages that provide it; kept in step with `selected`.
        self.provided: dict[str, list[tuple[Package, Relation]]] = {}
        for package in self.selected.values():
            self._provide(package)

    def select_roots(self, where: str) -> None:
        """Selects what the set names and, if it asks for them, the essential packages; then the rest."""
        roots = [self._root(name, where) for name in self.wanted.packages]
        if self.wanted.essential:
            essential = (self.index.candidate(name) for name in self.index.essential())
            roots += [package for package in essential if package and not self._cut(package.name)]
        new = [package for package in roots if package.name not in self.selected]
        # All roots before any dependency: what the set names is what fulfils an alternative.
        for package in new:
            self._add(package)
        for package in new:
            self._expand(package)

    def _root(self, name: str, where: str) -> Package:
        package = self.index.candidate(name)
        if package is not None:
            return package
        providers = sorted({provider.name for provider, _ in self.index.providers(name)})
        if providers:
            raise ToolError(f"{where}: {name} is a virtual package; name a provider: {', '.join(providers)}")
        raise ToolError(f"{where}: no package {name} in any suite{nearest(name, self.index.names())}")

    def _add(self, package: Package) -> None:
        self.selected[package.name] = package
        self._provide(package)

    def _provide(self, package: Package) -> None:
        for entry in package.provides:
            self.provided.setdefault(entry.name, []).append((package, entry))

    def _undo(self, size: int) -> None:
        """Forgets what was selected after there were `size` packages."""
        while len(self.selected) > size:
            _, package = self.selected.popitem()
            for entry in package.provides:
                self.provided[entry.name].pop()

    def _cut(self, name: str) -> bool:
        """Whether the set excludes `name`; notes that the exclusion was of use."""
        if name in self.wanted.exclude:
            self.excluded[name] = self.wanted.exclude[name]
        return name in self.excluded

    def _expand(self, package: Package) -> None:
        for alternatives in package.dependencies:
            self._satisfy(package, alternatives)

    def _satisfy(self, package: Package, alternatives: Alternatives) -> None:
        if any(True for _ in self._fulfilling(alternatives)):
            return
        deeper: _UnmetError | None = None
        for alternative in alternatives:
            if self._cut(alternative.name):
                return
            for choice in self._choices(alternative):
                if self._cut(choice.name):
                    return
                size = len(self.selected)
                self._add(choice)
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
            if package and self._real(package, relation):
                yield package
            for provider, entry in self.provided.get(relation.name, ()):
                if _provided(entry, relation):
                    yield provider

    def _choices(self, relation: Relation) -> Iterator[Package]:
        """The candidates that would fulfil `relation`: the real package, then its providers."""
        package = self.index.candidate(relation.name)
        if package and self._real(package, relation):
            yield package
        for provider, entry in self.index.providers(relation.name):
            if _provided(entry, relation) and provider is not package:
                yield provider

    def _real(self, package: Package, relation: Relation) -> bool:
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

    def _why_not(self, alternatives: Alternatives) -> str:
        reasons = []
        for relation in alternatives:
            package = self.index.candidate(relation.name)
            providers = self.index.providers(relation.name)
            if package:
                kind = f" (Multi-Arch: {package.multi_arch})" if relation.qualifier else ""
                reasons.append(f"there is only {package} in {package.origin}{kind}")
            elif providers:
                names = ", ".join(f"{provider} ({entry})" for provider, entry in providers[:3])
                reasons.append(f"{relation.name} is only provided by {names}")
            else:
                reasons.append(f"no package {relation.name} in any suite")
        return "; ".join(reasons)

    def conflicts(self) -> Iterator[tuple[Package, Package, str]]:
        """Pairs of selected packages of which the first conflicts with or breaks the second."""
        for package in self.selected.values():
            for field, verb in (("conflicts", "conflicts with"), ("breaks", "breaks")):
                for alternatives in package.relations(field):
                    for other in self._hit(alternatives[0]):
                        if other.name != package.name:
                            yield package, other, f"{verb} {alternatives[0]}"

    def _hit(self, relation: Relation) -> Iterator[Package]:
        """The selected packages that a relation of Conflicts or Breaks is about."""
        package = self.selected.get(relation.name)
        if package and relation.admits(package.version):
            yield package
        for provider, entry in self.provided.get(relation.name, ()):
            if _provided(entry, relation):
                yield provider

    def edges(self) -> dict[str, tuple[str, ...]]:
        """Which selected packages each selected one rests on: the first that fulfils each dependency."""
        edges = {}
        for name, package in self.selected.items():
            targets: Iterable[Package | None] = (
                next(self._fulfilling(alternatives), None) for alternatives in package.dependencies
            )
            edges[name] = tuple(sorted({target.name for target in targets if target} - {name}))
        return edges


def _provided(entry: Relation, relation: Relation) -> bool:
    """Whether an entry of Provides fulfils `relation`: only a versioned one can meet a version."""
    if relation.qualifier == "any" and entry.qualifier != "any":
        return False
    return relation.admits(entry.version)
