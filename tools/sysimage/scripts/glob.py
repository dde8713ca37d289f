"""Pathname expansion (XCU 2.6.6)."""

from collections.abc import Callable, Sequence
from typing import Protocol

from tools.sysimage.scripts.limits import Meter
from tools.sysimage.scripts.marked import plain
from tools.sysimage.scripts.patterns import has_meta, matches, pattern


class Names(Protocol):
    """What pathname expansion asks of the files; paths are as the script has them."""

    def names(self, path: str) -> Sequence[str]:
        """Returns the names in a directory, none if it can't be read."""

    def exists(self, path: str) -> bool:
        """Returns whether there is a file, or a symbolic link, of this name."""


class Glob:
    """Finds the names that a word stands for."""

    def __init__(self, names: Names, meter: Callable[[], Meter]) -> None:
        self._names = names
        self._meter = meter

    def names(self, field: str) -> list[str]:
        """Returns the names that marked text matches, in order; the text without quotes if there are none."""
        if not any(char in field for char in "*?["):
            return [plain(field)]
        components = _components(pattern(field))
        if not any(has_meta(component) for component in components):
            return [plain(field)]
        found = [""]
        while components and found:
            count = _without_meta(components)
            fixed, components = components[:count], components[count:]
            if fixed:
                start = "/".join(map(_unescape, fixed)) + ("/" if components else "")
                found = [path + start for path in found]
            if not components:
                found = [path for path in found if self._names.exists(path)]
                break
            found = self._step(found, components.pop(0), bool(components))
        return sorted(found) or [plain(field)]

    def _step(self, paths: list[str], glob: str, more: bool) -> list[str]:
        result = []
        hidden = glob.startswith((".", "\\."))
        for path in paths:
            for name in self._names.names(path or "."):
                self._meter().step()
                if (name[0] != "." or hidden) and matches(glob, name):
                    result.append(f"{path}{name}/" if more else path + name)
        return result


def _without_meta(components: list[str]) -> int:
    for index, component in enumerate(components):
        if has_meta(component):
            return index
    return len(components)


def _components(glob: str) -> list[str]:
    """Splits a pattern at its slashes; that a slash is quoted makes no difference."""
    result: list[str] = []
    current: list[str] = []
    position = 0
    while position < len(glob):
        size = 2 if glob[position] == "\\" and position + 1 < len(glob) else 1
        char = glob[position : position + size]
        position += size
        if char[-1] == "/":
            result.append("".join(current))
            current = []
        else:
            current.append(char)
    return [*result, "".join(current)]


def _unescape(glob: str) -> str:
    result, position = [], 0
    while position < len(glob):
        position += glob[position] == "\\" and position + 1 < len(glob)
        result.append(glob[position])
        position += 1
    return "".join(result)
