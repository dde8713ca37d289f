"""cat, tac, head, tail, wc, sort, uniq, cut, tr, paste, tee, rev, comm (GNU coreutils, util-linux)."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cmp_to_key
from itertools import pairwise

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.debian import dpkg

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \t",
    "cntrl": "\0-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@[-`{-~",
    "space": "\t-\r ",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\"}


def inputs(call: Call, names: Sequence[str], failed: list[int]) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of files, of the input for "-"; adds to `failed` what can't be read."""
    for name in names or ("-",):
        try:
            yield name, call.input(name)
        except OSError as error:
            failed.append(call.complain(f"{name}: {error.strerror}"))


def _lines(data: bytes, end: bytes = b"\n") -> list[bytes]:
    """Lines without their ends."""
    parts = data.split(end)
    if not parts[-1]:
        parts.pop()
    return parts


def cat(call: Call) -> int:
    """cat(1)."""
    given = call.options(
        "-n --number", "-s --squeeze-blank", "-u", "-A --show-all", "-v", "-e", "-t", "-E", "-T"
    )
    if {option for option, _ in given.options} - {"number", "u"}:
        call.refuse("cat: options that show or squeeze are not modelled")
    failed: list[int] = []
    number = 0
    for _, data in inputs(call, given.operands, failed):
        if "number" in given:
            for line in data.splitlines(keepends=True):
                number += 1
                call.out(f"{number:6}\t".encode() + line)
        else:
            call.out(data)
    return 1 if failed else 0


def tac(call: Call) -> int:
    """tac(1)."""
    given = call.options()
    failed: list[int] = []
    for _, data in inputs(call, given.operands, failed):
        call.out(b"".join(reversed(data.splitlines(keepends=True))))
    return 1 if failed else 0


def head(call: Call) -> int:
    """head(1) and tail(1)."""
    arguments = list(call.arguments)
    if arguments and re.fullmatch(r"[-+]\d+[lc]?", arguments[0]):
        word = arguments[0]
        option = "-c" if word.endswith("c") else "-n"
        arguments[:1] = [option, word.rstrip("lc").lstrip("-")]
    call = Call(call.world, call.machine, [call.argv[0], *arguments])
    given = call.options(
        "-n --lines=",
        "-c --bytes=",
        "-q --silent --quiet",
        "-v --verbose",
        "-z --zero-terminated",
        "-f --follow",
        "-s=",
    )
    kind = given.last("lines", "bytes") or "lines"
    text = given.value(kind, "10")
    match = re.fullmatch(r"([-+]?)(\d+)", text)
    if match is None:
        call.refuse(f"{call.name}: the count {text!r} is not modelled")
    failed: list[int] = []
    first = True
    for name, data in inputs(call, given.operands, failed):
        if (len(given.operands) > 1 and "quiet" not in given) or "verbose" in given:
            label = "standard input" if name == "-" else name
            call.out(f"{'' if first else chr(10)}==> {label} <==\n")
        first = False
        end = b"\0" if "zero-terminated" in given else b"\n"
        parts = (
            [data[at : at + 1] for at in range(len(data))]
            if kind == "bytes"
            else re.findall(rb"[^%b]*%b|[^%b]+" % (end, end, end), data)
        )
        call.out(b"".join(_slice(call.name, parts, match[1], int(match[2]))))
    return 1 if failed else 0


def _slice(name: str, parts: Sequence[bytes], sign: str, count: int) -> Sequence[bytes]:
    if name == "head":
        return parts[: max(0, len(parts) - count)] if sign == "-" else parts[:count]
    if sign == "+":
        return parts[max(0, count - 1) :]
    return parts[max(0, len(parts) - count) :]


def wc(call: Call) -> int:
    """wc(1)."""
    given = call.options("-l --lines", "-w --words", "-c --bytes", "-m --chars", "-L --max-line-length")
    if "max-line-length" in given:
        call.refuse("wc: the option -L is not modelled")
    kinds = [kind for kind in ("lines", "words", "chars", "bytes") if kind in given] or [
        "lines",
        "words",
        "bytes",
    ]
    failed: list[int] = []
    rows: list[tuple[list[int], str]] = []
    for name, data in inputs(call, given.operands, failed):
        counts = {
            "lines": data.count(b"\n"),
            "words": len(data.split()),
            "bytes": len(data),
            "chars": len(data.decode("utf-8", "ignore")),
        }
        rows.append(([counts[kind] for kind in kinds], name if given.operands else ""))
    if len(rows) > 1:
        rows.append(([sum(row[0][at] for row in rows) for at in range(len(kinds))], "total"))
    # The width is that of the sum of sizes; of one number of one file there is none; of a stream it is 7.
    width = 1
    if len(kinds) > 1 or len(given.operands) > 1:
        sizes = sum(
            len(call.files.read(call.path(name)))
            for name in given.operands
            if call.files.find(call.path(name))
        )
        width = len(str(sizes)) if given.operands and "-" not in given.operands else 7
    for values, name in rows:
        call.out(" ".join(f"{value:{width}}" for value in values) + (f" {name}" if name else "") + "\n")
    return 1 if failed else 0


