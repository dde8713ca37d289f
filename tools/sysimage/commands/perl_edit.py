"""perl -p and perl -n with programs that substitute and print (perlrun(1), perlop(1)); and no others.

A program is a sequence of `s/…/…/`, `print`, `next` and `last`, each with a match as its condition or none.
Patterns are those in which Perl's regular expressions and Python's mean the same.
"""

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.timed import in_time
from tools.sysimage.core.tree import Kind

_OPTIONS = re.compile(r"-(?P<flags>[npwl]*)(?:i(?P<suffix>[^e\s]*))?(?P<program>e?)")
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CLASSES = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "0-9A-Za-z",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": re.escape(string.punctuation),
    "xdigit": "0-9A-Fa-f",
    "word": r"\w",
}
_ESCAPE = re.compile(r"\\(?:[dDsSwWbBtnrfae0-9]|[^A-Za-z0-9])", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\{(\d)\}|(\d)|(&))|\\([1-9])")
_VARIABLE = re.compile(r"\$(?:ENV\{['\"]?(\w+)['\"]?\}|\{ENV\{['\"]?(\w+)['\"]?\}\})")
_STATEMENT = re.compile(r"\s*(?:;\s*)*")


class UnknownPerlError(Exception):
    """A program, or a part of one, that is not modelled."""


@dataclass(frozen=True, slots=True)
class _Action:
    """What a statement does with a line, where its condition holds."""

    verb: str  # "s", "print", "next", "last"
    condition: re.Pattern[bytes] | None
    wanted: bool  # whether the condition has to match
    pattern: re.Pattern[bytes] | None = None
    replacement: Callable[[re.Match[bytes]], bytes] | None = None
    count: int = 0  # of substitutions in a line, 0 for all


@dataclass(frozen=True, slots=True)
class Edit:
    """A call: its program, whether it prints each line, the suffix of backups (None without -i), files."""

    actions: tuple[_Action, ...]
    prints: bool
    suffix: str | None
    names: tuple[str, ...]


def read(words: Sequence[str], environment: Callable[[str], str | None]) -> Edit | None:
    """Reads the words of a call; None if it is no such one. Raises UnknownPerlError."""
    flags, suffix, texts = "", None, []
    rest = list(words)
    while rest and (match := _OPTIONS.fullmatch(rest[0])) and rest[0] != "-":
        rest.pop(0)
        flags += match["flags"]
        if match["suffix"] is not None:
            suffix = match["suffix"]
        if match["program"]:
            if not rest:
                return None
            texts.append(rest.pop(0))
    if rest and rest[0] == "--":
        rest.pop(0)
    elif rest and rest[0].startswith("-") and rest[0] != "-":
        return None
    if not texts or not {"n", "p"} & set(flags) or "l" in flags or "*" in (suffix or ""):
        return None
    reader = _Reader("\n".join(texts), environment)
    return Edit(tuple(reader.actions()), "p" in flags, suffix, tuple(rest))


