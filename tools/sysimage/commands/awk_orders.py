"""Loops over awk's arrays, whose order is that of a hash table: they run in several orders, which must agree.

mawk and gawk have different orders, and mawk's depend on how an array came to be. Of a few elements all
orders are tried; of more backwards, from the second on, and the odd ones before the even ones.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import permutations

from tools.sysimage.commands.awk_calculation import BreakError, ContinueError, ReturnError
from tools.sysimage.commands.awk_data import SPECIAL, Array, JumpError, Text, Unordered, Value
from tools.sysimage.commands.awk_values import Values

_ALL = 4  # elements of which all orders are tried
_KEPT = (
    *("_record", "_joined", "_fields", "_active", "_status", "_records", "_argument", "_used_file"),
    *("_used_name", "_reading", "_written", "_piped", "_stdout"),
)


def _content(value: Value | Array | None) -> Value | Array | None:
    return dict(value) if isinstance(value, dict) else value


def _copied(value: object) -> object:
    # Records and fields are many, and texts.
    return list(value) if isinstance(value, list) else deepcopy(value)


def _orders(keys: Sequence[str]) -> list[list[str]]:
    if len(keys) <= _ALL:
        return [[*order] for order in permutations(keys)]
    return [[*keys], [*keys[::-1]], [*keys[1:], keys[0]], [*keys[::2], *keys[1::2]]]


@dataclass(frozen=True, slots=True)
class _State:
    """What a program has at one time. Arrays are told apart: a function's are those of its caller."""

    places: list[dict[str, Value | Array | None]]  # arrays as they are then
    arrays: list[tuple[Array, Array]]
    kept: dict[str, object]


class Orders(Values):
    """The statement `for (KEY in ARRAY)`."""

    def _for_in(self, name: str, array: str, body: object) -> None:
        keys = list(self._array(array))
        if len(keys) < 2:
            self._over(keys, name, body)
            return
        before = self._state()
        states: list[_State] = []
        ends: list[tuple[object, object]] = []
        ended: JumpError | None = None
        for order in _orders(keys):
            self._restore(before)
            self._trying.append(array)
            ended = None
            try:
                self._over(order, name, body)
            except JumpError as error:
                ended = error
            self._trying.pop()
            ends.append((type(ended), ended.value if isinstance(ended, ReturnError) else None))
            states.append(self._state())
        if any(end != ends[0] for end in ends) or any(state.kept != states[0].kept for state in states):
            self._no_order(array)
        self._merge(states, array)
        if ended is not None:
            raise ended

    def _merge(self, states: Sequence[_State], array: str) -> None:
        """Leaves no use in variables that depend on the order; they are often meant for one round only."""
        for at, place in enumerate([self.globals, *(frame.values for frame in self._frames)]):
            for name in {name for state in states for name in state.places[at]}:
                values = [state.places[at].get(name) for state in states]
                if all(value == values[0] for value in values):
                    continue
                if name in SPECIAL or any(isinstance(value, dict) for value in values):
                    self._no_order(array)
                place[name] = Unordered(array)

    def _over(self, keys: Sequence[str], name: str, body: object) -> None:
        for key in keys:
            self._place(name)[name] = Text(key)
            try:
                self._execute(body)
            except BreakError:
                return
            except ContinueError:
                continue

    def _state(self) -> _State:
        places = [self.globals, *(frame.values for frame in self._frames)]
        arrays = [
            (value, dict(value)) for place in places for value in place.values() if isinstance(value, dict)
        ]
        return _State(
            [{name: _content(value) for name, value in place.items()} for place in places],
            arrays,
            {name: _copied(getattr(self, name)) for name in _KEPT},
        )

    def _restore(self, state: _State) -> None:
        places = [self.globals, *(frame.values for frame in self._frames)]
        for place, values in zip(places, state.places, strict=True):
            for name in [name for name in place if name not in values]:
                del place[name]
            place.update({name: value for name, value in values.items() if not isinstance(value, dict)})
        for array, content in state.arrays:
            array.clear()
            array.update(content)
        for name, value in state.kept.items():
            setattr(self, name, _copied(value))
