"""cat, tac, head, tail, wc, tee, rev, nl, fold (GNU coreutils, util-linux)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_words import numbered
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Kind
from tools.sysimage.scripts.streams import Endless, OpenFile

_LINES = re.compile(rb"[^\n]*\n|[^\n]+")
_OLD = re.compile(r"-(\d+)([bkmlcqvz]*)|\+(\d+)([lc]?)")
# White space of the locale C.UTF-8, with what wc(1) takes for it, too.
_WORD = re.compile("[^\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2060\u3000]+")
_INVALID = re.compile("[\udc80-\udcff]")


def inputs(call: Call, names: Sequence[str], failed: list[int]) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of files, of the input for "-"; adds to `failed` what can't be read."""
    for name in names or ("-",):
        try:
            yield name, call.input(name)
        except OSError as error:
            failed.append(call.complain(f"{name}: {error.strerror}"))


def split_lines(data: bytes, end: bytes = b"\n") -> list[bytes]:
    """Returns lines without their ends."""
    parts = data.split(end)
    if not parts[-1]:
        parts.pop()
    return parts


def keep_ends(data: bytes) -> list[bytes]:
    """Returns lines with their ends; the last may have none."""
    return _LINES.findall(data)


def cat(call: Call) -> int:
    """cat(1)."""
    given = call.options(
        "-n --number", "-b --number-nonblank", "-s --squeeze-blank", "-u", "-A --show-all",
        "-v --show-nonprinting",
        "-e", "-t", "-E --show-ends", "-T --show-tabs",
    )  # fmt: skip
    failed: list[int] = []
    data = b""
    for _, part in inputs(call, given.operands, failed):
        data += part
    if {option for option, _ in given.options} - {"u"}:
        data = _shown(data, given)
    call.out(data)
    return 1 if failed else 0


def _shown(data: bytes, given: Given) -> bytes:
    everything = "show-all" in given
    caret = everything or "show-nonprinting" in given or "e" in given or "t" in given
    tabs = everything or "t" in given or "show-tabs" in given
    ends = everything or "e" in given or "show-ends" in given
    out, number, blanks = [], 0, 0
    for line in keep_ends(data):
        blanks = blanks + 1 if line == b"\n" else 0
        if blanks > 1 and "squeeze-blank" in given:
            continue
        body, end = (line[:-1], b"\n") if line.endswith(b"\n") else (line, b"")
        if caret:
            body = b"".join(map(_caret, body))
        if tabs:
            body = body.replace(b"\t", b"^I")
        if ends and end and not caret and body.endswith(b"\r"):
            body = body[:-1] + b"^M"
        if ("number-nonblank" in given and line != b"\n") or (
            "number" in given and "number-nonblank" not in given
        ):
            number += 1
            body = b"%6d\t" % number + body
        out.append(body + (b"$" if ends and end else b"") + end)
    return b"".join(out)


def _caret(byte: int) -> bytes:
    if byte == 9:
        return b"\t"
    if byte >= 128:
        return b"M-" + (_caret(byte - 128) if byte != 137 else b"^I")
    if byte == 127:
        return b"^?"
    return bytes([byte]) if byte >= 32 else b"^" + bytes([byte + 64])


def tac(call: Call) -> int:
    """tac(1)."""
    given = call.options()
    failed: list[int] = []
    for _, data in inputs(call, given.operands, failed):
        call.out(b"".join(reversed(keep_ends(data))))
    return 1 if failed else 0


@dataclass(frozen=True, slots=True)
class _Count:
    kind: str  # "lines" or "bytes"
    sign: str
    number: int


def head(call: Call) -> int:
    """head(1) and tail(1)."""
    arguments = list(call.arguments)
    old = _OLD.fullmatch(arguments[0]) if arguments else None
    if old is not None and (call.name == "head" or len(arguments) < 3):
        arguments[:1] = _modern(call, old)
    elif old is not None and old[1] is None:
        call.refuse(f"{call.name}: the word {arguments[0]!r} is not modelled here")
    given = Call(call.world, call.machine, [call.argv[0], *arguments]).options(
        "-n --lines=", "-c --bytes=", "-q --silent --quiet", "-v --verbose", "-z --zero-terminated"
    )
    count = _count(call, given)
    if count is None:
        return 1
    failed: list[int] = []
    first = True
    names = given.operands or ("-",)
    for name in names:
        try:
            data = _part(call, name, count, b"\0" if "zero-terminated" in given else b"\n")
        except OSError as error:
            if error.errno == 21:
                first = _banner(call, given, name, first)
                call.complain(f"error reading '{name}': {error.strerror}")
            else:
                verb = "open" if name != "-" else "read"
                call.complain(f"cannot {verb} '{name}' for reading: {error.strerror}")
            failed.append(1)
            continue
        first = _banner(call, given, name, first)
        call.out(data)
    return 1 if failed else 0


