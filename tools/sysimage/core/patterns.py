"""Path patterns of `exclude` and `include`.

"*" and "?" match within one component of a path, "**" matches any number of components. `usr/share/doc/**`
names all that is below usr/share/doc, `usr/share/doc` the directory together with all that is in it.
A leading slash is allowed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree

_PART = r"(\*\*/|/\*\*$|\*\*|\*|\?|\[[^\]/]+\])"
_MANY = ("(?:[^/]+/)*", ".*", "[^/]*")
_FEW = 2  # of these, which a regular expression matches in the square of a path's length at most


class Pattern:
    """One pattern, compiled."""

    def __init__(self, text: str, attribute: str = "pattern") -> None:
        """Raises ToolError for a pattern that names nothing; `attribute` is where it is written."""
        self.text = text
        # Several of them in a row say what one does.
        short = re.sub(r"(?<![^/])(?:\*\*/+)+", "**/", re.sub(r"\*{3,}", "**", text.strip("/")))
        if not short:
            raise ToolError(f"{attribute}: the pattern {text!r} names the root itself; name what is in it")
        parts: list[str] = []
        for part in re.split(_PART, short):
            if part == "**/":
                parts.append("(?:[^/]+/)*")
            elif part == "/**":
                parts.append("/.+")
            elif part == "**":
                parts.append(".*")
            elif part == "*":
                parts.append("[^/]*")
            elif part == "?":
                parts.append("[^/]")
            elif part.startswith("[") and part.endswith("]"):
                parts.append(_set(part[1:-1], f"{attribute}: the pattern {text!r}"))
            else:
                parts += map(re.escape, part)
        self._regex = re.compile("".join(parts), re.DOTALL)
        many = sum(part in _MANY for part in parts) > _FEW
        self._steps = [(part, re.compile(part, re.DOTALL)) for part in parts] if many else []

    def matches(self, path: str) -> bool:
        """Whether the pattern names the path itself."""
        if not self._steps:
            return self._regex.fullmatch(path) is not None
        # All ways to match at once: a regular expression would try one after the other.
        places = {0}
        for part, step in self._steps:
            places = _after(part, step, path, places)
        return len(path) in places


class Patterns:
    """Several patterns, asked at once."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        """Joins what is one regular expression each."""
        given = list(patterns)
        self._stepwise = [pattern for pattern in given if pattern._steps]
        simple = [f"(?:{pattern._regex.pattern})" for pattern in given if not pattern._steps]
        self._regex = re.compile("|".join(simple), re.DOTALL) if simple else None

    def matches(self, path: str) -> bool:
        """Whether any of them names the path itself."""
        if self._regex is not None and self._regex.fullmatch(path):
            return True
        return any(pattern.matches(path) for pattern in self._stepwise)


def _after(part: str, step: re.Pattern[str], path: str, places: set[int]) -> set[int]:
    """Where what is left of a path can begin after a part of a pattern, from where it could before."""
    if not places:
        return places
    first, end = min(places), len(path)
    if part == ".*":
        return {*range(first, end + 1)}
    if part == "/.+":
        return {end} if any(path.startswith("/", place) and place + 1 < end for place in places) else set()
    if part == "(?:[^/]+/)*":
        inside = min((place for place in places if place < end and path[place] != "/"), default=end)
        return places | {at + 1 for at in range(inside, end) if path[at] == "/"}
    if part == "[^/]*":
        made: set[int] = set()
        for place in sorted(places):
            if place not in made:
                slash = path.find("/", place)
                made.update(range(place, (slash if slash >= 0 else end) + 1))
        return made
    return {place + 1 for place in places if step.match(path, place)}


def _set(members: str, where: str) -> str:
    """A set of characters as a regular expression. Raises ToolError for a range that holds none."""
    inverted = members[0] in "!^" and len(members) > 1
    rest = members[1:] if inverted else members
    made = ""
    while rest:
        if len(rest) > 2 and rest[1] == "-":
            first, last, rest = rest[0], rest[2], rest[3:]
            if first > last:
                raise ToolError(f"{where}: the range {first}-{last} holds nothing; write {last}-{first}")
            made += f"{re.escape(first)}-{re.escape(last)}"
        else:
            made, rest = made + re.escape(rest[0]), rest[1:]
    return f"[^/{made}]" if inverted else f"[{made}]"


@dataclass(frozen=True, slots=True)
class PathSelection:
    """What an image leaves out: paths that `exclude` names, and all below them, unless `include` names it."""

    exclude: tuple[Pattern, ...]
    include: tuple[Pattern, ...]

    @classmethod
    def of(cls, exclude: Sequence[str], include: Sequence[str]) -> PathSelection:
        """Compiles the patterns of a manifest."""
        return cls(
            tuple(Pattern(text, "exclude") for text in exclude),
            tuple(Pattern(text, "include") for text in include),
        )

    def excludes(self, path: str) -> bool:
        """Whether a path is left out. (A directory stays nevertheless if something in it is included.)"""
        if self._covered(self.include, path):
            return False
        return self._covered(self.exclude, path)

    @staticmethod
    def _covered(patterns: Sequence[Pattern], path: str) -> bool:
        while path:
            if any(pattern.matches(path) for pattern in patterns):
                return True
            path = path.rpartition("/")[0]
        return False

    def apply(self, tree: Tree) -> None:
        """Removes what is left out. A directory stays if something in it is included.

        Raises ToolError for a pattern that matches nothing: it is a mistake, or no longer needed.
        """
        paths = tree.paths()
        for name, patterns in (("exclude", self.exclude), ("include", self.include)):
            for pattern in patterns:
                if not any(pattern.matches(path) for path in paths):
                    raise ToolError(
                        f"{name}: the pattern {pattern.text!r} matches no path; correct or remove it"
                    )
        # Children first, so that a directory that is left out is empty by then.
        for path in reversed(paths):
            if path and self.excludes(path):
                inode = tree.get(path)
                if inode is not None and not (inode.kind is Kind.DIRECTORY and tree.children(path)):
                    tree.remove(path)