def sort(call: Call) -> int:
    """sort(1)."""
    given = call.options(
        "-u --unique",
        "-n --numeric-sort",
        "-r --reverse",
        "-k --key=",
        "-t --field-separator=",
        "-f --ignore-case",
        "-b --ignore-leading-blanks",
        "-d --dictionary-order",
        "-V --version-sort",
        "-s --stable",
        "-c --check[=]",
        "-C",
        "-o --output=",
        "-z --zero-terminated",
        "-m --merge",
        "-i --ignore-nonprinting",
        "-g --general-numeric-sort",
        "-T --temporary-directory=",
        "-S --buffer-size=",
    )
    if "general-numeric-sort" in given or "ignore-nonprinting" in given:
        call.refuse("sort: the options -g and -i are not modelled")
    failed: list[int] = []
    end = b"\0" if "zero-terminated" in given else b"\n"
    lines = [line for _, data in inputs(call, given.operands, failed) for line in _lines(data, end)]
    if failed:
        return 2
    compare = _comparison(given, whole=not ("stable" in given or "unique" in given))
    if "check" in given or "C" in given:
        limit = 0 if "unique" in given else 1
        bad = any(compare(x, y) >= limit for x, y in pairwise(lines))
        return 1 if bad else 0
    lines.sort(key=cmp_to_key(compare))
    if "unique" in given:
        kept: list[bytes] = []
        for line in lines:
            if not kept or compare(kept[-1], line):
                kept.append(line)
        lines = kept
    out = b"".join(line + end for line in lines)
    if "output" in given:
        call.files.write(call.path(given.value("output")), out, call.umask(0o666))
    else:
        call.out(out)
    return 0


def _comparison(given: Given, *, whole: bool) -> Callable[[bytes, bytes], int]:
    letters = {
        "numeric-sort": "n",
        "reverse": "r",
        "ignore-case": "f",
        "ignore-leading-blanks": "b",
        "dictionary-order": "d",
        "version-sort": "V",
    }
    common = "".join(letter for name, letter in letters.items() if name in given)
    separator = given.value("field-separator").encode()
    keys = [_Key.parse(text, common, separator) for text in given.values("key")] or [
        _Key(1, 1, 0, 0, common, b"")
    ]

    def compare(left: bytes, right: bytes) -> int:
        for key in keys:
            order = key.compare(left, right)
            if order:
                return -order if "r" in key.letters else order
        if whole:
            order = (left > right) - (left < right)
            return -order if "r" in common else order
        return 0

    return compare


class _Key:
    """A key of sort(1): from a character of a field to one of another."""

    def __init__(
        self, field: int, char: int, last: int, last_char: int, letters: str, separator: bytes
    ) -> None:
        self._field, self._char, self._last, self._last_char = field, char, last, last_char
        self.letters = letters
        self._separator = separator

    @classmethod
    def parse(cls, text: str, common: str, separator: bytes) -> _Key:
        match = re.fullmatch(r"(\d+)(?:\.(\d+))?([bdfnrV]*)(?:,(\d+)(?:\.(\d+))?([bdfnrV]*))?", text)
        if match is None:
            raise OSError(22, "invalid key", text)
        letters = match[3] + (match[6] or "")
        return cls(
            int(match[1]),
            int(match[2] or 1),
            int(match[4] or 0),
            int(match[5] or 0),
            letters or common,
            separator,
        )

    def _text(self, line: bytes) -> bytes:
        if self._separator:
            spans, at = [], 0
            for part in line.split(self._separator):
                spans.append((at, at + len(part)))
                at += len(part) + 1
        else:
            spans = [match.span() for match in re.finditer(rb"[ \t]*[^ \t]+|[ \t]+", line)]
        if self._field > len(spans):
            return b""
        begin = spans[self._field - 1][0]
        if "b" in self.letters or "n" in self.letters:
            while line[begin : begin + 1] in (b" ", b"\t"):
                begin += 1
        begin += self._char - 1
        end = len(line)
        if self._last and self._last <= len(spans):
            first, stop = spans[self._last - 1]
            end = first + self._last_char if self._last_char else stop
        return line[begin:end]

    def compare(self, left: bytes, right: bytes) -> int:
        a, b = self._text(left), self._text(right)
        if "n" in self.letters:
            x, y = _number(a), _number(b)
            return (x > y) - (x < y)
        if "V" in self.letters:
            return _versions(a, b)
        if "b" in self.letters:
            a, b = a.lstrip(b" \t"), b.lstrip(b" \t")
        if "d" in self.letters:
            a, b = (re.sub(rb"[^0-9A-Za-z \t]", b"", text) for text in (a, b))
        if "f" in self.letters:
            a, b = a.upper(), b.upper()
        return (a > b) - (a < b)