def _modern(call: Call, old: re.Match[str]) -> list[str]:
    """Returns the options of today for "-5", "-5c", "+5"."""
    if old[1] is None:
        if call.name == "head":
            return [old[0]]
        return ["-c" if old[4] == "c" else "-n", f"+{old[3]}"]
    if set(old[2]) & set("bkmvqz"):
        call.refuse(f"{call.name}: the option {old[0]} is not modelled")
    return ["-c" if "c" in old[2] else "-n", old[1]]


def _count(call: Call, given: Given) -> _Count | None:
    kind = given.last("lines", "bytes") or "lines"
    text = given.value(kind, "10")
    sign = text[:1] if text[:1] in ("-", "+") else ""
    if not re.match(r"[-+]?\d", text):
        call.complain(f"invalid number of {kind}: '{text}'")
        return None
    return _Count(kind, sign, numbered(call, text.removeprefix(sign), "count"))


def _banner(call: Call, given: Given, name: str, first: bool) -> bool:
    if (len(given.operands) > 1 and "quiet" not in given) or "verbose" in given:
        label = "standard input" if name == "-" else name
        call.out(f"{'' if first else chr(10)}==> {label} <==\n")
        return False
    return first


def _part(call: Call, name: str, count: _Count, end: bytes) -> bytes:
    if call.name == "head" and name == "-" and count.sign != "-":
        stream = call.machine.stream(0)
        if isinstance(stream, Endless) and end == b"\n":
            return stream.read(count.number) if count.kind == "bytes" else stream.lines(count.number)
        if isinstance(stream, OpenFile):
            # What is not asked for stays for the next command that reads the file.
            if count.kind == "bytes":
                return stream.read(count.number)
            if end == b"\n":
                return b"".join(stream.readline() for _ in range(count.number))
    data = call.input(name)
    if count.kind == "bytes":
        return data[_slice(call.name, len(data), count)]
    parts = re.findall(rb"[^%b]*%b|[^%b]+" % (end, end, end), data)
    return b"".join(parts[_slice(call.name, len(parts), count)])


def _slice(name: str, length: int, count: _Count) -> slice:
    if name == "head":
        return slice(0, max(0, length - count.number) if count.sign == "-" else count.number)
    return slice(max(0, count.number - 1 if count.sign == "+" else length - count.number), length)


def wc(call: Call) -> int:
    """wc(1)."""
    given = call.options("-l --lines", "-w --words", "-c --bytes", "-m --chars", "-L --max-line-length")
    kinds = [kind for kind in ("lines", "words", "chars", "bytes", "max-line-length") if kind in given]
    kinds = kinds or ["lines", "words", "bytes"]
    names = given.operands or ("-",)
    rows: list[tuple[list[int], str]] = []
    status, sizes, least = 0, 0, 1
    for name in names:
        try:
            regular = _is_regular(call, name)
            data = call.input(name)
        except OSError as error:
            status = call.complain(f"{name}: {error.strerror}")
            if error.errno != 21:
                continue
            regular, data = False, b""
        sizes += len(data) if regular else 0
        least = least if regular else 7
        counts = _counts(call, data, kinds)
        rows.append(([counts[kind] for kind in kinds], name if given.operands else ""))
    # The width is that of the sum of sizes, 7 with what is no file, none for one number alone.
    width = 1 if len(names) == 1 and len(kinds) == 1 else max(least, len(str(sizes)))
    if len(names) > 1:
        total = [
            (max if kind == "max-line-length" else sum)([row[0][at] for row in rows] or [0])
            for at, kind in enumerate(kinds)
        ]
        rows.append((total, "total"))
    for values, name in rows:
        call.out(" ".join(f"{value:{width}}" for value in values) + (f" {name}" if name else "") + "\n")
    return status


def _is_regular(call: Call, name: str) -> bool:
    if name == "-":
        return isinstance(call.machine.stream(0), OpenFile)
    if name == "/dev/null":
        return False
    return call.files.get(call.path(name)).kind is Kind.FILE


