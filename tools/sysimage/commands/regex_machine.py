"""How glibc's matcher fills subexpressions.

Of all matches that begin at one place, the longest is taken. What subexpressions match is then found by a
walk to that end, which at each fork takes the first way that leads there (regexec.c: set_regs). With back
references, all ways are tried.
"""

import re
from collections.abc import Iterator

from tools.sysimage.commands.regex_moves import Here, Moves, Search, accepts
from tools.sysimage.commands.regex_parse import UnmodelledPatternError
from tools.sysimage.commands.regex_states import State, States
from tools.sysimage.commands.regex_tree import Node
from tools.sysimage.scripts.limits import spend

_MAX_STEPS = 200_000  # before a way through a pattern counts as endless
_MAX_KNOWN = 5_000

type Span = tuple[int, int]


class Registers:
    """What the subexpressions match, while a walk goes on (regexec.c: update_regs)."""

    __slots__ = ("_before", "spans")

    def __init__(self, spans: list[Span], before: list[Span]) -> None:
        self.spans = spans
        self._before = before

    def copy(self) -> Registers:
        """Returns another with the same spans."""
        return Registers([*self.spans], [*self._before])

    def update(self, state: State, at: int) -> None:
        """Does what passing a state does."""
        number = state.number
        if state.kind == "open":
            self.spans[number] = (at, -1)
        elif state.kind == "close":
            begin = self.spans[number][0]
            if begin < at:
                self.spans[number] = (begin, at)
                self._before = [*self.spans]
            elif state.optional and self._before[number][0] != -1:
                # Nothing, after something: the last of an optional subexpression does not count.
                self.spans = [*self._before]
            else:
                self.spans[number] = (begin, at)