def _number(text: bytes) -> float:
    match = re.match(rb"[ \t]*(-?\d*(?:\.\d*)?)", text)
    digits = match[1] if match else b""
    return float(digits) if digits.strip(b"-.") else 0.0


def _versions(a: bytes, b: bytes) -> int:
    # As dpkg compares them, which GNU's filevercmp does but for suffixes of files.
    x, y = (text.decode("utf-8", "surrogateescape") for text in (a, b))
    try:
        return dpkg.compare(f"0:{x or '0'}-0", f"0:{y or '0'}-0")
    except Exception as error:
        raise OSError(22, "a version that is not modelled", x) from error


def uniq(call: Call) -> int:
    """uniq(1)."""
    given = call.options(
        "-c --count",
        "-d --repeated",
        "-u --unique",
        "-i --ignore-case",
        "-f --skip-fields=",
        "-w --check-chars=",
    )
    if "skip-fields" in given or "check-chars" in given:
        call.refuse("uniq: the options -f and -w are not modelled")
    groups: list[list[bytes]] = []
    for line in _lines(call.input(given.operands[0] if given.operands else "-")):
        key = line.lower() if "ignore-case" in given else line
        if groups and (groups[-1][0].lower() if "ignore-case" in given else groups[-1][0]) == key:
            groups[-1].append(line)
        else:
            groups.append([line])
    out = b""
    for group in groups:
        if ("repeated" in given and len(group) < 2) or ("unique" in given and len(group) > 1):
            continue
        out += (f"{len(group):7} ".encode() if "count" in given else b"") + group[0] + b"\n"
    if len(given.operands) > 1:
        call.files.write(call.path(given.operands[1]), out, call.umask(0o666))
    else:
        call.out(out)
    return 0


def cut(call: Call) -> int:
    """cut(1)."""
    given = call.options(
        "-f --fields=", "-d --delimiter=", "-c --characters=", "-b --bytes=", "-s --only-delimited",
        "--complement",
        "--output-delimiter=", "-n", "-z --zero-terminated",
    )  # fmt: skip
    kind = given.last("fields", "characters", "bytes")
    if not kind:
        return call.complain("you must specify a list of bytes, characters, or fields")
    wanted = _ranges(given.value(kind))
    delimiter = given.value("delimiter", "\t").encode("utf-8", "surrogateescape")
    between = given.value("output-delimiter").encode() if "output-delimiter" in given else delimiter
    failed: list[int] = []
    for _, data in inputs(call, given.operands, failed):
        for line in _lines(data):
            if kind == "fields":
                parts = line.split(delimiter)
                if len(parts) == 1:
                    if "only-delimited" not in given:
                        call.out(line + b"\n")
                    continue
            else:
                parts, between = [line[at : at + 1] for at in range(len(line))], b""
            chosen = [
                part
                for at, part in enumerate(parts, 1)
                if any(low <= at <= high for low, high in wanted) != ("complement" in given)
            ]
            call.out(between.join(chosen) + b"\n")
    return 1 if failed else 0


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in re.split("[, ]", text):
        low, hyphen, high = part.partition("-")
        found.append((int(low or 1), int(high or (1 << 30)) if hyphen else int(low)))
    return found


def tr(call: Call) -> int:
    """tr(1), of single bytes."""
    given = call.options("-c -C --complement", "-d --delete", "-s --squeeze-repeats", "-t --truncate-set1")
    sets = [_expanded(call, operand) for operand in given.operands]
    if not sets:
        return call.complain("missing operand")
    data = call.stdin()
    first = sets[0]
    if "complement" in given:
        first = bytes(byte for byte in range(256) if byte not in first)
    squeezed = sets[-1]
    if "delete" in given:
        data = data.translate(None, first)
    elif len(sets) > 1:
        second = sets[1]
        if not second:
            return call.complain("when not truncating set1, string2 must be non-empty")
        if "truncate-set1" in given:
            first = first[: len(second)]
        second += second[-1:] * (len(first) - len(second))
        table = bytearray(range(256))
        for old, new in zip(first, second, strict=False):
            table[old] = new
        data = data.translate(bytes(table))
    elif "squeeze-repeats" in given:
        squeezed = first
    else:
        return call.complain(f"missing operand after '{given.operands[0]}'")
    if "squeeze-repeats" in given:
        data = re.sub(b"([%b])\\1+" % re.escape(squeezed), b"\\1", data) if squeezed else data
    call.out(data)
    return 0


