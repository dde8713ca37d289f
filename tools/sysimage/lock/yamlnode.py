"""YAML as a tree that knows its lines, so that every complaint can name one."""

from pathlib import Path
from typing import NoReturn

import yaml

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.nearest import nearest


class YamlNode:
    """A node of a document.

    Scalars are taken as they are written: which words mean true, a number or nothing differs between
    YAML 1.1, which the library reads, and 1.2, which most other tools read.
    """

    def __init__(self, node: yaml.Node | None, path: Path, lines: list[str]) -> None:
        self._node, self._path, self._lines = node, path, lines
        self.line = node.start_mark.line + 1 if node else 1

    def fail(self, problem: str) -> NoReturn:
        """Raises ToolError with the place of the node."""
        raise ToolError(f"{self._path}:{self.line}: {problem}")

    def text(self) -> str:
        """A scalar, without white space around it; never empty. Raises ToolError."""
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value.strip():
            self.fail("expected a string")
        return str(self._node.value).strip()

    def items(self) -> list[YamlNode]:
        """The entries of a list, at least one. Raises ToolError."""
        if not isinstance(self._node, yaml.SequenceNode) or not self._node.value:
            self.fail("expected a list of one entry at least")
        return [YamlNode(node, self._path, self._lines) for node in self._node.value]

    def fields(self, *needed: str, other: tuple[str, ...] = ()) -> dict[str, YamlNode]:
        """The values of a mapping, which has all keys of `needed` and none but `other`. Raises ToolError."""
        known = (*needed, *other)
        if not isinstance(self._node, yaml.MappingNode):
            self.fail(f"expected a mapping with {', '.join(known)}")
        found: dict[str, YamlNode] = {}
        for key_node, value in self._node.value:
            key = YamlNode(key_node, self._path, self._lines)
            name = key.text()
            if name not in known:
                key.fail(f"{name} is not known{nearest(name, known)}; valid are {', '.join(known)}")
            if name in found:
                key.fail(f"{name} is here for the second time; once is enough")
            found[name] = YamlNode(value, self._path, self._lines)
        for name in needed:
            if name not in found:
                self.fail(f"{name} is missing")
        return found

    def comments(self) -> tuple[tuple[str, ...], str]:
        """The lines of comment right above the node, and the comment behind it; each with its `#`."""
        assert self._node
        first = self.line - 1
        while first and self._lines[first - 1].lstrip().startswith("#"):
            first -= 1
        end = self._node.end_mark
        beside = self._lines[end.line][end.column :].strip() if end.line < len(self._lines) else ""
        above = tuple(line.strip() for line in self._lines[first : self.line - 1])
        return above, beside if beside.startswith("#") else ""


def parse(text: str, path: Path) -> YamlNode:
    """The root of the one document in `text`, which is that of the file `path`. Raises ToolError."""
    try:
        return YamlNode(yaml.compose(text, Loader=yaml.SafeLoader), path, text.splitlines())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{path}"
        problem = " ".join(filter(None, (error.problem, error.context)))
        raise ToolError(f"{place}: {problem}; this is not YAML") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise ToolError(f"{path}:{line}:{column}: {error.reason}; this is not YAML") from error
