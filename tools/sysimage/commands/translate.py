"""tr(1) of GNU coreutils, which knows bytes alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.call import Call, Command

_CLASSES = {
    "alnum": rb"[0-9A-Za-z]",
    "alpha": rb"[A-Za-z]",
    "blank": rb"[ \t]",
    "cntrl": rb"[\0-\x1f\x7f]",
    "digit": rb"[0-9]",
    "graph": rb"[!-~]",
    "lower": rb"[a-z]",
    "print": rb"[ -~]",
    "punct": rb"[!-/:-@\[-`{-~]",
    "space": rb"[\t-\r ]",
    "upper": rb"[A-Z]",
    "xdigit": rb"[0-9A-Fa-f]",
}
_ESCAPES = {b"n": 10, b"t": 9, b"r": 13, b"a": 7, b"b": 8, b"f": 12, b"v": 11}
_CLASS = re.compile(rb"\[:(\w+):\]")
_EQUIVALENT = re.compile(rb"\[=(.)=\]", re.DOTALL)
_REPEAT = re.compile(rb"\[((?:\\[0-7]{1,3}|\\.|[^\\]))\*(\d*)\]", re.DOTALL)
_CASES = ("lower", "upper")


class _SetError(Exception):
    """A set that tr(1) refuses."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a set: a class by its name, a byte that fills up the set, or some bytes."""

    data: bytes
    name: str = ""
    fills: bool = False


def tr(call: Call) -> int:
    """tr(1): 1 for sets that make no sense."""
    given = call.options(
        "-c -C --complement", "-d --delete", "-s --squeeze-repeats", "-t --truncate-set1", permute=False
    )
    delete, squeeze = "delete" in given, "squeeze-repeats" in given
    operands = given.operands
    needed = 2 if delete == squeeze else 1
    most = 1 if delete and not squeeze else 2
    if len(operands) < needed:
        return call.complain(f"missing operand{f' after {operands[-1]!r}' if operands else ''}")
    if len(operands) > most:
        return call.complain(f"extra operand '{operands[most]}'")
    try:
        sets = [_parts(operand.encode("utf-8", "surrogateescape")) for operand in operands]
        if any(part.fills for part in sets[0]):
            raise _SetError("the [c*] repeat construct may not appear in string1")
        first = b"".join(part.data for part in sets[0])
        if "complement" in given:
            first = bytes(byte for byte in range(256) if byte not in first)
        data = call.stdin()
        if delete:
            data = data.translate(None, first)
            squeezed = b"".join(part.data for part in sets[1]) if squeeze else b""
        elif len(sets) == 2:
            complement = "complement" in given
            first, second = _pairs(sets[0], sets[1], first, complement, "truncate-set1" in given)
            table = bytearray(range(256))
            for old, new in zip(first, second, strict=False):
                table[old] = new
            data = data.translate(bytes(table))
            squeezed = second if squeeze else b""
        else:
            squeezed = first
    except _SetError as error:
        return call.complain(str(error))
    if squeezed:
        data = re.sub(b"([%b])\\1+" % re.escape(squeezed), b"\\1", data)
    call.out(data)
    return 0


def _pairs(
    one: Sequence[_Part], two: Sequence[_Part], first: bytes, complement: bool, truncate: bool
) -> tuple[bytes, bytes]:
    """Returns what is translated, and to what."""
    if sum(part.fills for part in two) > 1:
        raise _SetError("only one [c*] repeat construct may appear in string2")
    fixed = sum(len(part.data) for part in two if not part.fills)
    second = b"".join(part.data * max(0, len(first) - fixed) if part.fills else part.data for part in two)
    if any(part.name == "=" for part in two):
        raise _SetError("[=c=] expressions may not appear in string2 when translating")
    if any(part.name and part.name not in _CASES for part in two):
        raise _SetError(
            "when translating, the only character classes that may appear in string2 are 'upper' and 'lower'"
        )
    if complement and any(part.name for part in one) and len(set(second)) > 1:
        raise _SetError(
            "when translating with complemented character classes,\n"
            "string2 must map all characters in the domain to one"
        )
    if not complement:
        cases = _places(one)
        if any(place not in cases for place in _places(two) if place <= len(first)):
            raise _SetError("misaligned [:upper:] and/or [:lower:] construct")
    if truncate:
        first = first[: len(second)]
    if len(second) < len(first):
        if not second:
            raise _SetError("when not truncating set1, string2 must be non-empty")
        if two[-1].name:
            raise _SetError(
                "when translating with string1 longer than string2,\n"
                "the latter string must not end with a character class"
            )
        second += second[-1:] * (len(first) - len(second))
    return first, second


def _places(parts: Sequence[_Part]) -> set[int]:
    places, place = set(), 0
    for part in parts:
        if part.name in _CASES:
            places.add(place)
        place += len(part.data)
    return places


def _parts(text: bytes) -> list[_Part]:
    parts: list[_Part] = []
    at = 0
    while at < len(text):
        if text.startswith(b"[", at):
            found = _bracket(text, at)
            if found is not None:
                part, at = found
                parts.append(part)
                continue
        first, at = _byte(text, at)
        if text[at : at + 1] == b"-" and at + 1 < len(text):
            last, at = _byte(text, at + 1)
            if last < first:
                raise _SetError("range-endpoints are in reverse collating sequence order")
            parts.append(_Part(bytes(range(first, last + 1))))
        else:
            parts.append(_Part(bytes([first])))
    return parts


def _bracket(text: bytes, at: int) -> tuple[_Part, int] | None:
    """Reads "[:class:]", "[=c=]" and "[c*n]"; None if a bracket is just one."""
    if match := _CLASS.match(text, at):
        name = match[1].decode()
        if name not in _CLASSES:
            raise _SetError(f"invalid character class '{name}'")
        data = b"".join(re.findall(_CLASSES[name], bytes(range(256))))
        return _Part(data, name), match.end()
    if match := _EQUIVALENT.match(text, at):
        return _Part(match[1], "="), match.end()
    if match := _REPEAT.match(text, at):
        byte, _ = _byte(match[1], 0)
        count = int(match[2], 8 if match[2].startswith(b"0") else 10) if match[2] else 0
        return _Part(bytes([byte]) * (count or 1), fills=not count), match.end()
    return None


def _byte(text: bytes, at: int) -> tuple[int, int]:
    if text[at : at + 1] != b"\\" or at + 1 == len(text):
        return text[at], at + 1
    if match := re.compile(rb"[0-3][0-7]{0,2}|[4-7][0-7]?").match(text, at + 1):
        return int(match[0], 8), match.end()
    char = text[at + 1 : at + 2]
    return _ESCAPES.get(char, char[0]), at + 2


COMMANDS: Mapping[str, Command] = {"tr": tr}
"""This family's commands by name."""
