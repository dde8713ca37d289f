"""sort(1) of GNU coreutils, in the order of bytes (LC_ALL=C.UTF-8)."""

import heapq
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cmp_to_key
from itertools import pairwise

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.text_lines import inputs, split_lines

_BLANK = b" \t\n"
_NUMBER = re.compile(rb"[ \t\n]*(-?(?:\d+\.?\d*|\.\d+))([KkMGTPEZYRQ]?)")
_SUFFIXES = b"KMGTPEZYRQ"
_LETTERS = {
    "numeric-sort": "n",
    "human-numeric-sort": "h",
    "reverse": "r",
    "ignore-case": "f",
    "ignore-leading-blanks": "b",
    "dictionary-order": "d",
    "version-sort": "V",
    "ignore-nonprinting": "i",
}
_EXCLUSIVE = "nhV"
_KEY = re.compile(
    r"(?P<field>\d+)(?:\.(?P<char>\d+))?(?P<begin>[bdfhinrV]*)"
    r"(?:,(?P<last>\d+)(?:\.(?P<last_char>\d+))?(?P<end>[bdfhinrV]*))?"
)

type _Compare = Callable[[bytes, bytes], int]


class _UsageError(Exception):
    """A call that sort(1) answers with status 2."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A part of lines that is compared: from a character of a field to one of another."""

    field: int  # from 0
    char: int
    last: int | None  # from 0; None for the line's end
    last_char: int  # 0 for the field's end
    letters: str  # how it is compared
    begin_blanks: bool  # whether blanks are skipped before characters are counted
    end_blanks: bool
    separator: bytes

    def text(self, line: bytes) -> bytes:
        """Returns the part of a line."""
        begin = self._skip(line, self.field, stay=False)
        if self.begin_blanks:
            begin = _after_blanks(line, begin)
        begin = min(len(line), begin + self.char)
        if self.last is None:
            return line[begin:]
        if not self.last_char:
            return line[begin : max(begin, self._skip(line, self.last + 1, stay=True))]
        end = self._skip(line, self.last, stay=False)
        if self.end_blanks:
            end = _after_blanks(line, end)
        return line[begin : max(begin, end + self.last_char)]

    def _skip(self, line: bytes, fields: int, *, stay: bool) -> int:
        """Returns the place after some fields; with `stay`, before the separator that follows them."""
        place = 0
        for left in range(fields, 0, -1):
            if self.separator:
                found = line.find(self.separator, place)
                if found < 0:
                    return len(line)
                place = found if stay and left == 1 else found + 1
            else:
                place = _after_blanks(line, place)
                while place < len(line) and line[place] not in _BLANK:
                    place += 1
        return place


def _after_blanks(line: bytes, place: int) -> int:
    while place < len(line) and line[place] in _BLANK:
        place += 1
    return place


def sort(call: Call) -> int:
    """sort(1): 0, 1 where -c finds disorder, 2 for an error."""
    given = call.options(
        "-u --unique", "-n --numeric-sort", "-h --human-numeric-sort", "-r --reverse", "-k --key=",
        "-t --field-separator=", "-f --ignore-case", "-b --ignore-leading-blanks", "-d --dictionary-order",
        "-V --version-sort", "-s --stable", "-c", "--check[=]", "-C", "-o --output=", "-z --zero-terminated",
        "-m --merge", "-i --ignore-nonprinting", "-T --temporary-directory=", "-S --buffer-size=",
        "--parallel=",
        "--batch-size=",
    )  # fmt: skip
    if any(re.match(r"\+\d", word) for word in given.operands):
        call.refuse("sort: keys of the form +POS are not modelled")
    try:
        compare = _comparison(given)
    except _UsageError as error:
        call.complain(str(error))
        return 2
    failed: list[int] = []
    end = b"\0" if "zero-terminated" in given else b"\n"
    texts = [split_lines(data, end) for _, data in inputs(call, given.operands, failed)]
    if failed:
        return 2
    if "c" in given or "C" in given or "check" in given:
        return _check(call, given, texts[0], compare)
    key = cmp_to_key(compare)
    if "merge" in given:
        lines = [*heapq.merge(*texts, key=key)]
    else:
        lines = sorted((line for text in texts for line in text), key=key)
    if "unique" in given:
        lines = _unique(lines, compare)
    out = b"".join(line + end for line in lines)
    if "output" in given:
        call.files.write(call.path(given.value("output")), out, call.umask(0o666))
    else:
        call.out(out)
    return 0


def _check(call: Call, given: Given, lines: Sequence[bytes], compare: _Compare) -> int:
    if len(given.operands) > 1:
        call.complain(f"extra operand '{given.operands[1]}' not allowed with -c")
        return 2
    limit = 0 if "unique" in given else 1
    for number, (left, right) in enumerate(pairwise(lines), 2):
        if compare(left, right) >= limit:
            if "c" in given or given.value("check") in ("", "diagnose-first"):
                name = given.operands[0] if given.operands else "-"
                call.complain(f"{name}:{number}: disorder: {right.decode('utf-8', 'surrogateescape')}")
            return 1
    return 0


def _unique(lines: Sequence[bytes], compare: _Compare) -> list[bytes]:
    kept: list[bytes] = []
    for line in lines:
        if not kept or compare(kept[-1], line):
            kept.append(line)
    return kept


