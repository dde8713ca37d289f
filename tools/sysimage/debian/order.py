"""The order of an installation: what apt(8) unpacks, and what dpkg(1) configures when.

It can be seen in the result: numbers of users and groups, the order of triggers, which alternative or
diversion came first.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tools.sysimage.debian import configure_queue
from tools.sysimage.debian.configure_queue import Group, Steps
from tools.sysimage.debian.dpkg import Package

_PRIORITIES = {"required": 5, "important": 4, "standard": 3, "optional": 1}


@dataclass(frozen=True, slots=True)
class Batch:
    """Packages that one run of dpkg unpacks one after the other, and what the next run configures."""

    unpack: list[Package]
    names: list[str]  # of what is configured
    before: frozenset[str]  # the names of those that are configured already
    have: PackageNames
    last: bool = True  # of an installation: all that is left is configured, and triggers are processed
    by_table: bool = False  # whether dpkg finds them in its table, as none is named to it

    def configure(self, steps: Steps, pending: Collection[str] = ()) -> None:
        """Configures them as one run of dpkg does; `pending` have triggers from before."""
        queue = configure_queue.by_table({*self.names, *pending}) if self.by_table else self.names
        configure_queue.run(self.have.groups, self.have.has_postinst, queue, self.before, steps)


class PackageNames:
    """The packages of a set by name, with what they provide."""

    def __init__(self, packages: Iterable[Package]) -> None:
        self.by_name = {package.name: package for package in packages}
        self.names = sorted(self.by_name)
        self._groups: dict[str, list[Group]] = {}
        self.providers: dict[str, list[str]] = {}
        # apt takes what has a higher priority.
        for name in sorted(self.names, key=lambda name: -_priority(self.by_name[name])):
            for group in self.by_name[name].relation("Provides"):
                for alternative in group:
                    self.providers.setdefault(alternative.name, []).append(name)

    def has_postinst(self, name: str) -> bool:
        """Whether a package has a postinst."""
        return "postinst" in self.by_name[name].deb.control

    def groups(self, name: str) -> list[Group]:
        """What a package depends on: for each group its alternatives, each with what satisfies it."""
        found = self._groups.get(name)
        if found is None:
            found = [
                alternatives
                for key in ("Depends", "Pre-Depends")
                for group in self.by_name[name].relation(key)
                if any(alternatives := [self._candidates(alternative.name) for alternative in group])
            ]
            self._groups[name] = found
        return found

    def _candidates(self, name: str) -> list[str]:
        return [name] * (name in self.by_name) + self.providers.get(name, [])

    def needs(self, name: str, key: str) -> Iterator[list[str]]:
        """For each group of a relation the packages of the set that can satisfy it, if any can."""
        for group in self.by_name[name].relation(key):
            # A package itself before what provides it.
            found = [
                candidate
                for alternative in group
                for candidate in ([alternative.name] * (alternative.name in self.by_name))
                or self.providers.get(alternative.name, [])
            ]
            if found:
                yield found

    def targets(self, name: str, key: str) -> Iterator[str]:
        """All packages of the set that can satisfy a part of a relation, in apt's order.

        Of those that provide a name, the one that its index has last comes first.
        """
        for group in self.by_name[name].relation(key):
            for alternative in group:
                if alternative.name in self.by_name:
                    yield alternative.name
                yield from sorted(self.providers.get(alternative.name, ()), reverse=True)


def batches(packages: Iterable[Package], base: Collection[str] = ()) -> list[Batch]:
    """The batches of an installation, as a bootstrap with apt has them.

    The first is what is essential with all it needs. The rest comes in one order, which stops before each
    package that pre-depends on what is not configured yet: that is configured, with what it needs. The
    packages named in `base` are installed before all others, by an installation of their own.
    """
    packages = list(packages)
    first = [package for package in packages if package.name in base]
    found = batches(first) if first else []
    have = PackageNames(packages)
    seen = {package.name for batch in found for package in batch.unpack}
    before = frozenset(seen)
    essential = _closure(
        have, [name for name in _by_score(have, have.names) if have.by_name[name].essential], seen
    )
    # mmdebstrap names the files of all of them to one run of dpkg, in apt's order.
    found.append(Batch(essential, [package.name for package in essential], before, have))
    found += _Runs(have, frozenset(seen)).made(_closure(have, _by_score(have, have.names), seen, every=True))
    return [batch for batch in found if batch.unpack]


@dataclass(slots=True)
class _Runs:
    """The runs of dpkg that apt starts (its packagemanager.cc)."""

    have: PackageNames
    configured: frozenset[str]
    unpack: list[Package] = field(default_factory=list)
    waiting: dict[str, None] = field(default_factory=dict)  # what is unpacked, and not configured
    found: list[Batch] = field(default_factory=list)

    def made(self, packages: Sequence[Package]) -> list[Batch]:
        """The runs for packages in the order in which they are unpacked."""
        for package in packages:
            names: dict[str, None] = {}
            for group in self.have.needs(package.name, "Pre-Depends"):
                self._configure(group, names)
            self._end(list(names), last=False)
            self.unpack.append(package)
            self.waiting[package.name] = None
        self._end(list(self.waiting), last=True)
        return self.found

    def _end(self, names: list[str], *, last: bool) -> None:
        if names:
            self.found.append(Batch(self.unpack, names, self.configured, self.have, last, by_table=last))
            self.unpack = []
            self.configured |= set(names)
            for name in names:
                del self.waiting[name]

    def _configure(self, group: Collection[str], names: dict[str, None]) -> None:
        """Adds what a group has to configure, after what it needs; cycles end where they close."""
        stack: list[tuple[str, Iterator[Collection[str]]]] = [("", iter([group]))]
        entered: set[str] = set()
        while stack:
            name, rest = stack[-1]
            following = next((found for found in map(self._first, rest) if found), "")
            if following and following not in entered:
                entered.add(following)
                stack.append((following, self._needs(following)))
            elif not following:
                stack.pop()
                if name:
                    names[name] = None

    def _first(self, group: Collection[str]) -> str:
        """Which package of a group is unpacked and to be configured, "" where one is already."""
        if self.configured.intersection(group):
            return ""
        return next((name for name in group if name in self.waiting), "")

    def _needs(self, name: str) -> Iterator[Collection[str]]:
        for key in ("Pre-Depends", "Depends"):
            yield from self.have.needs(name, key)


def _by_score(have: PackageNames, names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: (-_score(have.by_name[name]), name))


def _score(package: Package) -> int:
    """How early apt unpacks a package (its orderlist.cc), beside what it depends on."""
    return 50 * bool(package.deb.fields.get("Pre-Depends")) + _priority(package)


def _priority(package: Package) -> int:
    return _PRIORITIES.get(package.deb.fields.get("Priority", "").lower(), 0)


def _closure(
    have: PackageNames, roots: Sequence[str], seen: set[str], *, every: bool = False
) -> list[Package]:
    """The roots in their order with what they need, a package after what it depends on, Pre-Depends first.

    Of what satisfies a dependency it is the first; or every package, as apt unpacks all of these before.
    Cycles are broken where they close. Adds to `seen`, and leaves out what is there already.
    """
    order: list[Package] = []

    def needs(name: str) -> Iterator[str]:
        for key in ("Pre-Depends", "Depends"):
            if every:
                yield from have.targets(name, key)
            else:
                yield from (group[0] for group in have.needs(name, key))

    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, needs(root))]
        while stack:
            name, rest = stack[-1]
            following = next((need for need in rest if need not in seen), None)
            if following is None:
                stack.pop()
                order.append(have.by_name[name])
            else:
                seen.add(following)
                stack.append((following, needs(following)))
    return order
