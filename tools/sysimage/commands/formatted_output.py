"""echo and printf as programs (GNU coreutils), which know more escapes than the shell's own."""

import re
from collections.abc import Iterator, Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_words import quoted_if_needed

_ESCAPES = {
    b"\\": b"\\",
    b"a": b"\a",
    b"b": b"\b",
    b"e": b"\x1b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b'"': b'"',
}
_OCTAL = re.compile(rb"[0-7]{1,3}")
_HEX = re.compile(rb"x([0-9a-fA-F]{1,2})")
_UNICODE = re.compile(rb"u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_DIRECTIVE = re.compile(r"%([-+ #0']*)(\*|\d+)?(?:\.(\*|-?\d*))?(?:[hljztL]*)([a-zA-Z]?)")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)")
_FLOAT = re.compile(r"[ \t\n\v\f\r]*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_MOST = (1 << 63) - 1


class _StopError(Exception):
    r"""An escape \c, which ends the output."""


class _UsageError(Exception):
    """A format that printf(1) refuses."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def echo(call: Call) -> int:
    """echo(1): escapes with -e alone."""
    words = list(call.arguments)
    newline, escapes = True, False
    while words and re.fullmatch("-[neE]+", words[0]):
        for letter in words.pop(0)[1:]:
            if letter == "n":
                newline = False
            else:
                escapes = letter == "e"
    if list(call.arguments) in (["--help"], ["--version"]):
        call.refuse("echo --help is not modelled")
    data = _bytes(" ".join(words))
    out: list[bytes] = []
    try:
        out += _unescaped(data, zero=True, strict=False) if escapes else [data]
    except _StopError as stopped:
        out += stopped.args
        newline = False
    call.out(b"".join(out) + (b"\n" if newline else b""))
    return 0


def _unescaped(data: bytes, *, zero: bool, strict: bool) -> list[bytes]:
    r"""Reads escapes; with `zero`, an octal one begins with \0. Raises _StopError with what is before \c."""
    out: list[bytes] = []
    at = 0
    while at < len(data):
        if data[at : at + 1] != b"\\":
            end = data.find(b"\\", at)
            end = len(data) if end < 0 else end
            out.append(data[at:end])
            at = end
            continue
        char = data[at + 1 : at + 2]
        if char == b"c":
            raise _StopError(*out)
        octal = _OCTAL.match(data, at + 2) if zero and char == b"0" else None
        octal = octal or _OCTAL.match(data, at + 1)
        if octal:
            out.append(bytes([int(octal[0], 8) & 0xFF]))
            at = octal.end()
        elif found := _HEX.match(data, at + 1):
            out.append(bytes([int(found[1], 16)]))
            at = found.end()
        elif strict and (found := _UNICODE.match(data, at + 1)):
            out.append(chr(int(found[1] or found[2], 16)).encode("utf-8", "replace"))
            at = found.end()
        elif char in _ESCAPES and (strict or char != b'"'):
            out.append(_ESCAPES[char])
            at += 2
        elif strict and char in (b"x", b"u", b"U"):
            raise _UsageError("missing hexadecimal number in escape")
        else:
            out.append(b"\\" + char)
            at += 2
    return out


class _Printf:
    def __init__(self, call: Call, arguments: list[str]) -> None:
        self._call = call
        self.arguments = arguments
        self.used = False
        self.status = 0
        self.out: list[bytes] = []

    def _next(self) -> str | None:
        self.used = True
        return self.arguments.pop(0) if self.arguments else None

    def once(self, form: str) -> None:
        """Writes the format once."""
        at = 0
        while at < len(form):
            if form.startswith("%%", at):
                self.out.append(b"%")
                at += 2
            elif form[at] == "%":
                match = _DIRECTIVE.match(form, at)
                if match is None or match[4] not in "bqcsdiouxXeEfFgG" or not match[4] or "'" in match[1]:
                    if match is not None and (match[4] in ("a", "A") or "'" in match[1]):
                        self._call.refuse(f"printf: the directive {match[0]} is not modelled")
                    raise _UsageError(f"{form[at:]}: invalid conversion specification")
                if _is_bad(match):
                    raise _UsageError(f"{match[0]}: invalid conversion specification")
                self._convert(match)
                at = match.end()
            else:
                end = form.find("%", at)
                end = len(form) if end < 0 else end
                self._literal(_bytes(form[at:end]))
                at = end

    def _literal(self, data: bytes) -> None:
        try:
            self.out += _unescaped(data, zero=False, strict=True)
        except _StopError as stopped:
            self.out += stopped.args
            raise _StopError from None

    def _convert(self, match: re.Match[str]) -> None:
        flags, letter = match[1], match[4]
        width = self._integer(self._next()) if match[2] == "*" else int(match[2] or 0)
        if width < 0:
            flags, width = flags + "-", -width
        places: int | None = None
        if match[3] is not None:
            places = self._integer(self._next()) if match[3] == "*" else int(match[3] or 0)
            places = None if places < 0 else places
        self._call.machine.meter.expand(width + (places or 0))
        argument = self._next()
        if letter == "b":
            self._literal_argument(argument or "")
        elif letter in "qsc":
            text = quoted_if_needed(argument or "") if letter == "q" else argument or ""
            data = _bytes(text)
            data = (data[:1] or b"\0") if letter == "c" else data[:places]
            self.out.append(data.ljust(width) if "-" in flags else data.rjust(width))
        elif letter in "eEfFgG":
            precision = "" if places is None else f".{places}"
            spec = f"%{''.join(dict.fromkeys(flags))}{width or ''}{precision}{letter}"
            self.out.append((spec % self._float(argument)).encode())
        else:
            self.out.append(_integer_text(flags, width, places, letter, self._integer(argument)).encode())

    def _literal_argument(self, text: str) -> None:
        try:
            self.out += _unescaped(_bytes(text), zero=True, strict=True)
        except _StopError as stopped:
            self.out += stopped.args
            raise _StopError from None

    def _complain(self, text: str, end: int) -> None:
        self.status = 1
        self._call.complain(
            f"'{text}': {'value not completely converted' if end else 'expected a numeric value'}"
        )

    def _integer(self, text: str | None) -> int:
        if text is None:
            return 0
        if text[:1] in ("'", '"') and len(text) > 1:
            return ord(text[1])
        match = _INTEGER.match(text)
        end = match.end() if match else 0
        if end < len(text) or not text:
            self._complain(text, end)
        if match is None:
            return 0
        digits = match[2]
        value = int(digits, 16 if digits[:2] in ("0x", "0X") else 8 if digits[:1] == "0" else 10)
        if value > _MOST:
            self._call.refuse(f"printf: the number {text} is not modelled")
        return -value if match[1] == "-" else value

    def _float(self, text: str | None) -> float:
        if text is None:
            return 0.0
        if text[:1] in ("'", '"') and len(text) > 1:
            return float(ord(text[1]))
        if re.match(r"\s*[-+]?(0[xX]|[iInN])", text):
            self._call.refuse(f"printf: the number {text} is not modelled")
        match = _FLOAT.match(text)
        end = match.end() if match else 0
        if end < len(text) or not text:
            self._complain(text, end)
        return float(match[0]) if match else 0.0


def _is_bad(match: re.Match[str]) -> bool:
    """Returns whether a conversion does not take the flags, width or precision that it has."""
    flags, letter = match[1], match[4]
    if letter in "bq":
        return len(match[0]) > 2
    return bool(
        ("#" in flags and letter in "cdisu")
        or ("0" in flags and letter in "cs")
        or (letter == "c" and "." in match[0])
    )


def _integer_text(flags: str, width: int, places: int | None, letter: str, value: int) -> str:
    if letter in "ouxX" and value < 0:
        value += 1 << 64
    digits = format(abs(value), letter if letter in "oxX" else "d")
    if places is not None:
        digits = "" if not value and not places else digits.rjust(places, "0")
    prefix = ""
    if letter in "di":
        prefix = "-" if value < 0 else "+" if "+" in flags else " " if " " in flags else ""
    elif "#" in flags and letter == "o" and digits[:1] != "0":
        digits = "0" + digits
    elif "#" in flags and letter in "xX" and value:
        prefix = "0" + letter
    if "0" in flags and "-" not in flags and places is None:
        digits = digits.rjust(width - len(prefix), "0")
    text = prefix + digits
    return text.ljust(width) if "-" in flags else text.rjust(width)


def printf(call: Call) -> int:
    """printf(1): the format as often as there are arguments left."""
    words = list(call.arguments)
    if words[:1] == ["--"]:
        words.pop(0)
    if not words:
        return call.complain("missing operand")
    if list(call.arguments) in (["--help"], ["--version"]):
        call.refuse("printf --help is not modelled")
    run = _Printf(call, words[1:])
    try:
        for _ in _rounds(run):
            run.once(words[0])
    except _StopError:
        pass
    except _UsageError as error:
        run.status = call.complain(str(error))
    call.out(b"".join(run.out))
    return run.status


def _rounds(run: _Printf) -> Iterator[None]:
    while True:
        run.used = False
        yield
        if not run.arguments or not run.used:
            return


COMMANDS: Mapping[str, Command] = {"echo": echo, "printf": printf}
"""This family's commands by name."""