def _expanded(call: Call, text: str) -> bytes:
    chars: list[str] = []
    at = 0
    text = re.sub(r"\[:(\w+):\]", lambda match: _CLASSES.get(match[1], match[0]), text)
    if "[=" in text or re.search(r"\[.\*\d*\]", text):
        call.refuse(f"tr: the set {text!r} is not modelled")
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\" and at < len(text):
            octal = re.compile(r"[0-7]{1,3}").match(text, at)
            if octal:
                char, at = chr(int(octal[0], 8)), octal.end()
            else:
                char, at = _ESCAPES.get(text[at], text[at]), at + 1
        if text[at : at + 1] == "-" and at + 1 < len(text):
            last = text[at + 1]
            at += 2
            if last == "\\":
                last, at = _ESCAPES.get(text[at], text[at]), at + 1
            chars += map(chr, range(ord(char), ord(last) + 1))
        else:
            chars.append(char)
    if any(ord(char) > 255 for char in chars) or any(char >= "\x80" for char in chars):
        return "".join(chars).encode("utf-8", "surrogateescape")
    return "".join(chars).encode("latin-1")


def paste(call: Call) -> int:
    """paste(1)."""
    given = call.options("-s --serial", "-d --delimiters=")
    delimiters = re.sub(
        r"\\(.)", lambda m: "" if m[1] == "0" else _ESCAPES.get(m[1], m[1]), given.value("delimiters", "\t")
    )
    columns = [_lines(call.input(name)) for name in given.operands or ("-",)]
    rows: Iterable[Sequence[bytes]] = columns
    if "serial" not in given:
        if given.operands.count("-") > 1:
            call.refuse("paste: the input more than once is not modelled")
        longest = max(map(len, columns))
        rows = [[column[at] if at < len(column) else b"" for column in columns] for at in range(longest)]
    for row in rows:
        out = b""
        for at, part in enumerate(row):
            out += (delimiters[(at - 1) % len(delimiters)].encode() if at and delimiters else b"") + part
        call.out(out + b"\n")
    return 0


def tee(call: Call) -> int:
    """tee(1)."""
    given = call.options("-a --append", "-i --ignore-interrupts", "-p")
    data = call.stdin()
    call.out(data)
    status = 0
    for name in given.operands:
        if name in ("/dev/stderr", "/dev/fd/2"):
            call.machine.stream(2).write(data)
            continue
        if name == "/dev/null":
            continue
        try:
            path = call.path(name)
            old = call.files.read(path) if "append" in given and call.files.find(path) else b""
            call.files.write(path, old + data, call.umask(0o666))
        except OSError as error:
            status = call.complain(f"{name}: {error.strerror}")
    return status


def rev(call: Call) -> int:
    """rev(1)."""
    given = call.options()
    failed: list[int] = []
    for _, data in inputs(call, given.operands, failed):
        for line in data.decode("utf-8", "surrogateescape").splitlines(keepends=True):
            body = line.removesuffix("\n")
            call.out(body[::-1] + line[len(body) :])
    return 1 if failed else 0


def comm(call: Call) -> int:
    """comm(1), of sorted files."""
    given = call.options("-1", "-2", "-3")
    left, right = (_lines(call.input(name)) for name in given.operands)
    i = j = 0
    while i < len(left) or j < len(right):
        if j >= len(right) or (i < len(left) and left[i] < right[j]):
            column, line, i = "1", left[i], i + 1
        elif i >= len(left) or right[j] < left[i]:
            column, line, j = "2", right[j], j + 1
        else:
            column, line, i, j = "3", left[i], i + 1, j + 1
        if column not in given:
            call.out(b"\t" * sum(other not in given for other in "123"[: int(column) - 1]) + line + b"\n")
    return 0


COMMANDS: Mapping[str, Command] = {
    "cat": cat,
    "comm": comm,
    "cut": cut,
    "head": head,
    "paste": paste,
    "rev": rev,
    "sort": sort,
    "tac": tac,
    "tail": head,
    "tee": tee,
    "tr": tr,
    "uniq": uniq,
    "wc": wc,
}
"""This family's commands by name."""