class _Reader:
    """Reads a program."""

    def __init__(self, text: str, environment: Callable[[str], str | None]) -> None:
        self.text, self.place = text, 0
        self.environment = environment

    def actions(self) -> list[_Action]:
        found = list[_Action]()
        while True:
            self._skip(_STATEMENT)
            if self.place == len(self.text):
                return found
            found.append(self._statement())
            self._skip(re.compile(r"\s*"))
            if self.place < len(self.text) and self.text[self.place] != ";":
                raise UnknownPerlError(self.text[self.place :])

    def _skip(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.place)
        if match:
            self.place = match.end()
        return match

    def _flags(self) -> str:
        found = self._skip(re.compile("[a-z]*"))
        return found[0] if found else ""

    def _statement(self) -> _Action:
        if word := self._skip(re.compile(r"(print|next|last)\b(?:\s*\$_)?")):
            condition, wanted = self._condition()
            return _Action(word[1], condition, wanted)
        if not self._skip(re.compile(r"s(?=[^\w\s=,;]|\s*[{(\[<'/|!#,])")):
            raise UnknownPerlError(self.text[self.place :])
        source, quote = self._delimited()
        if quote in _PAIRS:
            self._skip(re.compile(r"\s*"))
            put, other = self._delimited()
        else:
            put, other = self._until(quote), quote
        letters = self._flags()
        pattern = self._pattern(source, quote, letters)
        replacement = self._replacement(put, other, pattern.groups)
        condition, wanted = self._condition()
        return _Action("s", condition, wanted, pattern, replacement, 0 if "g" in letters else 1)

    def _condition(self) -> tuple[re.Pattern[bytes] | None, bool]:
        word = self._skip(re.compile(r"\s*(if|unless)\b\s*"))
        if word is None:
            return None, True
        bracket = self._skip(re.compile(r"\(\s*"))
        negated = self._skip(re.compile(r"!\s*"))
        if not self._skip(re.compile(r"m(?=[^\w\s])")) and self.text[self.place : self.place + 1] != "/":
            raise UnknownPerlError(self.text[self.place :])
        source, quote = self._delimited()
        flags = self._flags()
        if bracket and not self._skip(re.compile(r"\s*\)")):
            raise UnknownPerlError(self.text[self.place :])
        pattern = self._pattern(source, quote, flags)
        return pattern, (word[1] == "if") != bool(negated)

    def _delimited(self) -> tuple[str, str]:
        if self.place == len(self.text) or self.text[self.place].isalnum():
            raise UnknownPerlError(self.text)
        quote = self.text[self.place]
        self.place += 1
        return self._until(_PAIRS.get(quote, quote), quote), quote

    def _until(self, end: str, begin: str = "") -> str:
        start, depth = self.place, 1
        while self.place < len(self.text):
            char = self.text[self.place]
            if char == "\\":
                self.place += 1
            elif char == end:
                depth -= 1
                if not depth:
                    self.place += 1
                    return self.text[start : self.place - 1]
            elif char == begin != end:
                depth += 1
            self.place += 1
        raise UnknownPerlError(f"{self.text} (it has no end)")

    def _variables(self, text: str) -> str:
        """Puts in the values of environment variables, quoted for a pattern by who asks."""

        def value(match: re.Match[str]) -> str:
            return self.environment(match[1] or match[2]) or ""

        return _VARIABLE.sub(value, text)

    def _pattern(self, source: str, quote: str, flags: str) -> re.Pattern[bytes]:
        if set(flags) - set("gimsxoa") or not source or (quote in "^$.|?*+" and f"\\{quote}" in source):
            raise UnknownPerlError(f"the pattern {source} with {flags}")
        if quote != "'":
            source = self._variables(source)
            if re.search(r"(?<!\\)(?:\\\\)*(?:\$(?!$|[)|/])|@\w)", source):
                raise UnknownPerlError(f"a variable in the pattern {source}")
        wanted = re.NOFLAG
        for letter in flags:
            wanted |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}.get(letter, 0)
        try:
            return re.compile(_translated(source).encode("utf-8", "surrogateescape"), wanted)
        except re.error as error:
            raise UnknownPerlError(f"the pattern {source}") from error

    def _replacement(self, text: str, quote: str, groups: int) -> Callable[[re.Match[bytes]], bytes]:
        parts: list[bytes | int] = []
        at = 0
        if quote == "'":
            text = re.sub(r"\\([\\'])", r"\1", text)
            return lambda _match: text.encode("utf-8", "surrogateescape")
        while at < len(text):
            if found := _REFERENCE.match(text, at):
                number = int(found[1] or found[2] or found[4] or 0)
                if number <= groups:
                    parts.append(number)
                at = found.end()
                continue
            if found := _VARIABLE.match(text, at):
                parts.append(self._variables(found[0]).encode("utf-8", "surrogateescape"))
                at = found.end()
                continue
            if text[at] == "\\":
                escape = text[at + 1 : at + 2]
                if escape.isalnum() and escape not in "nt":
                    raise UnknownPerlError(f"the replacement {text}")
                parts.append({"n": "\n", "t": "\t"}.get(escape, escape).encode("utf-8", "surrogateescape"))
                at += 2
                continue
            if text[at] == "$" or re.match(r"@[\w{$:]", text[at:]):
                raise UnknownPerlError(f"a variable in the replacement {text}")
            parts.append(text[at].encode("utf-8", "surrogateescape"))
            at += 1

        def replacement(match: re.Match[bytes]) -> bytes:
            return b"".join(part if isinstance(part, bytes) else match[part] or b"" for part in parts)

        return replacement


