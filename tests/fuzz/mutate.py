"""Changes inputs a little, from a seed: what a hand, a disk or an attacker makes of a file."""

import random
import re
from collections.abc import Callable, Sequence

_BLOCK = 512  # bytes of a tar's header
_NUMBER = re.compile(rb"-?[0-9]+")
_NUMBERS = (
    b"0",
    b"-1",
    b"-60",
    b"1",
    b"255",
    b"256",
    b"65536",
    b"4294967296",
    b"9223372036854775808",
    b"9" * 30,
)
_BINARY = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 60, (1 << 63) - 1, (1 << 64) - 1)
_WORDS = (
    *(b"", b" ", b"\n", b"\n\n", b"\r\n", b"\0", b"\t", b"\\", b"\\\n", b"'", b'"', b"`", b"$(", b"${", b"%"),
    *(b"%i", b"%%", b"#", b";", b":", b"::", b"@", b"@@", b"=", b"=\n", b",", b"|", b"[", b"]", b"[]", b"{}"),
    *(b"{", b"null", b"true", b"NaN", b"1e999", b"..", b"../", b"/", b"//", b"./", b"~", b"*", b"**", b"?"),
    *("ä".encode(), b"\xe4", b"\xff\xfe", "\u202e".encode(), b"\xed\xa0\x80", "٣".encode(), "²".encode()),
    *(b"-", b"--", b"!", b"+", b"(", b")", b"<", b">", b"<<<<<<< ", b"a" * 300, b"[" * 3000, b"{" * 3000),
    *(b"2025-01-01", b"0777777777777", b"u+x", b"0o755", b"root:root"),
)

type _Change = Callable[[bytes, random.Random], bytes]


def mutate(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """`data` after one to four changes; parts of `others` may get into it."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        change = chance.choice((*_CHANGES, None))
        data = change(data, chance) if change else _splice(data, chance.choice(others), chance)
    return _with_checksums(data) if chance.random() < 0.8 else data


def _place(data: bytes, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _word(data: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + chance.choice(_WORDS) + data[at + chance.choice((0, 0, 1, 2, 8)) :]


def _number(data: bytes, chance: random.Random) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return _word(data, chance)
    match = chance.choice(found)
    number = chance.choice((*_NUMBERS, str(int(match[0][:18]) + chance.choice((-1, 1))).encode()))
    # Fields of archives keep their width.
    number = chance.choice((number, number.ljust(len(match[0]), b" "), number.rjust(len(match[0]), b"0")))
    return data[: match.start()] + number + data[match.end() :]


def _binary(data: bytes, chance: random.Random) -> bytes:
    width = chance.choice((1, 2, 4, 8))
    at = _place(data, chance) // width * width
    value = (chance.choice(_BINARY) & (1 << 8 * width) - 1).to_bytes(width, chance.choice(("little", "big")))
    return data[:at] + value + data[at + width :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: _place(data, chance)]


def _remove(data: bytes, chance: random.Random) -> bytes:
    start = _place(data, chance)
    return data[:start] + data[start + chance.choice((1, 2, 8, 60, 512, 1024)) :]


def _double(data: bytes, chance: random.Random) -> bytes:
    start = _place(data, chance)
    part = data[start : start + chance.choice((1, 4, 16, 60, 512, 1024))]
    return data[:start] + part * chance.choice((2, 2, 3, 50)) + data[start + len(part) :]


def _line(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    if chance.random() < 0.5:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines.insert(one, lines[other])
    return b"\n".join(lines)


def _splice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start, end = sorted((_place(other, chance), _place(other, chance)))
    at = _place(data, chance)
    return data[:at] + other[start : min(end, start + 2048)] + data[at:]


_CHANGES: tuple[_Change, ...] = (
    _flip,
    _flip,
    _word,
    _word,
    _number,
    _number,
    _binary,
    _binary,
    _cut,
    _remove,
    _double,
    _line,
)


def _with_checksums(data: bytes) -> bytes:
    """The same with right checksums in the headers of tar, so that what is behind them is read."""
    made = bytearray(data)
    at = data.find(b"ustar")
    while at >= 0:
        start = at - 257
        if start >= 0 and start + _BLOCK <= len(made):
            made[start + 148 : start + 156] = b" " * 8
            made[start + 148 : start + 156] = b"%06o\0 " % sum(made[start : start + _BLOCK])
        at = data.find(b"ustar", at + 1)
    return bytes(made)
