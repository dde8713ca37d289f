"""echo and printf, as dash has them (XCU echo, printf)."""

import re
from collections.abc import Callable

from tools.sysimage.scripts.arguments import options
from tools.sysimage.scripts.arithmetic import number, saturate
from tools.sysimage.scripts.failures import Refused, ShellError
from tools.sysimage.scripts.machine import Machine

_ESCAPES = {
    "\\": "\\",
    "a": "\a",
    "b": "\b",
    "e": "\033",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_OCTAL = re.compile(r"[0-7]{1,3}")
_CONVERSION = re.compile(r"([-#+ 0]*)(\*|[*0-9]*)(?:(\.)(\*|[*0-9]*))?(.?)", re.DOTALL)
_FLOAT = re.compile(r"[ \t\n\v\f\r]*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_MAX_WIDTH = 1 << 20
_UNSIGNED = 1 << 64


def echo(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Writes its arguments; escapes are interpreted, `-n` leaves the newline out."""
    words = argv[1:]
    end = "\n"
    if words[:1] == ["-n"]:
        del words[0]
        end = ""
    text, stopped = _escaped(" ".join(words))
    machine.write(text + ("" if stopped else end))
    return 0


def _escaped(text: str) -> tuple[str, bool]:
    """Interprets the escapes of echo and `%b`. Returns whether `\\c` has ended it."""
    if "\\" not in text:
        return text, False
    result, position = [], 0
    while position < len(text):
        char = text[position]
        position += 1
        if char != "\\":
            result.append(char)
            continue
        following = text[position : position + 1]
        if following == "c":
            return "".join(result), True
        if following == "0" and text[position + 1 : position + 2] in tuple("01234567"):
            position += 1
        char, position = _escape(text, position)
        result.append(char)
    return "".join(result), False


def _escape(text: str, position: int) -> tuple[str, int]:
    """Interprets what follows a backslash; what is no escape stays."""
    match = _OCTAL.match(text, position)
    if match:
        return chr(int(match.group(), 8) & 255), match.end()
    char = text[position : position + 1]
    return (_ESCAPES[char], position + 1) if char in _ESCAPES else ("\\", position)


def printf(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Writes its arguments by a format, as often as there are some left."""
    _, operands = options(argv)
    if not operands:
        raise ShellError("usage: printf format [arg ...]")
    run = _Printf(machine, operands[0], operands[1:])
    try:
        run.format()
    finally:
        machine.write("".join(run.output))
    return run.status


class _Printf:
    def __init__(self, machine: Machine, form: str, arguments: list[str]) -> None:
        self._machine = machine
        self._form = form
        self._arguments = arguments
        self._next = 0
        self._size = 0
        self.output: list[str] = []
        self.status = 0

    def format(self) -> None:
        """Formats until no argument is left."""
        while True:
            before = self._next
            if not self._once() or self._next == before or self._next >= len(self._arguments):
                return

    def _put(self, text: str) -> None:
        self._size += len(text)
        self._machine.meter.expand(self._size)
        self.output.append(text)

    def _once(self) -> bool:
        """Formats once. Returns whether to go on."""
        form, position = self._form, 0
        self._machine.meter.step()
        while position < len(form):
            char = form[position]
            position += 1
            if char == "\\":
                char, position = _escape(form, position)
                self._put(char)
            elif char != "%":
                self._put(char)
            elif form.startswith("%", position):
                position += 1
                self._put("%")
            else:
                match = _CONVERSION.match(form, position)
                assert match is not None
                position = match.end()
                if not self._convert(match):
                    return False
        return True

    def _convert(self, match: re.Match[str]) -> bool:
        flags, width, dot, precision, letter = match.groups()
        field, places = self._star(width), self._star(precision) if dot else None
        if field is not None and field < 0:
            flags, field = flags + "-", -field
        if places is not None and places < 0:
            places = None
        if not letter:
            raise ShellError("missing format character")
        converter = _CONVERTERS.get(letter)
        if converter is None:
            raise ShellError(f"%{match.group()}: invalid directive")
        return converter(self, _Spec(flags, field or 0, places, letter))

    def _star(self, text: str | None) -> int | None:
        if text == "*":
            value = self._number(True)
        elif not text:
            return 0
        else:
            digits = re.match("[0-9]*", text)
            value = int(digits.group()[:9] or "0") if digits else 0
        if abs(value) > _MAX_WIDTH:
            raise Refused(f"printf: a width of {value}; the most is {_MAX_WIDTH}")
        return value

    def _argument(self) -> str | None:
        if self._next >= len(self._arguments):
            return None
        self._next += 1
        return self._arguments[self._next - 1]

    def _number(self, signed: bool) -> int:
        text = self._argument()
        if text is None:
            return 0
        if text[:1] in ("'", '"'):
            return ord(text[1]) if len(text) > 1 else 0
        value, end = number(text)
        if not signed and value < 0:
            value += _UNSIGNED
        exact = _exact(text[:end])
        if end < len(text):
            self._complain(text, "not completely converted" if end else "expected numeric value")
        elif exact is not None and (exact != saturate(exact) if signed else abs(exact) >= _UNSIGNED):
            self._complain(text, "Numerical result out of range")
        if not signed and exact is not None and exact > value:
            value = min(exact, _UNSIGNED - 1)
        return value

    def _complain(self, text: str, problem: str) -> None:
        self._machine.warn(f"{text}: {problem}")
        self.status = 1

    def escapes(self, spec: _Spec) -> bool:
        """`%b`: escapes as echo has them."""
        text, stopped = _escaped(self._argument() or "")
        self._put(spec.pad(text if spec.precision is None else text[: spec.precision]))
        return not stopped

    def character(self, spec: _Spec) -> bool:
        """`%c`: the first character, NUL without one."""
        self._put(spec.pad((self._argument() or "\0")[:1]))
        return True

    def string(self, spec: _Spec) -> bool:
        """`%s`."""
        text = self._argument() or ""
        self._put(spec.pad(text if spec.precision is None else text[: spec.precision]))
        return True

    def integer(self, spec: _Spec) -> bool:
        """`%d` and its like."""
        self._put(spec.integer(self._number(spec.letter in "di")))
        return True

    def floating(self, spec: _Spec) -> bool:
        """`%f` and its like."""
        text = self._argument()
        value = 0.0
        if text is not None and text[:1] in ("'", '"'):
            value = float(ord(text[1])) if len(text) > 1 else 0.0
        elif text is not None:
            match = _FLOAT.match(text)
            value = float(match.group()) if match else 0.0
            if (match.end() if match else 0) < len(text):
                self._complain(text, "not completely converted" if match else "expected numeric value")
        flags = "".join(dict.fromkeys(spec.flags))
        precision = "" if spec.precision is None else f".{spec.precision}"
        self._put(f"%{flags}{spec.width}{precision}{spec.letter}" % value)
        return True


def _exact(text: str) -> int | None:
    """Returns a number without the bounds of 64 bits."""
    digits = text.strip().lstrip("+-")
    if len(digits) > 40:
        return _UNSIGNED
    base = {"0x": 16, "0b": 2}.get(digits[:2].lower(), 8 if digits[:1] == "0" else 10)
    try:
        value = int(digits, base)
    except ValueError:
        return None
    return -value if "-" in text else value


class _Spec:
    """A conversion specification: flags, width, precision and the letter."""

    def __init__(self, flags: str, width: int, precision: int | None, letter: str) -> None:
        self.flags = flags
        self.width = width
        self.precision = precision
        self.letter = letter

    def pad(self, text: str) -> str:
        """Fills text up to the width."""
        return text.ljust(self.width) if "-" in self.flags else text.rjust(self.width)

    def integer(self, value: int) -> str:
        """Formats a number as C does."""
        digits = format(abs(value), {"o": "o", "x": "x", "X": "X"}.get(self.letter, "d"))
        if self.precision is not None:
            digits = "" if not value and not self.precision else digits.rjust(self.precision, "0")
        prefix = ""
        if "#" in self.flags:
            if self.letter == "o" and digits[:1] != "0":
                digits = "0" + digits
            elif self.letter in "xX" and value:
                prefix = "0" + self.letter
        if self.letter in "di":
            prefix = "-" if value < 0 else "+" if "+" in self.flags else " " if " " in self.flags else ""
        if "0" in self.flags and "-" not in self.flags and self.precision is None:
            digits = digits.rjust(self.width - len(prefix), "0")
        return self.pad(prefix + digits)


_CONVERTERS: dict[str, Callable[[_Printf, _Spec], bool]] = {
    "b": _Printf.escapes,
    "c": _Printf.character,
    "s": _Printf.string,
    **dict.fromkeys("diouxX", _Printf.integer),
    **dict.fromkeys("eEfFgG", _Printf.floating),
}