class Machine:
    """Finds the longest match, and its subexpressions."""

    def __init__(self, node: Node, groups: int, flags: int) -> None:
        self._groups = groups
        self._flags = flags
        self._graph = States(node)
        self._states = self._graph.all
        self._moves = Moves(self._graph, flags)
        self._search = Search(self._graph, flags)
        self._ways_on: dict[tuple[frozenset[int], frozenset[int], str, int], frozenset[int]] = {}

    def begin(self, text: str, start: int) -> int:
        """Where the first match begins, -1 if there is none. Without back references."""
        end = self._search.earliest(text, start)
        for at in range(start, end + 1):
            if self._moves.longest(text, at) >= 0:
                return at
        return -1

    def has_match(self, text: str) -> bool:
        """Whether there is a match. Without back references."""
        return self._search.earliest(text, 0) >= 0

    def longest(self, text: str, start: int) -> int:
        """Where the longest match that begins at `start` ends, -1 if none does. Without back references."""
        return self._moves.longest(text, start)

    def spans(self, text: str, start: int) -> list[Span] | None:
        """The longest match from `start` and its subexpressions, (-1, -1) for those without a part."""
        if self._graph.has_back:
            return self._tried(text, start)
        if not self._groups:
            end = self._moves.longest(text, start)
            return None if end < 0 else [(start, end)]
        places = self._moves.places(text, start)
        end = next((start + at for at in range(len(places) - 1, -1, -1) if places[at].ends), -1)
        return None if end < 0 else self._walk(start, end, self._leading(text, places, start, end))

    def _walk(self, start: int, end: int, leading: list[frozenset[int]]) -> list[Span]:
        registers = self._registers()
        number, at = self._graph.start, start
        seen: set[int] = set()
        steps = 0
        while True:
            steps += 1
            if steps > _MAX_STEPS:
                # glibc does not come to an end either.
                raise UnmodelledPatternError("a repetition of what may be empty, in another")
            state = self._states[number]
            registers.update(state, at)
            if state.kind == "end":
                spend(steps)
                return [(start, end), *registers.spans[1:]]
            if state.kind == "set":
                number, at = state.to[0], at + 1
                seen = set()
                steps = 0 if at & 0xFF else steps
                if not at & 0xFF:
                    spend(0x400)
                continue
            seen.add(number)
            ways = [way for way in state.to if way in leading[at - start]]
            number = ways[1] if len(ways) > 1 and ways[0] in seen else ways[0]

    def _leading(self, text: str, places: list[Here], start: int, end: int) -> list[frozenset[int]]:
        """For each place, the states from which the end is reached."""
        leading: list[frozenset[int]] = [frozenset()] * (end - start + 1)
        following: frozenset[int] = frozenset()
        for at in range(end, start - 1, -1):
            here = places[at - start]
            if at == end:
                following = self._leads(here, following, text, at, True)
            else:
                before = self._moves.kind(text[at - 1] if at else "")
                key = (here.states, following, text[at], before)
                known = self._ways_on.get(key)
                if known is None:
                    if len(self._ways_on) > _MAX_KNOWN:
                        self._ways_on.clear()
                    known = self._ways_on[key] = self._leads(here, following, text, at, False)
                following = known
            leading[at - start] = following
            if not at & 0xFF:
                spend(0x100)
        return leading

    def _leads(
        self, place: Here, following: frozenset[int], text: str, at: int, last: bool
    ) -> frozenset[int]:
        here: set[int] = {self._graph.end} if last else set()
        pending = set()
        for number in place.states:
            state = self._states[number]
            if state.kind == "set":
                if not last and state.to[0] in following and accepts(state.text, self._flags, text[at]):
                    here.add(number)
            elif state.kind != "test" or self._moves.passes(number, text, at):
                pending.add(number)
        spend(len(place.states))
        while more := {n for n in pending - here if any(way in here for way in self._states[n].to)}:
            here |= more
            spend(len(pending))
        return frozenset(here)

    def _registers(self) -> Registers:
        return Registers([(-1, -1)] * (self._groups + 1), [(-1, -1)] * (self._groups + 1))

    def _tried(self, text: str, start: int) -> list[Span] | None:
        """The first of the longest matches, of all ways."""
        best: list[Span] | None = None
        for end, registers in self._ways(text, start):
            if best is None or end > best[0][1]:
                best = [(start, end), *registers.spans[1:]]
                if end == len(text):
                    break
        return best

    def _ways(self, text: str, start: int) -> Iterator[tuple[int, Registers]]:
        todo: list[tuple[int, int, Registers, frozenset[int]]] = [
            (self._graph.start, start, self._registers(), frozenset())
        ]
        steps = 0
        while todo:
            number, at, registers, seen = todo.pop()
            steps += 1
            if steps > _MAX_STEPS:
                raise UnmodelledPatternError("too many ways to match a pattern with back references")
            if not steps & 0x3F:
                spend(0x200)
            state = self._states[number]
            if state.kind in ("open", "close"):
                registers = registers.copy()
                registers.update(state, at)
            if state.kind == "end":
                yield at, registers
            elif state.kind == "set":
                if at < len(text) and accepts(state.text, self._flags, text[at]):
                    todo.append((state.to[0], at + 1, registers, frozenset()))
            elif state.kind == "back":
                to = self._repeated(text, registers.spans[state.number], at)
                if to >= 0 and (to > at or number not in seen):
                    todo.append((state.to[0], to, registers, frozenset() if to > at else seen | {number}))
            elif number not in seen and (state.kind != "test" or self._moves.passes(number, text, at)):
                todo += [(way, at, registers, seen | {number}) for way in reversed(state.to)]

    def _repeated(self, text: str, span: Span, at: int) -> int:
        """Where what a subexpression matched ends, once more; -1 if it is not there."""
        begin, end = span
        if begin < 0 or end < 0:
            return -1
        there, wanted = text[at : at + end - begin], text[begin:end]
        if self._flags & re.IGNORECASE:
            there, wanted = there.lower(), wanted.lower()
        return at + end - begin if there == wanted else -1