def _translated(source: str) -> str:
    """A pattern of Perl as Python's `re` has it. Raises UnknownPerlError for what differs."""
    made, at = [], 0
    while at < len(source):
        char = source[at]
        if char == "\\":
            escape = _ESCAPE.match(source, at)
            if escape is None:
                raise UnknownPerlError(f"the pattern {source}")
            made.append({r"\e": r"\x1b"}.get(escape[0], escape[0]))
            at = escape.end()
        elif char == "[":
            end = _class_end(source, at)
            made.append(_class(source[at + 1 : end]))
            at = end + 1
        elif source.startswith("(?", at) and source[at + 2 : at + 3] not in (":", "=", "!"):
            raise UnknownPerlError(f"the pattern {source}")
        else:
            made.append(char)
            at += 1
    return "".join(made)


def _class_end(source: str, start: int) -> int:
    at = start + 1 + source.startswith("^", start + 1)
    at += source.startswith("]", at)
    while at < len(source) and source[at] != "]":
        if source[at] == "\\":
            at += 1
        elif source.startswith("[:", at):
            at = source.find(":]", at) + 1
            if not at:
                break
        at += 1
    if at >= len(source):
        raise UnknownPerlError(f"the pattern {source}")
    return at


def _class(text: str) -> str:
    """The set between brackets, with POSIX classes written out."""
    negated, text = text.startswith("^"), text.removeprefix("^")
    made, at = [], 0
    while at < len(text):
        if found := re.compile(r"\[:(\w+):\]").match(text, at):
            if found[1] not in _CLASSES:
                raise UnknownPerlError(f"the set [{text}]")
            made.append(_CLASSES[found[1]])
            at = found.end()
        elif text[at] == "\\":
            escape = _ESCAPE.match(text, at)
            if escape is None:
                raise UnknownPerlError(f"the set [{text}]")
            made.append(escape[0])
            at = escape.end()
        else:
            made.append("\\" * (text[at] in "[&~|]") + text[at])
            at += 1
    return f"[{'^' * negated}{''.join(made)}]"


def run(call: Call, edit: Edit) -> int:
    """Edits. Returns perl's status."""
    with in_time(call):
        return _run(call, edit)


def _run(call: Call, edit: Edit) -> int:
    if not edit.names:
        call.out(_edited(edit, call.stdin())[0])
        return 0
    for name in edit.names:
        inode = call.files.find(call.path(name))
        if inode is None:
            call.machine.stream(2).write(f"Can't open {name}: No such file or directory.\n".encode())
            continue
        if inode.kind is not Kind.FILE:
            call.refuse(f"perl: {name} is no regular file, which is not modelled")
        data, over = _edited(edit, call.input(name))
        if edit.suffix is None:
            call.out(data)
        else:
            path = call.path(name)
            call.files.exchange(path, data, path + edit.suffix if edit.suffix else "")
        if over:
            break
    return 0


def _edited(edit: Edit, data: bytes) -> tuple[bytes, bool]:
    """The lines after the program, and whether `last` ended it."""
    made: list[bytes] = []
    for text in _lines(data):
        line, printed = text, edit.prints
        over = False
        for action in edit.actions:
            if action.condition and bool(action.condition.search(line)) != action.wanted:
                continue
            if action.verb == "s" and action.pattern and action.replacement:
                line = action.pattern.sub(action.replacement, line, action.count)
            elif action.verb == "print":
                made.append(line)
            elif action.verb in ("next", "last"):
                over = action.verb == "last"
                printed = printed and not over
                break
        if printed:
            made.append(line)
        if over:
            return b"".join(made), True
    return b"".join(made), False


def _lines(data: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
