"""A pattern as a machine of states, as glibc has them."""

from dataclasses import dataclass

from tools.sysimage.commands.regex_parse import UnmodelledPatternError
from tools.sysimage.commands.regex_tree import (
    Assertion,
    Back,
    Choice,
    Group,
    Node,
    Repeat,
    Sequence,
    Set,
    is_empty,
)

_MAX_STATES = 20_000


@dataclass(slots=True)
class State:
    """`kind` is "set", "test" (of a place), "open", "close", "back", "fork" or "end"."""

    kind: str
    to: tuple[int, ...] = ()
    text: str = ""
    number: int = 0
    optional: bool = False  # the end of a subexpression that need not match


class States:
    """The states of a pattern, by their numbers; `start` and `end` are two of them."""

    def __init__(self, node: Node) -> None:
        self.all: list[State] = []
        self.end = self._add(State("end"))
        self.start = self._build(node, self.end)
        self.has_tests = any(state.kind == "test" for state in self.all)
        self.has_back = any(state.kind == "back" for state in self.all)

    def _add(self, state: State) -> int:
        if len(self.all) >= _MAX_STATES:
            raise UnmodelledPatternError("one of so many repetitions")
        self.all.append(state)
        return len(self.all) - 1

    def _build(self, node: Node, to: int, *, optional: int = 0, copied: bool = False) -> int:
        """Makes the states of a tree, after which `to` comes.

        Subexpression `optional` may lack; in a copy of what is repeated, glibc forgets which do.
        """
        match node:
            case Set(text):
                return self._add(State("set", (to,), text))
            case Assertion(text):
                return self._add(State("test", (to,), text))
            case Back(number):
                return self._add(State("back", (to,), number=number))
            case Group(body, number):
                close = State("close", (to,), number=number, optional=optional == number)
                to = self._build(body, self._add(close), copied=copied)
                return self._add(State("open", (to,), number=number))
            case Sequence(parts):
                for part in reversed(parts):
                    to = self._build(part, to, copied=copied)
                return to
            case Choice(options):
                return self._fork(options, to, copied)
            case Repeat():
                return self._repeat(node, to, copied)

    def _fork(self, options: tuple[Node, ...], to: int, copied: bool) -> int:
        # glibc's forks are sorted by states' numbers: of the first two, one that is empty comes second.
        if is_empty(options[0]) and len(options) > 1:
            options = (options[1], options[0], *options[2:])
        ways = [to if is_empty(option) else self._build(option, to, copied=copied) for option in options]
        return self._add(State("fork", tuple(ways)))

    def _repeat(self, node: Repeat, to: int, copied: bool) -> int:
        body, least, most = node.body, node.least, node.most
        own = body.number if isinstance(body, Group) and not copied else 0
        if most is None:
            loop = self._add(State("fork"))
            self.all[loop].to = (self._build(body, loop, optional=own, copied=copied or least > 0), to)
            to = loop
        elif most > least:
            to = self._up_to(body, most - least, to, own, copied or least > 0)
        for left in range(least - 1, -1, -1):
            to = self._build(body, to, copied=copied or left > 0)
        return to

    def _up_to(self, body: Node, most: int, to: int, own: int, copied: bool) -> int:
        """x{0,3} is ((x?x)?x)?: the first fork says whether there are three."""
        entries = [to]
        for left in range(most - 1, -1, -1):
            first = left == 0
            entries.append(
                self._build(body, entries[-1], optional=own if first else 0, copied=copied or not first)
            )
        fork = entries.pop()
        for skip in reversed(entries):
            fork = self._add(State("fork", (fork, skip)))
        return fork