def _counts(call: Call, data: bytes, kinds: Sequence[str]) -> dict[str, int]:
    text = data.decode("utf-8", "surrogateescape")
    counts = {
        "lines": data.count(b"\n"),
        "words": len(_WORD.findall(text)),
        "bytes": len(data),
        "chars": len(text) - len(_INVALID.findall(text)),
    }
    if "max-line-length" in kinds:
        if not data.isascii():
            call.refuse("wc: the width of characters beyond ASCII is not modelled")
        lines = re.split(r"[\n\r\f]", re.sub(r"[^\t\n\f\r -~]", "", text))
        counts["max-line-length"] = max(len(line.expandtabs(8)) for line in lines)
    return counts


def tee(call: Call) -> int:
    """tee(1)."""
    given = call.options("-a --append", "-i --ignore-interrupts", "-p")
    data = call.stdin()
    status = 0
    for name in given.operands:
        if name in ("/dev/stderr", "/dev/fd/2"):
            call.machine.stream(2).write(data)
            continue
        if name in ("/dev/stdout", "/dev/fd/1"):
            call.out(data)
            continue
        if name == "/dev/null":
            continue
        if name.startswith("/dev/"):
            call.refuse(f"tee: the device {name} is not modelled")
        try:
            path = call.path(name)
            old = call.files.read(path) if "append" in given and call.files.find(path) else b""
            call.files.write(path, old + data, call.umask(0o666))
        except OSError as error:
            status = call.complain(f"{name}: {error.strerror}")
    call.out(data)
    return status


def rev(call: Call) -> int:
    """rev(1)."""
    given = call.options()
    failed: list[int] = []
    for _, data in inputs(call, given.operands, failed):
        if b"\0" in data:
            call.refuse("rev: a file with NUL bytes is not modelled")
        for line in keep_ends(data):
            body = line.removesuffix(b"\n").decode("utf-8", "surrogateescape")
            call.out(body[::-1] + line.decode("utf-8", "surrogateescape")[len(body) :])
    return 1 if failed else 0


def nl(call: Call) -> int:
    """nl(1), of a text without sections."""
    given = call.options(
        "-b --body-numbering=", "-w --number-width=", "-s --number-separator=", "-n --number-format=",
        "-v --starting-line-number=", "-i --line-increment=",
    )  # fmt: skip
    style, form = given.value("body-numbering", "t"), given.value("number-format", "rn")
    if style not in ("a", "t", "n") or form not in ("ln", "rn", "rz"):
        call.refuse("nl: these styles are not modelled")
    width, step = int(given.value("number-width", "6")), int(given.value("line-increment", "1"))
    number = int(given.value("starting-line-number", "1"))
    separator = given.value("number-separator", "\t") if "number-separator" in given else "\t"
    failed: list[int] = []
    for _, data in inputs(call, given.operands, failed):
        for line in split_lines(data):
            if line in (rb"\:", rb"\:\:", rb"\:\:\:"):
                call.refuse("nl: sections are not modelled")
            if style == "n" or (style == "t" and not line):
                call.out(b" " * (width + len(separator)) + line + b"\n")
                continue
            shown = {"ln": f"{number:<{width}}", "rn": f"{number:>{width}}", "rz": f"{number:0{width}}"}[form]
            call.out(f"{shown}{separator}".encode() + line + b"\n")
            number += step
    return 1 if failed else 0


def fold(call: Call) -> int:
    """fold(1), of ASCII."""
    given = call.options("-w --width=", "-s --spaces", "-b --bytes")
    width = given.value("width", "80")
    if not width.isdigit() or not int(width):
        return call.complain(f"invalid number of columns: '{width}'")
    failed: list[int] = []
    for _, data in inputs(call, given.operands, failed):
        if not data.isascii() or re.search(rb"[\t\b\r]", data):
            call.refuse("fold: characters of another width than 1 are not modelled")
        for line in keep_ends(data):
            body, end = line.removesuffix(b"\n"), line[len(line.removesuffix(b"\n")) :]
            start = 0
            while len(body) - start > int(width):
                at = body.rfind(b" ", start, start + int(width)) + 1 if "spaces" in given else 0
                at = at or start + int(width)
                call.out(body[start:at] + b"\n")
                call.machine.meter.work(4)
                start = at
            call.out(body[start:] + end)
    return 1 if failed else 0


COMMANDS: Mapping[str, Command] = {
    "cat": cat,
    "fold": fold,
    "head": head,
    "nl": nl,
    "rev": rev,
    "tac": tac,
    "tail": head,
    "tee": tee,
    "wc": wc,
}
"""This family's commands by name."""
