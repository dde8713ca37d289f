"""The text of a program, read a character at a time, with the number of the line."""

import re

from tools.sysimage.scripts.failures import Refused, ShellSyntaxError

_NESTING = 500  # levels of commands, substitutions and parameters within each other


class ScriptText:
    """Text that is read once; "" is its end."""

    __slots__ = ("aliases", "line", "position", "text")

    def __init__(self, text: str, line: int = 1) -> None:
        # A shell drops NUL bytes of its input.
        self.text = text.replace("\0", "")
        self.position = 0
        self.line = line
        self.aliases: list[tuple[str, int, bool]] = []  # name, characters after its text, ends with a blank

    def get(self) -> str:
        """Reads a character."""
        if self.position >= len(self.text):
            return ""
        char = self.text[self.position]
        self.position += 1
        if char == "\n":
            self.line += 1
        return char

    def unget(self, char: str) -> None:
        """Takes the character back that was read last."""
        if char:
            self.position -= 1
            if char == "\n":
                self.line -= 1

    def joined(self) -> str:
        """Reads a character after line continuations (XCU 2.2.1)."""
        char = self.get()
        while char == "\\" and self.text.startswith("\n", self.position):
            self.get()
            char = self.get()
        return char

    def insert(self, name: str, value: str) -> None:
        """Puts an alias's text where the source is read."""
        self.aliases.append((name, len(self.text) - self.position, value[-1:] in (" ", "\t")))
        self.text = self.text[: self.position] + value + self.text[self.position :]

    def within(self, start: int) -> tuple[set[str], bool]:
        """Returns the aliases around a word at `start`, and whether one with a blank ends before it."""
        rest, blank = len(self.text) - start, False
        while self.aliases and self.aliases[-1][1] >= rest:
            blank = self.aliases.pop()[2] or blank
        return {name for name, _, _ in self.aliases}, blank

    def run(self, pattern: re.Pattern[str]) -> str:
        """Reads what matches here; the pattern matches no newline."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match.group()

    def at_delimiter(self, delimiter: str, tabs: bool) -> bool:
        """Skips leading tabs if asked to, and the line if it is the end of a here-document."""
        if tabs:
            while self.text.startswith("\t", self.position):
                self.position += 1
        if not self.text.startswith(delimiter, self.position):
            return False
        after = self.position + len(delimiter)
        if after < len(self.text) and self.text[after] != "\n":
            return False
        if not delimiter and after >= len(self.text):
            return True
        self.position = min(after + 1, len(self.text))
        self.line += 1
        return True


class Nesting:
    """Counts levels, so that a hostile program ends in one line and not on Python's stack."""

    __slots__ = ("levels",)

    def __init__(self) -> None:
        self.levels = 0

    def enter(self, source: ScriptText) -> None:
        """Goes a level deeper. Raises Refused if it is one too many."""
        self.levels += 1
        if self.levels > _NESTING:
            raise Refused(
                f"more than {_NESTING} levels of nesting in line {source.line} of the text; nest it less"
            )

    def leave(self) -> None:
        """Comes back."""
        self.levels -= 1


def fail(source: ScriptText, message: str) -> ShellSyntaxError:
    """Returns the error of the line that is read."""
    return ShellSyntaxError(message, source.line)
