"""The order of an installation: what apt(8) unpacks, and what dpkg(1) configures when.

It can be seen in the result: numbers of users and groups, the order of triggers, which alternative or
diversion came first.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package

_BINS = 65521  # of dpkg's hash table of packages
_PRIORITIES = {"required": 5, "important": 4, "standard": 3, "optional": 1}


@dataclass(frozen=True, slots=True)
class Batch:
    """Packages that are unpacked one after the other, and then configured."""

    unpack: list[Package]
    configure: list[Package]


class _Set:
    """The packages of a set by name, with what they provide."""

    def __init__(self, packages: Iterable[Package]) -> None:
        self.by_name = {package.name: package for package in packages}
        self.names = sorted(self.by_name)
        self.providers: dict[str, list[str]] = {}
        for name in self.names:
            for group in self.by_name[name].relation("Provides"):
                for alternative in group:
                    self.providers.setdefault(alternative.name, []).append(name)

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


def batches(packages: Iterable[Package], base: Collection[str] = ()) -> list[Batch]:
    """The batches of an installation, as a bootstrap with apt has them.

    The first is what is essential with all it needs; then what others pre-depend on with all it needs;
    then the rest. The packages named in `base` are installed before all others, by an installation of
    their own.
    """
    packages = list(packages)
    first = [package for package in packages if package.name in base]
    found = batches(first) if first else []
    have = _Set(packages)
    seen = {package.name for batch in found for package in batch.configure}
    essential = _closure(
        have, [name for name in _by_score(have, have.names) if have.by_name[name].essential], seen
    )
    early = [
        group[0]
        for name in have.names
        if name not in seen
        for group in have.needs(name, "Pre-Depends")
        if not seen & set(group)
    ]
    # mmdebstrap names the files of all of them to one run of dpkg, in apt's order.
    found.append(Batch(essential, _configured(have, essential, [p for b in found for p in b.configure])))
    for names in (early, _by_score(have, have.names)):
        unpack = _closure(have, names, seen)
        # apt has dpkg configure all that is pending, which goes by its hash table.
        queue = sorted(unpack, key=lambda package: (dpkg.fnv(package.name) % _BINS, package.name))
        found.append(Batch(unpack, _configured(have, queue, [p for b in found for p in b.configure])))
    return [batch for batch in found if batch.unpack]


def _by_score(have: _Set, names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: (-_score(have.by_name[name]), name))


def _score(package: Package) -> int:
    """How early apt unpacks a package (its orderlist.cc), beside what it depends on."""
    fields = package.deb.fields
    important = "yes" in (fields.get("Protected"), fields.get("Important"))
    return 100 * important + 50 * ("Pre-Depends" in fields) + _PRIORITIES.get(fields.get("Priority", ""), 0)


def _closure(have: _Set, roots: Sequence[str], seen: set[str]) -> list[Package]:
    """The roots in their order with what they need, a package after what it depends on, Pre-Depends first.

    Cycles are broken where they close. Adds to `seen`, and leaves out what is there already.
    """
    order: list[Package] = []

    def needs(name: str) -> Iterator[str]:
        for key in ("Pre-Depends", "Depends"):
            for group in have.needs(name, key):
                yield group[0]

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


def _configured(have: _Set, queue: Sequence[Package], before: Sequence[Package]) -> list[Package]:
    """The order in which dpkg configures its queue: what can't be done yet waits."""
    done = {package.name for package in before}
    queue = list(queue)
    wanted = {
        package.name: [
            set(group) for key in ("Pre-Depends", "Depends") for group in have.needs(package.name, key)
        ]
        for package in queue
    }
    order: list[Package] = []
    deferred = 0
    while queue:
        package = queue.pop(0)
        # After a round without any progress the rest are cycles.
        if deferred <= len(queue) and not all(group & done for group in wanted[package.name]):
            queue.append(package)
            deferred += 1
            continue
        deferred = 0
        done.add(package.name)
        order.append(package)
    return order
