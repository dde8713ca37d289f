"""Variables of a shell (XCU 2.5.3), with those that are local to a function or to one command."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.limits import Meter

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_name(text: str) -> bool:
    """Returns whether text is a name (XBD 3.216)."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable; it may have attributes without being set."""

    value: str | None
    exported: bool = False
    readonly: bool = False


_UNSET = Variable(None)
type _Frame = list[tuple[str, Variable | None]]


class Variables:
    """The variables of one shell."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._variables: dict[str, Variable] = {}
        self._frames: list[_Frame] = []

    def copy(self) -> Variables:
        """Returns the variables of a subshell."""
        result = Variables(self._meter)
        result._variables = dict(self._variables)
        result._frames = [list(frame) for frame in self._frames]
        # What the subshell holds anew is small: the values are shared.
        self._meter.hold(len(self._variables))
        self._meter.step(len(self._variables) >> 4)
        return result

    def forget(self) -> None:
        """Says that these variables are gone, with their subshell."""
        self._meter.hold(-len(self._variables))

    def release(self) -> None:
        """Says that all values are gone, with their shell."""
        self._meter.hold(-sum(len(variable.value or "") for variable in self._variables.values()))

    def get(self, name: str) -> str | None:
        """Returns a value, None if it is unset."""
        variable = self._variables.get(name)
        return None if variable is None else variable.value

    def set(self, name: str, value: str | None, *, exported: bool = False, readonly: bool = False) -> None:
        """Sets a variable and adds attributes. Raises ShellError for a bad name or a read-only variable."""
        if not is_name(name):
            raise ShellError(f"{name}: bad variable name")
        old = self._variables.get(name, _UNSET)
        if old.readonly:
            raise ShellError(f"{name}: is read only")
        self._meter.hold(len(value or "") - len(old.value or ""))
        self._variables[name] = Variable(value, exported or old.exported, readonly)

    def mark(self, name: str, *, exported: bool = False, readonly: bool = False) -> None:
        """Adds attributes to a variable, which may be unset. Raises ShellError for a bad name."""
        if not is_name(name):
            raise ShellError(f"{name}: bad variable name")
        old = self._variables.get(name, _UNSET)
        self._variables[name] = replace(
            old, exported=exported or old.exported, readonly=readonly or old.readonly
        )

    def unset(self, name: str) -> None:
        """Removes a variable. Raises ShellError for a bad name or a read-only variable."""
        if not is_name(name):
            raise ShellError(f"{name}: bad variable name")
        old = self._variables.get(name)
        if old is None:
            return
        if old.readonly:
            raise ShellError(f"{name}: is read only")
        self._meter.hold(-len(old.value or ""))
        if any(name == saved for frame in self._frames for saved, _ in frame):
            self._variables[name] = replace(old, value=None)
        else:
            del self._variables[name]

    def push(self) -> None:
        """Begins a frame of local variables."""
        self._frames.append([])

    @property
    def depth(self) -> int:
        """How many frames there are."""
        return len(self._frames)

    def localize(self, name: str, value: str | None, *, exported: bool = False) -> None:
        """Makes a variable local to the frame; without a value it keeps the one it has."""
        if not is_name(name):
            raise ShellError(f"{name}: bad variable name")
        old = self._variables.get(name)
        if old is None:
            self._variables[name] = Variable(value, exported)
            self._meter.hold(len(value or ""))
        elif value is not None:
            self.set(name, value, exported=exported)
            self._meter.hold(len(old.value or ""))  # it is kept for later
        self._frames[-1].append((name, old))

    def is_readonly(self, name: str) -> bool:
        """Returns whether a variable can't be set."""
        return self._variables.get(name, _UNSET).readonly

    def clear(self, name: str) -> None:
        """Leaves a variable that is local without a value, as bash does."""
        old = self._variables[name]
        self._meter.hold(-len(old.value or ""))
        self._variables[name] = replace(old, value=None)

    def pop(self, depth: int) -> None:
        """Ends frames until there are `depth`; the variables are again what they were."""
        while len(self._frames) > depth:
            for name, old in reversed(self._frames.pop()):
                now = self._variables.get(name)
                self._meter.hold(-len((now and now.value) or ""))
                if old is None:
                    self._variables.pop(name, None)
                else:
                    self._variables[name] = old

    def items(self) -> Iterator[tuple[str, Variable]]:
        """Yields the variables in the order of their names."""
        yield from sorted(self._variables.items())
