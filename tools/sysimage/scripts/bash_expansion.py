"""What bash expands, and dash does not: braces, `$'…'`, `${x,,}`, `${x/a/b}`, `${x:1:2}`, variables."""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Protocol

from tools.sysimage.scripts import arithmetic
from tools.sysimage.scripts.failures import Refused, ShellError
from tools.sysimage.scripts.limits import Meter
from tools.sysimage.scripts.marked import MARK, plain
from tools.sysimage.scripts.patterns import matches, pattern
from tools.sysimage.scripts.source import ScriptText, fail
from tools.sysimage.scripts.syntax import Part, Word

_SIMPLE = {
    "a": "\a", "b": "\b", "e": "\033", "E": "\033", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_CODE = re.compile(r"x([0-9a-fA-F]{1,2})|([0-7]{1,3})")
_RANGE = re.compile(r"(-?\d{1,6})\.\.(-?\d{1,6})|([a-z])\.\.([a-z])|([A-Z])\.\.([A-Z])")
_CARET = re.compile(r"\[\^(?=[^\]].*\]|\].+\])", re.DOTALL)
_FIXED = {"UID": "0", "EUID": "0", "OSTYPE": "linux-gnu"}
_UNKNOWN = re.compile(
    r"BASH\w*|RANDOM|SRANDOM|SECONDS|EPOCH\w+|HOSTNAME|HOSTTYPE|MACHTYPE|PIPESTATUS|FUNCNAME|LINENO|GROUPS|"
    r"DIRSTACK|SHLVL|SHELLOPTS|COMP_\w+|REPLY|_"
)
_MOST = 1000  # words of one brace expansion


class Variables(Protocol):
    """What an expansion asks of the shell."""

    meter: Meter

    def value(self, name: str) -> str | None:
        """Returns a variable's value."""

    def assign(self, name: str, value: str) -> None:
        """Sets a variable."""


def refused(meter: Meter, what: str) -> Refused:
    """Returns the error of something of bash that is not modelled."""
    return meter.refused(f"bash: {what} is not modelled", "say by an entry what the script does instead")


def special(meter: Meter, name: str) -> str | None:
    """Returns a variable that bash sets itself. Raises Refused if its value is not known."""
    if name in _FIXED:
        return _FIXED[name]
    if _UNKNOWN.fullmatch(name):
        raise refused(meter, f"the variable {name}")
    return None


def ansi_quoted(source: ScriptText) -> str:
    """Reads from after `$'` to the end of the quotation. Raises ShellSyntaxError."""
    text = []
    while (char := source.get()) != "'":
        if not char:
            raise fail(source, "Unterminated quoted string")
        if char != "\\":
            text.append(char)
            continue
        char = source.get()
        match = _CODE.match(source.text, source.position - 1)
        if match:
            source.position = match.end()
            text.append(chr(int(match[1], 16) if match[1] else int(match[2], 8) & 255))
        elif char in ("u", "U", "c", "x"):
            raise fail(source, f"$'\\{char}…' is not supported")
        else:
            text.append(_SIMPLE.get(char, "\\" + char))
    return "".join(text)


def caret(text: str) -> str:
    """Writes bash's `[^…]` as dash's `[!…]` in marked text."""
    return _CARET.sub("[!", text) if "[^" in text else text


def check_pattern(meter: Meter, text: str) -> None:
    """Raises Refused for a pattern of names that dash reads otherwise."""
    if "[^" in text:
        raise refused(meter, "a pattern of names with [^…]")


# Braces.


def braces(word: Word) -> list[Word]:
    """Returns the words that a word with braces stands for, itself alone without any."""
    if not any(isinstance(part, str) and "{" in part for part in word):
        return [word]
    items: list[Part] = []
    for part in word:
        items += part if isinstance(part, str) else [part]
    text = "".join(part for part in word if isinstance(part, str))
    if "{}" in text and "," in text:
        raise Refused("bash: {} in a word with other braces is not modelled; write the words out")
    return [_joined(found) for found in _alternatives(items)]


def _joined(items: Sequence[Part]) -> Word:
    parts: list[Part] = []
    for text, group in itertools.groupby(items, lambda item: isinstance(item, str)):
        found = list(group)
        parts += ["".join(map(str, found))] if text else found
    return tuple(parts)


def _alternatives(items: list[Part]) -> list[list[Part]]:
    for start, item in enumerate(items):
        if item != "{":
            continue
        found = _group(items, start)
        if found is None:
            continue
        choices, end = found
        rest = _alternatives(items[end:])
        inner = [one for choice in choices for one in _alternatives(choice)]
        made = [items[:start] + one + tail for one in inner for tail in rest]
        if len(made) > _MOST:
            raise Refused(f"more than {_MOST} words of one brace expansion; write fewer")
        return made
    return [items]


def _group(items: list[Part], start: int) -> tuple[list[list[Part]], int] | None:
    """Returns what braces that open at a place hold, and where they end; None if they are text."""
    depth, choices, current = 0, list[list[Part]](), list[Part]()
    for index in range(start + 1, len(items)):
        item = items[index]
        if item == "}" and not depth:
            if choices:
                return [*choices, current], index + 1
            if (sequence := _sequence(current)) is not None:
                return sequence, index + 1
            current.append(item)  # it closes nothing before there is a comma
            continue
        if item == "," and not depth:
            choices.append(current)
            current = []
            continue
        depth += (item == "{") - (item == "}")
        current.append(item)
    return None


def _sequence(items: list[Part]) -> list[list[Part]] | None:
    """Returns what `{1..3}` or `{a..c}` holds."""
    if not all(isinstance(item, str) for item in items):
        return None
    match = _RANGE.fullmatch("".join(map(str, items)))
    if match is None:
        return None
    turn: Callable[[int], str] = chr
    if match[1] is not None:
        if any(re.match("-?0.", match[index]) for index in (1, 2)):
            raise Refused("bash: a sequence of numbers with leading zeros is not modelled; write them out")
        first, last, turn = int(match[1]), int(match[2]), str
    else:
        lower = match[3] is not None
        first, last = ord(match[3 if lower else 5]), ord(match[4 if lower else 6])
    step = 1 if first <= last else -1
    if abs(last - first) > _MOST:
        raise Refused(f"more than {_MOST} words of one brace expansion; write fewer")
    return [list(turn(number)) for number in range(first, last + step, step)]


# Parameters.


def operands(operator: str, word: Word) -> list[Word]:
    """Returns the words after an operator: of `/`, a pattern and a replacement."""
    if operator[0] == "/":
        for index, part in enumerate(word):
            if isinstance(part, str) and "/" in part:
                before, _, after = part.partition("/")
                return [(*word[:index], before), (after, *word[index + 1 :])]
        return [word, ()]
    return [word]


def modify(name: str, operator: str, value: str, words: Sequence[str], shell: Variables) -> str:
    """Returns what an operator of bash makes of a value; `words` are its operands as marked text."""
    if name in ("@", "*") or not value.isascii():
        raise refused(shell.meter, f"${{{name}{operator}…}} of arguments or of letters beyond ASCII")
    if operator == ":":
        return _part(value, plain(words[0]), shell)
    if operator[0] in ",^":
        if words[0]:
            raise refused(shell.meter, f"${{{name}{operator}PATTERN}}")
        change: Callable[[str], str] = str.lower if operator[0] == "," else str.upper
        return change(value) if len(operator) == 2 else change(value[:1]) + value[1:]
    return _replaced(value, operator, words[0], words[1], shell.meter)


def _part(value: str, word: str, shell: Variables) -> str:
    offset, colon, length = word.partition(":")
    try:
        start = arithmetic.evaluate(offset, shell.value, shell.assign)
        count = arithmetic.evaluate(length, shell.value, shell.assign) if colon else len(value)
    except ShellError:
        raise refused(shell.meter, f"the part {word!r} of a value") from None
    if start < 0:
        start += len(value)
        if start < 0:
            return ""
    if start > len(value):
        return ""
    end = start + count if count >= 0 else len(value) + count
    if end < start:
        raise refused(shell.meter, f"the part {word!r} of a value that is shorter")
    return value[start:end]


def _replaced(value: str, operator: str, old: str, new: str, meter: Meter) -> str:
    glob = pattern(caret(old))
    if not plain(old):
        added = _substitute(new, "")
        return added + value if operator == "/#" else value + added if operator == "/%" else value
    result, position = [], 0
    while position <= len(value):
        end = _longest(glob, value, position, operator, meter)
        if end is None or (end == position and value):
            result.append(value[position : position + 1])
            position += 1
            continue
        result.append(_substitute(new, value[position:end]))
        position = end
        if operator != "//" or end >= len(value):
            break
    return "".join(result) + value[position:]


def _longest(glob: str, value: str, start: int, operator: str, meter: Meter) -> int | None:
    if operator == "/#" and start:
        return None
    for end in [len(value)] if operator == "/%" else range(len(value), start - 1, -1):
        meter.step()
        if matches(glob, value[start:end]):
            return end
    return None


def _substitute(new: str, match: str) -> str:
    """Puts a match where the replacement has `&`, and leaves out the quotes."""
    return "".join(match if char == "&" else plain(char) for char in new if char != MARK)
