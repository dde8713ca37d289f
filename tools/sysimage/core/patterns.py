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

    def __init__(self, text: str) -> None:
        self.text = text
        parts = []
        for part in re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?|\[[^\]/]+\])", text.strip("/")):
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
                parts.append("[" + part[1:-1].replace("\\", "\\\\").replace("!", "^", 1) + "]")
            else:
                parts.append(re.escape(part))
        self._regex = re.compile("".join(parts), re.DOTALL)

    def matches(self, path: str) -> bool:
        """Whether the pattern names the path itself."""
        return self._regex.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class PathSelection:
    """What an image leaves out: paths that `exclude` names, and all below them, unless `include` names it."""

    exclude: tuple[Pattern, ...]
    include: tuple[Pattern, ...]

    @classmethod
    def of(cls, exclude: Sequence[str], include: Sequence[str]) -> PathSelection:
        """Compiles the patterns of a manifest."""
        return cls(tuple(Pattern(text) for text in exclude), tuple(Pattern(text) for text in include))

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