def _comparison(given: Given) -> _Compare:
    common = "".join(letter for name, letter in _LETTERS.items() if name in given)
    separator = _separator(given)
    keys = [_key(text, common, separator) for text in given.values("key")]
    if not keys and common.strip("r"):
        keys = [_Key(0, 0, None, 0, common, "b" in common, False, separator)]
    for letters in (key.letters for key in keys):
        kinds = [letter for letter in _EXCLUSIVE if letter in letters]
        if len(kinds) > 1 or (set("nh") & set(letters) and set("di") & set(letters)):
            raise _UsageError(f"options '-{letters}' are incompatible")
    comparers = [(key, _COMPARERS.get(_kind(key.letters), _bytes), "r" in key.letters) for key in keys]
    whole = not ("stable" in given or "unique" in given) or not keys
    reverse = "r" in common

    def compare(left: bytes, right: bytes) -> int:
        for key, comparer, backwards in comparers:
            order = comparer(_edited(key.text(left), key.letters), _edited(key.text(right), key.letters))
            if order:
                return -order if backwards else order
        if not whole:
            return 0
        order = _bytes(left, right)
        return -order if reverse else order

    return compare


def _separator(given: Given) -> bytes:
    if "field-separator" not in given:
        return b""
    text = given.value("field-separator").encode("utf-8", "surrogateescape")
    if text == b"\\0":
        return b"\0"
    if len(text) != 1:
        raise _UsageError(
            "empty tab" if not text else f"multi-character tab '{text.decode('utf-8', 'replace')}'"
        )
    return text


def _key(text: str, common: str, separator: bytes) -> _Key:
    match = _KEY.fullmatch(text)
    if match is None:
        raise _UsageError(f"invalid field specification '{text}'")
    field, char = int(match["field"]), int(match["char"] or 1)
    last = int(match["last"]) if match["last"] else None
    if not field or not char or last == 0:
        raise _UsageError(f"field number is zero: invalid field specification '{text}'")
    begin, end = match["begin"], match["end"] or ""
    letters = begin + end
    # A key with letters of its own has none of those that are given for all.
    if not letters:
        letters, begin, end = common, common, common
    return _Key(
        field - 1,
        char - 1,
        last - 1 if last else None,
        int(match["last_char"] or 0),
        letters,
        "b" in begin,
        "b" in end,
        separator,
    )


def _kind(letters: str) -> str:
    return next((letter for letter in _EXCLUSIVE if letter in letters), "")


def _edited(text: bytes, letters: str) -> bytes:
    if "d" in letters:
        text = re.sub(rb"[^0-9A-Za-z \t]", b"", text)
    elif "i" in letters:
        text = re.sub(rb"[^ -~]", b"", text)
    return text.upper() if "f" in letters else text


def _bytes(left: bytes, right: bytes) -> int:
    return (left > right) - (left < right)


def _numbers(left: bytes, right: bytes) -> int:
    x, y = _value(left)[1], _value(right)[1]
    return (x > y) - (x < y)


def _human(left: bytes, right: bytes) -> int:
    x, y = _value(left), _value(right)
    return (x > y) - (x < y)


def _value(text: bytes) -> tuple[int, Decimal]:
    """Returns the order of a number's suffix, with its sign, and the number; 0 for what is none."""
    match = _NUMBER.match(text)
    if match is None:
        return 0, Decimal(0)
    number = Decimal(match[1].decode())
    order = _SUFFIXES.find(match[2].upper()) + 1 if match[2] else 0
    return (0 if not number else -order if number < 0 else order), number


def versions(left: bytes, right: bytes) -> int:
    """Compares as gnulib's filevercmp does: without the suffixes of files first."""
    if not left or not right:
        return bool(left) - bool(right)
    for special in (b".", b".."):
        if special in (left, right):
            return (left != special) - (right != special)
    if left.startswith(b".") != right.startswith(b"."):
        return -1 if left.startswith(b".") else 1
    return _parts(_stem(left), _stem(right)) or _parts(left, right)


def _stem(text: bytes) -> bytes:
    match = re.search(rb"(?:\.[A-Za-z~][A-Za-z0-9~]*)*\Z", text[1:])
    return text[: 1 + match.start()] if match else text


def _weight(text: bytes, place: int) -> int:
    if place >= len(text):
        return -1
    char = text[place : place + 1]
    if char.isdigit():
        return 0
    if char.isalpha():
        return char[0]
    return -2 if char == b"~" else char[0] + 256


def _parts(left: bytes, right: bytes) -> int:
    i = j = 0
    while i < len(left) or j < len(right):
        while (i < len(left) and not left[i : i + 1].isdigit()) or (
            j < len(right) and not right[j : j + 1].isdigit()
        ):
            x, y = _weight(left, i), _weight(right, j)
            if x != y:
                return x - y
            i, j = i + 1, j + 1
        first, second = re.compile(rb"\d*").match(left, i), re.compile(rb"\d*").match(right, j)
        assert first is not None
        assert second is not None
        a, b = int(first[0] or 0), int(second[0] or 0)
        if a != b:
            return -1 if a < b else 1
        i, j = first.end(), second.end()
    return 0


_COMPARERS: dict[str, _Compare] = {"n": _numbers, "h": _human, "V": versions}
COMMANDS: Mapping[str, Command] = {"sort": sort}
"""This family's commands by name."""
