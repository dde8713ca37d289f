"""The queue of `dpkg --configure --pending`: which package is configured when, whose triggers run between.

A package waits for what it depends on, and for the triggers that this awaits. Attempts follow each other
where nothing else can be done: cycles of dependencies are broken in the second, pending triggers are
processed from the third on (dpkg's packages.c and depcon.c).
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from tools.sysimage.debian import dpkg

_BINS = 65521  # of dpkg's hash table of packages
_CYCLES, _TRIGGERS, _LAST = 2, 3, 7  # attempts

type Group = Sequence[Sequence[str]]
"""A relation of a package: for each alternative the packages that can satisfy it."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What the queue asks for and starts; each takes the name of a package."""

    configure: Callable[[str], None]
    process: Callable[[str], None] = lambda _name: None  # its pending triggers
    pending: Callable[[str], bool] = lambda _name: False  # whether it has any
    awaited: Callable[[str], Sequence[str]] = lambda _name: ()  # the packages whose triggers it awaits


@dataclass(slots=True)
class _Queue:
    relations: Callable[[str], Sequence[Group]]
    has_postinst: Callable[[str], bool]
    steps: Steps
    done: set[str]
    queue: deque[str]
    broken: set[tuple[str, int, int]] = field(default_factory=set)  # package, group, alternative
    acyclic: set[str] = field(default_factory=set)  # packages from which no cycle can be reached
    attempt: int = 1
    idle: int = 0  # packages since something was done
    helper: str = ""  # whose triggers would help a package that waits

    def run(self) -> None:
        while self.queue:
            name = self.queue.popleft()
            self.idle += 1
            if self.idle - 1 > 3 * len(self.queue) + 2:
                self._next_attempt()
            elif self.idle > 2 * len(self.queue) + 2:
                if self.attempt >= _TRIGGERS and self.helper and self.steps.pending(self.helper):
                    self.queue.append(name)
                    name, self.helper = self.helper, ""
                else:
                    self._next_attempt()
            self._take(name)

    def _next_attempt(self) -> None:
        self.attempt, self.idle = self.attempt + 1, 0

    def _take(self, name: str) -> None:
        pending = self.steps.pending(name)
        if not pending and name in self.done:
            return
        if pending and self.attempt < _TRIGGERS:
            self.queue.append(name)
            return
        if self.attempt >= _CYCLES and self._break_cycle(name):
            self.idle = 0
        if self.attempt < _LAST and not self._is_ready(name):
            self.queue.append(name)
            return
        self.idle = 0
        if pending:
            self.steps.process(name)
        else:
            self.steps.configure(name)
            self.done.add(name)

    def _is_ready(self, name: str) -> bool:
        helpers = [self._missing(name, number, group) for number, group in enumerate(self.relations(name))]
        waiting = [helper for helper in helpers if helper is not None]
        if waiting and all(waiting):
            self.helper = waiting[-1]
        return not waiting

    def _missing(self, name: str, number: int, group: Group) -> str | None:
        """None if a group is satisfied, or the package whose triggers would satisfy it, "" if none would."""
        helper = ""
        for index, alternative in enumerate(group):
            if (name, number, index) in self.broken:
                return None
            for candidate in alternative:
                if candidate not in self.done:
                    continue
                awaited = self.steps.awaited(candidate)
                if not awaited:
                    return None
                helper = awaited[0]
        return helper

    def _links(self, name: str) -> Iterator[tuple[tuple[str, int, int], str]]:
        for number, group in enumerate(self.relations(name)):
            for index, alternative in enumerate(group):
                for candidate in alternative:
                    yield (name, number, index), candidate

    def _break_cycle(self, start: str) -> bool:
        """Breaks one dependency of the first cycle that is found from a package on.

        It is that of a package without postinst, or else the one that was come across first.
        """
        names, links = [start], [self._links(start)]
        through: list[tuple[str, int, int]] = [("", 0, 0)]
        above: Counter[str] = Counter()  # all names but the last, which can depend on itself
        while names:
            for link, candidate in links[-1]:
                if candidate in self.acyclic or link in self.broken:
                    continue
                through[-1] = link
                if above[candidate]:
                    at = len(names) - 1
                    while self.has_postinst(names[at]) and (at == len(names) - 1 or names[at] != candidate):
                        at -= 1
                    self.broken.add(through[at])
                    return True
                above[names[-1]] += 1
                names.append(candidate)
                links.append(self._links(candidate))
                through.append(("", 0, 0))
                break
            else:
                self.acyclic.add(names.pop())
                links.pop()
                through.pop()
                if names:
                    above[names[-1]] -= 1
        return False


def by_table(names: Collection[str]) -> list[str]:
    """The order in which dpkg finds packages in its table."""
    return sorted(names, key=lambda name: (dpkg.fnv(name) % _BINS, name))


def run(
    relations: Callable[[str], Sequence[Group]],
    has_postinst: Callable[[str], bool],
    names: Sequence[str],
    done: Collection[str],
    steps: Steps,
) -> None:
    """Configures packages by their names, and processes the triggers of those that have pending ones.

    `relations` are those of what a package needs, `done` the packages that are configured already.
    """
    _Queue(relations, has_postinst, steps, set(done), deque(names)).run()
