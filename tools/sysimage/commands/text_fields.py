"""cut, paste, uniq, comm, join (GNU coreutils), which take lines apart and put them together."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.text_lines import inputs, split_lines

_END = 1 << 62
_DELIMITERS = {
    "0": "",
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
}


class _UsageError(Exception):
    """A call that a program answers with a complaint."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def cut(call: Call) -> int:
    """cut(1); a character is a byte, as in Debian's coreutils 9.7."""
    given = call.options(
        "-f --fields=", "-d --delimiter=", "-c --characters=", "-b --bytes=", "-s --only-delimited",
        "--complement",
        "--output-delimiter=", "-n", "-z --zero-terminated",
    )  # fmt: skip
    kinds = [option for option, _ in given.options if option in ("fields", "characters", "bytes")]
    delimiter = _bytes(given.value("delimiter", "\t")) if "delimiter" in given else b"\t"
    try:
        if len(kinds) != 1:
            raise _UsageError("only one list may be specified" if kinds else "you must specify a list")
        if len(delimiter) > 1:
            raise _UsageError("the delimiter must be a single character")
        if kinds[0] != "fields" and ("delimiter" in given or "only-delimited" in given):
            raise _UsageError("an input delimiter may be specified only when operating on fields")
        ranges = _ranges(given.value(kinds[0]), "complement" in given)
    except _UsageError as error:
        return call.complain(str(error))
    delimiter = delimiter or b"\0"
    end = b"\0" if "zero-terminated" in given else b"\n"
    if delimiter == end:
        call.refuse("cut: lines as fields are not modelled")
    between = _bytes(given.value("output-delimiter")) if "output-delimiter" in given else None
    failed: list[int] = []
    for _, data in inputs(call, given.operands, failed):
        out = []
        for line in split_lines(data, end):
            if kinds[0] != "fields":
                out.append((between or b"").join(part for a, b in ranges if (part := line[a - 1 : b])))
            elif delimiter in line:
                fields = line.split(delimiter)
                chosen = [field for a, b in ranges for field in fields[a - 1 : b]]
                out.append((delimiter if between is None else between).join(chosen))
            elif "only-delimited" not in given:
                out.append(line)
        call.out(b"".join(line + end for line in out))
    return 1 if failed else 0


def _ranges(text: str, complement: bool) -> list[tuple[int, int]]:
    """Reads a list; ranges that overlap become one, in order."""
    found = []
    for part in re.split("[, \t]", text):
        match = re.fullmatch(r"(\d*)(-?)(\d*)", part)
        if match is None or not (match[1] or match[3]):
            raise _UsageError(f"invalid field range {part!r}")
        low = int(match[1]) if match[1] else 1
        high = int(match[3]) if match[3] else _END if match[2] else low
        if not low or (match[3] and not high):
            raise _UsageError("fields are numbered from 1")
        if high < low:
            raise _UsageError("invalid decreasing range")
        found.append((low, high))
    merged: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    if not complement:
        return merged
    edges = [0, *(edge for low, high in merged for edge in (low, high)), _END + 1]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(low + 1, high - 1) for low, high in gaps if low + 1 <= high - 1]


def paste(call: Call) -> int:
    """paste(1)."""
    given = call.options("-s --serial", "-d --delimiters=", "-z --zero-terminated")
    text = given.value("delimiters", "\t") if "delimiters" in given else "\t"
    if not text.isascii():
        call.refuse("paste: delimiters beyond ASCII are not modelled")
    if re.search(r"(?<!\\)(\\\\)*\\$", text):
        return call.complain(f"delimiter list ends with an unescaped backslash: {text}")
    pieces = re.findall(r"\\.|[^\\]", text, re.DOTALL)
    delimiters = [_bytes(_DELIMITERS.get(p[1], p[1]) if len(p) > 1 else p) for p in pieces] or [b""]
    end = b"\0" if "zero-terminated" in given else b"\n"
    failed: list[int] = []
    names = given.operands or ("-",)
    if "serial" in given:
        for _, data in inputs(call, names, failed):
            call.out(_row(split_lines(data, end), delimiters) + end)
        return 1 if failed else 0
    read: dict[str, Iterator[bytes]] = {}
    columns = []
    for name in names:
        if name != "-" or name not in read:
            lines = [split_lines(data, end) for _, data in inputs(call, [name], failed)]
            if failed:
                return 1
            read[name] = iter(lines[0])
        columns.append(read[name])
    while True:
        row = [next(column, None) for column in columns]
        if all(part is None for part in row):
            return 0
        call.out(_row([part or b"" for part in row], delimiters) + end)


def _row(parts: Sequence[bytes], delimiters: Sequence[bytes]) -> bytes:
    out = b""
    for at, part in enumerate(parts):
        out += (delimiters[(at - 1) % len(delimiters)] if at else b"") + part
    return out


