"""Path patterns of `exclude` and `include`.

"*" and "?" match within one component of a path, "**" matches any number of components. `usr/share/doc/**`
names all that is below usr/share/doc, `usr/share/doc` the directory together with all that is in it.
A leading slash is allowed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree


class Pattern:
    """One pattern, compiled."""

    def __init__(self, text: str, attribute: str = "pattern") -> None:
        """Raises ToolError for a pattern that names nothing; `attribute` is where it is written."""
        self.text = text
        # Several of them in a row say what one does.
        short = re.sub(r"(?<![^/])(?:\*\*/+)+", "**/", re.sub(r"\*{3,}", "**", text.strip("/")))
        if not short:
            raise ToolError(f"{attribute}: the pattern {text!r} names the root itself; name what is in it")
        parts = []
        for part in re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?|\[[^\]/]+\])", short):
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
                parts.append(re.escape(part))
        self._regex = re.compile("".join(parts), re.DOTALL)

    def matches(self, path: str) -> bool:
        """Whether the pattern names the path itself."""
        return self._regex.fullmatch(path) is not None


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
