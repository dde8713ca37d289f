"""Which states a pattern can be in at each place of a text: each set of them is computed once."""

import re
from collections.abc import Iterable
from functools import lru_cache

from tools.sysimage.commands.regex_sets import WORD
from tools.sysimage.commands.regex_states import States
from tools.sysimage.scripts.limits import spend

_MAX_KNOWN = 5_000  # sets and moves that are remembered, before all are forgotten
_NONE, _NEWLINE, _WORD, _OTHER = range(4)
# A character of each kind: what tests of places look at.
_EXAMPLES = ("", "\n", "a", "-")
_IS_WORD = re.compile(WORD)


@lru_cache(maxsize=1 << 14)
def accepts(text: str, flags: int, char: str) -> bool:
    """Whether a set, in Python's syntax, has a character."""
    return re.compile(text, flags).match(char) is not None


@lru_cache(maxsize=1 << 12)
def _kind(char: str) -> int:
    if not char:
        return _NONE
    if char == "\n":
        return _NEWLINE
    return _WORD if _IS_WORD.match(char) else _OTHER


@lru_cache(maxsize=1 << 10)
def _passes(text: str, before: int, after: int) -> bool:
    """Whether a test of a place holds between two kinds of characters."""
    sample = _EXAMPLES[before] + _EXAMPLES[after]
    return re.compile(text).match(sample, len(_EXAMPLES[before])) is not None


class Here:
    """The states at one place. `moves` are the following, by the character and the kind of the next."""

    __slots__ = ("ends", "moves", "sets", "states")

    def __init__(self, states: frozenset[int], sets: tuple[int, ...], ends: bool) -> None:
        self.states = states
        self.sets = sets  # those states that take a character
        self.ends = ends
        self.moves: dict[tuple[str, int], Here] = {}


class Moves:
    """The moves of a pattern's states, from place to place; without back references."""

    def __init__(self, states: States, flags: int) -> None:
        self._states = states
        self._flags = flags
        self._known: dict[frozenset[int], Here] = {}
        self._starts: dict[tuple[int, int], Here] = {}
        self._count = 0

    def kind(self, char: str) -> int:
        """The kind of a character, as far as the pattern's tests ask for it; "" is the text's end."""
        return _kind(char) if self._states.has_tests else _NONE

    def passes(self, number: int, text: str, at: int) -> bool:
        """Whether a state that tests a place lets pass."""
        before = text[at - 1 : at] if at else ""
        return _passes(self._states.all[number].text, _kind(before), _kind(text[at : at + 1]))

    def _close(self, states: Iterable[int], before: int, after: int) -> Here:
        """Adds the states that are reached with no character."""
        done: set[int] = set()
        todo = list(states)
        every = self._states.all
        while todo:
            number = todo.pop()
            if number in done:
                continue
            done.add(number)
            state = every[number]
            if state.kind in ("open", "close", "fork") or (
                state.kind == "test" and _passes(state.text, before, after)
            ):
                todo += state.to
        spend(len(done))
        key = frozenset(done)
        here = self._known.get(key)
        if here is None:
            sets = tuple(number for number in key if every[number].kind == "set")
            here = self._known[key] = Here(key, sets, self._states.end in key)
            self._count += 1 + (len(key) >> 4)
        return here

    def _forget(self) -> None:
        self._known.clear()
        self._starts.clear()
        self._count = 0

    def _start(self, text: str, at: int) -> Here:
        if self._count > _MAX_KNOWN:
            self._forget()
        key = (self.kind(text[at - 1 : at] if at else ""), self.kind(text[at : at + 1]))
        here = self._starts.get(key)
        if here is None:
            here = self._starts[key] = self._close([self._states.start], *key)
        return here

    def _move(self, here: Here, char: str, after: int) -> Here:
        every, flags = self._states.all, self._flags
        following = {every[number].to[0] for number in here.sets if accepts(every[number].text, flags, char)}
        spend(len(here.sets))
        there = self._close(following, self.kind(char), after)
        here.moves[char, after] = there
        self._count += 1
        return there

    def places(self, text: str, start: int) -> list[Here]:
        """The states at each place from `start` on, until there are none."""
        here = self._start(text, start)
        found = [here]
        kind = self.kind
        size = len(text)
        for at in range(start, size):
            after = kind(text[at + 1]) if at + 1 < size else _NONE
            here = here.moves.get((text[at], after)) or self._move(here, text[at], after)
            if not here.states:
                break
            found.append(here)
            if not len(found) & 0xFF:
                spend(0x100)
        spend(len(found) & 0xFF)
        return found

    def longest(self, text: str, start: int) -> int:
        """Where the longest match that begins at `start` ends, -1 if none does."""
        here = self._start(text, start)
        best = start if here.ends else -1
        kind = self.kind
        size = len(text)
        at = start
        while at < size:
            char = text[at]
            at += 1
            after = kind(text[at]) if at < size else _NONE
            here = here.moves.get((char, after)) or self._move(here, char, after)
            if not here.states:
                break
            if here.ends:
                best = at
            if not at & 0xFF:
                spend(0x100)
        spend(1 + ((at - start) & 0xFF))
        return best


class Search(Moves):
    """The same, where a match may begin at any place."""

    def _move(self, here: Here, char: str, after: int) -> Here:
        every, flags = self._states.all, self._flags
        following = {every[number].to[0] for number in here.sets if accepts(every[number].text, flags, char)}
        spend(len(here.sets))
        there = self._close([*following, self._states.start], self.kind(char), after)
        here.moves[char, after] = there
        self._count += 1
        return there

    def earliest(self, text: str, start: int) -> int:
        """Where the match ends that ends first, -1 if there is none."""
        here = self._start(text, start)
        kind = self.kind
        size = len(text)
        at = start
        while not here.ends:
            if at == size:
                at = -1
                break
            char = text[at]
            at += 1
            after = kind(text[at]) if at < size else _NONE
            here = here.moves.get((char, after)) or self._move(here, char, after)
            if not at & 0xFF:
                spend(0x100)
        spend(0x100)
        return at