def uniq(call: Call) -> int:
    """uniq(1)."""
    given = call.options(
        "-c --count", "-d --repeated", "-u --unique", "-i --ignore-case", "-f --skip-fields=",
        "-s --skip-chars=",
        "-w --check-chars=", "-D", "-z --zero-terminated",
    )  # fmt: skip
    numbers = {
        name: given.value(name) for name in ("skip-fields", "skip-chars", "check-chars") if name in given
    }
    for name, text in numbers.items():
        if not text.isdigit():
            return call.complain(f"{text}: invalid number for {name}")
    if len(given.operands) > 2:
        return call.complain(f"extra operand '{given.operands[2]}'")
    end = b"\0" if "zero-terminated" in given else b"\n"
    failed: list[int] = []
    lines = [line for _, data in inputs(call, given.operands[:1], failed) for line in split_lines(data, end)]
    if failed:
        return 1

    def key(line: bytes) -> bytes:
        for _ in range(int(numbers.get("skip-fields", "0"))):
            match = re.match(rb"[ \t]*[^ \t]*", line)
            line = line[match.end() :] if match else line
        line = line[int(numbers.get("skip-chars", "0")) :]
        if "check-chars" in numbers:
            line = line[: int(numbers["check-chars"])]
        return line.upper() if "ignore-case" in given else line

    if numbers and not all(line.isascii() for line in lines):
        call.refuse("uniq: parts of lines beyond ASCII are not modelled")
    out = b""
    for _, members in groupby(lines, key):
        group = list(members)
        if (("repeated" in given or "D" in given) and len(group) < 2) or (
            "unique" in given and len(group) > 1
        ):
            continue
        count = f"{len(group):7} ".encode() if "count" in given else b""
        out += b"".join(line + end for line in group) if "D" in given else count + group[0] + end
    if len(given.operands) > 1 and given.operands[1] != "-":
        call.files.write(call.path(given.operands[1]), out, call.umask(0o666))
    else:
        call.out(out)
    return 0


def comm(call: Call) -> int:
    """comm(1): 1 where it sees that a file is not sorted."""
    given = call.options("-1", "-2", "-3", "--nocheck-order", "--output-delimiter=")
    if len(given.operands) != 2:
        return call.complain(
            "missing operand" if len(given.operands) < 2 else f"extra operand '{given.operands[2]}'"
        )
    failed: list[int] = []
    texts = [split_lines(data) for _, data in inputs(call, given.operands, failed)]
    if failed:
        return 1
    left, right = texts
    status = i = j = 0
    unpaired = False
    while i < len(left) or j < len(right):
        if j >= len(right) or (i < len(left) and left[i] < right[j]):
            column, line, i = "1", left[i], i + 1
        elif i >= len(left) or right[j] < left[i]:
            column, line, j = "2", right[j], j + 1
        else:
            column, line, i, j = "3", left[i], i + 1, j + 1
        unpaired = unpaired or column != "3"
        if column not in given:
            before = sum(other not in given for other in "123"[: int(column) - 1])
            call.out(_bytes(given.value("output-delimiter", "\t")) * before + line + b"\n")
    if (
        unpaired
        and "nocheck-order" not in given
        and any(a > b for lines in texts for a, b in pairwise(lines))
    ):
        status = call.complain("input is not in sorted order")
    return status


def join(call: Call) -> int:
    """join(1), of sorted files."""
    given = call.options("-t=", "-1=", "-2=", "-j=", "-a=", "-v=", "-o=", "-e=", "-i --ignore-case")
    if len(given.operands) != 2:
        return call.complain(
            "missing operand" if len(given.operands) < 2 else f"extra operand '{given.operands[2]}'"
        )
    separator = _bytes(given.value("t"))
    places = [int(given.value(name) or given.value("j") or 1) - 1 for name in ("1", "2")]
    failed: list[int] = []
    tables = [
        [line.split(separator) if separator else line.split() for line in split_lines(data)]
        for _, data in inputs(call, given.operands, failed)
    ]
    if failed:
        return 1
    if len(separator) > 1 or (given.value("o") == "auto"):
        call.refuse("join: these options are not modelled")
    keys = [
        [_join_key(row, place, given) for row in table] for table, place in zip(tables, places, strict=True)
    ]
    if any(column != sorted(column) for column in keys):
        call.refuse("join: files that are not sorted are not modelled")
    between = separator or b" "
    for key in sorted({*keys[0], *keys[1]}):
        rows = [
            [row for row, own in zip(table, column, strict=True) if own == key]
            for table, column in zip(tables, keys, strict=True)
        ]
        if all(rows):
            if "v" not in given:
                for left in rows[0]:
                    for right in rows[1]:
                        call.out(between.join(_joined(given, [left, right], places)) + b"\n")
            continue
        side = 0 if rows[0] else 1
        if str(side + 1) in given.values("a") + given.values("v"):
            for row in rows[side]:
                pair = [row, []] if side == 0 else [[], row]
                call.out(between.join(_joined(given, pair, places)) + b"\n")
    return 0


def _join_key(row: Sequence[bytes], place: int, given: Given) -> bytes:
    key = row[place] if place < len(row) else b""
    return key.upper() if "ignore-case" in given else key


def _joined(given: Given, pair: Sequence[list[bytes]], places: Sequence[int]) -> list[bytes]:
    empty = _bytes(given.value("e"))
    key = next((row[place] for row, place in zip(pair, places, strict=True) if place < len(row)), b"")
    if "o" not in given:
        rest = [
            field for row, own in zip(pair, places, strict=True) for at, field in enumerate(row) if at != own
        ]
        return [key, *(field or empty for field in rest)]
    out = []
    for name in re.split("[, \t]", given.value("o")):
        side, _, at = name.partition(".")
        row = pair[int(side) - 1] if side != "0" else [key]
        place = int(at) - 1 if side != "0" else 0
        out.append((row[place] if place < len(row) else b"") or empty)
    return out


COMMANDS: Mapping[str, Command] = {"comm": comm, "cut": cut, "join": join, "paste": paste, "uniq": uniq}
"""This family's commands by name."""
