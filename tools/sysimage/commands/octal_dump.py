"""od(1) of GNU coreutils, of whole numbers and characters."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_words import numbered

_OLD = {"b": "o1", "c": "c", "d": "u2", "i": "d4", "l": "d8", "o": "o2", "s": "d2", "x": "x2", "a": "a"}
_SIZES = {"C": 1, "S": 2, "I": 4, "L": 8}
_DIGITS = {
    "o": {1: 3, 2: 6, 4: 11, 8: 22},
    "x": {1: 2, 2: 4, 4: 8, 8: 16},
    "u": {1: 3, 2: 5, 4: 10, 8: 20},
    "d": {1: 4, 2: 6, 4: 11, 8: 20},
}
_NAMES = [
    *("nul", "soh", "stx", "etx", "eot", "enq", "ack", "bel", "bs", "ht", "nl", "vt", "ff", "cr", "so", "si"),
    *(
        "dle",
        "dc1",
        "dc2",
        "dc3",
        "dc4",
        "nak",
        "syn",
        "etb",
        "can",
        "em",
        "sub",
        "esc",
        "fs",
        "gs",
        "rs",
        "us",
        "sp",
    ),
]
_ESCAPES = {0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}


@dataclass(frozen=True, slots=True)
class _Format:
    size: int
    width: int  # of a number, without the blank before it
    show: Callable[[bytes], str]


def od(call: Call) -> int:
    """od(1)."""
    given = call.options(
        "-A --address-radix=", "-t --format=", "-v --output-duplicates", "-N --read-bytes=",
        "-j --skip-bytes=",
        "-w --width[=]", *(f"-{letter}" for letter in _OLD),
    )  # fmt: skip
    wanted = [
        _OLD.get(option, value or "")
        for option, value in given.options
        if option in _OLD or option == "format"
    ]
    formats = [form for text in wanted or ["o2"] for form in _formats(call, text)]
    radix = given.value("address-radix", "o")
    if radix not in ("n", "o", "d", "x") or any(word.startswith("+") for word in given.operands):
        call.refuse("od: these arguments are not modelled")
    failed = False
    data = b""
    for name in given.operands or ("-",):
        try:
            data += call.input(name)
        except OSError as error:
            failed = bool(call.complain(f"{name}: {error.strerror}"))
    skip = _number(call, given.value("skip-bytes", "0"))
    if skip > len(data):
        return call.complain("cannot skip past end of combined input")
    end = skip + _number(call, given.value("read-bytes")) if "read-bytes" in given else len(data)
    least = max(form.size for form in formats)
    width = _number(call, given.value("width") or ("32" if "width" in given else "16"))
    if not width or width % least:
        call.refuse(f"od: the width {width} is not modelled")
    if failed and not data:
        return 1
    rows = [data[at : min(at + width, end)] for at in range(skip, min(end, len(data)), width)]
    _dump(call, rows, skip, formats, radix, "output-duplicates" in given)
    return 1 if failed else 0


def _number(call: Call, text: str) -> int:
    if re.fullmatch("0[xX][0-9a-fA-F]+", text):
        return int(text, 16)
    return int(text, 8) if re.fullmatch("0[0-7]+", text) else numbered(call, text, "number")


def _formats(call: Call, text: str) -> list[_Format]:
    found = []
    while text:
        match = re.match(r"([ac])|([douxX])(\d+|[CSIL])?", text)
        if match is None:
            call.refuse(f"od: the format {text!r} is not modelled")
        text = text[match.end() :]
        if match[1]:
            found.append(_Format(1, 3, _named if match[1] == "a" else _character))
            continue
        kind = match[2].lower()
        size = _SIZES.get(match[3] or "I") or int(match[3])
        if size not in (1, 2, 4, 8):
            call.refuse(f"od: numbers of {size} bytes are not modelled")
        found.append(_Format(size, _DIGITS[kind][size], _shower(kind, _DIGITS[kind][size])))
    return found


def _shower(kind: str, width: int) -> Callable[[bytes], str]:
    def show(data: bytes) -> str:
        value = int.from_bytes(data, "little", signed=kind == "d")
        return f"{value:0{width}{kind}}" if kind in "ox" else str(value)

    return show


def _character(data: bytes) -> str:
    byte = data[0]
    return _ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"{byte:03o}")


def _named(data: bytes) -> str:
    byte = data[0] & 127
    return _NAMES[byte] if byte < len(_NAMES) else "del" if byte == 127 else chr(byte)


def _dump(
    call: Call, rows: list[bytes], at: int, formats: list[_Format], radix: str, duplicates: bool
) -> None:
    # Each number takes as much room as those of the other formats for the same bytes.
    room = max((form.width + 1) / form.size for form in formats)
    previous: bytes | None = None
    starred = False
    for row in rows:
        start, at = at, at + len(row)
        if row == previous and len(row) == len(rows[0]) and not duplicates:
            if not starred:
                call.out("*\n")
            starred = True
            continue
        starred, previous = False, row
        for index, form in enumerate(formats):
            address = _address(start, radix)
            padded = row + bytes(-len(row) % form.size)
            cells = [form.show(padded[i : i + form.size]) for i in range(0, len(padded), form.size)]
            line = "".join(f"{cell:>{round(room * form.size)}}" for cell in cells)
            call.out((address if not index else " " * len(address)) + line + "\n")
    if radix != "n":
        call.out(f"{_address(at, radix)}\n")


def _address(place: int, radix: str) -> str:
    return "" if radix == "n" else f"{place:0{6 if radix == 'x' else 7}{radix}}"


COMMANDS: Mapping[str, Command] = {"od": od}
"""This family's commands by name."""
