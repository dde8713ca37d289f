"""A regular expression as a machine of states, which finds the longest match."""

import re

from tools.sysimage.commands.regex_nodes import (
    Assertion,
    Choice,
    Group,
    Node,
    Repeat,
    Sequence,
    Set,
)


class States:
    """A pattern as a machine of states (Thompson): all ways at once, and the longest that ends well."""

    def __init__(self, node: Node, flags: int) -> None:
        self._flags = flags
        self._edges: list[tuple[re.Pattern[str] | None, bool, tuple[int, ...]]] = []
        self._final = self._add(None, False, ())
        self._start = self._build(node, self._final)

    def _add(self, test: str | None, consumes: bool, to: tuple[int, ...]) -> int:
        self._edges.append((re.compile(test, self._flags) if test else None, consumes, to))
        return len(self._edges) - 1

    def _build(self, node: Node, to: int) -> int:
        match node:
            case Set(text):
                return self._add(text, True, (to,))
            case Assertion(text):
                return self._add(text, False, (to,))
            case Group(body, _):
                return self._build(body, to)
            case Sequence(parts):
                for part in reversed(parts):
                    to = self._build(part, to)
                return to
            case Choice(options):
                return self._add(None, False, tuple(self._build(option, to) for option in options))
            case Repeat(body, least, most):
                if most is None:
                    loop = self._add(None, False, ())
                    entry = self._build(body, loop)
                    self._edges[loop] = (None, False, (entry, to))
                    to = loop
                else:
                    end = to
                    for _ in range(most - least):
                        to = self._add(None, False, (self._build(body, to), end))
                for _ in range(least):
                    to = self._build(body, to)
                return to
        raise AssertionError(node)

    def longest(self, text: str, start: int) -> int:
        """Where the longest match that begins at `start` ends; there is one."""
        best = start
        states = self._close({self._start}, text, start)
        at = start
        while states:
            if self._final in states:
                best = at
            if at >= len(text):
                break
            following: set[int] = set()
            for state in states:
                test, consumes, to = self._edges[state]
                if consumes and test is not None and test.match(text, at):
                    following.update(to)
            at += 1
            states = self._close(following, text, at)
        return best

    def _close(self, states: set[int], text: str, at: int) -> set[int]:
        done: set[int] = set()
        todo = list(states)
        while todo:
            state = todo.pop()
            if state in done:
                continue
            done.add(state)
            test, consumes, to = self._edges[state]
            if not consumes and (test is None or test.match(text, at)):
                todo += to
        return done
