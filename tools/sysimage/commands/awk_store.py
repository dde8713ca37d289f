"""Awk's records, fields and variables."""

import math
import re
from collections.abc import Sequence
from typing import NoReturn

from tools.sysimage.commands.awk_data import (
    FORMAT,
    MAX_WIDTH,
    Array,
    ExitError,
    Frame,
    Text,
    Unordered,
    Value,
    as_node,
    as_number,
    decode,
    inward,
    looks_numeric,
    outward,
)
from tools.sysimage.commands.awk_tree import AwkError, Function, Node, Program, byte, unescape
from tools.sysimage.commands.call import Call
from tools.sysimage.commands.regex import Pattern, compile_pattern

ELEMENT = 150  # bytes of an element of an array, beside its characters


class Store:
    """What a program has: its input's records, fields, and variables."""

    def __init__(self, call: Call, program: Program, operands: Sequence[str]) -> None:
        self._call = call
        self._program = program
        self._functions: dict[str, Function] = program.functions
        self._operands = list(operands)
        self.globals: dict[str, Value | Array | None] = {
            "FS": " ",
            "OFS": " ",
            "ORS": "\n",
            "RS": "\n",
            "NR": 0.0,
            "FNR": 0.0,
            "FILENAME": "",
            "SUBSEP": "\x1c",
            "CONVFMT": "%.6g",
            "OFMT": "%.6g",
            "RSTART": 0.0,
            "RLENGTH": -1.0,
            "ENVIRON": {
                inward(name): Text(inward(value)) for name, value in call.machine.environment().items()
            },
            "ARGC": float(len(operands) + 1),
            "ARGV": {str(at): Text(word) for at, word in enumerate(["awk", *operands])},
        }
        self._frames: list[Frame] = []
        self._trying: list[str] = []  # arrays over which a loop runs in one order of several
        self._record = ""
        self._joined = False  # whether the record is one that awk has made of fields
        self._fields: list[Value] | None = []
        self._active: set[int] = set()  # ranges that have begun, by their rule
        self._status = 0
        self._meter = call.machine.meter
        self._size = 0  # of what variables hold
        self._records: list[str] = []
        self._argument = 1
        self._used_file = False
        self._used_name = False  # whether the file that is read has a name
        self._reading: dict[str, list[str]] = {}
        self._written: dict[str, bytearray] = {}
        self._piped: dict[str, bytearray] = {}
        self._stdout = bytearray()  # what is not written yet, as to a pipe

    def _value(self, part: object) -> Value | None:
        """The value of an expression; `Values` computes it."""
        raise NotImplementedError(part)

    def _execute(self, part: object) -> None:
        """Executes a statement; the machine does."""
        raise NotImplementedError(part)

    def _no_order(self, array: str) -> NoReturn:
        self._call.refuse(f"awk: the order of a loop over the array {array} is not modelled")

    def _acts(self) -> None:
        """Ends the build for what can't be undone in a loop that runs in several orders."""
        if self._trying:
            self._no_order(self._trying[0])

    def _next_record(self) -> bool:
        while not self._records:
            name = self._next_file()
            if name is None:
                return False
            try:
                data = decode(self._call.input(outward(name)))
            except OSError as error:
                self._call.complain(f"cannot open {name} ({error.strerror})")
                self._status = 2
                raise ExitError from None
            self.globals["FILENAME"] = name if self._argument > 1 and self._used_name else ""
            self.globals["FNR"] = 0.0
            self._records = self._split_records(data)
        self._count()
        self._set_record(self._records.pop(0))
        return True

    def _count(self) -> None:
        for name in ("NR", "FNR"):
            self.globals[name] = as_number(self._scalar(name)) + 1

    def _next_file(self) -> str | None:
        arguments = self.globals["ARGV"]
        while isinstance(arguments, dict) and self._argument < as_number(self._scalar("ARGC")):
            word = self._text(arguments.get(str(self._argument), ""))
            self._argument += 1
            if not word:
                continue
            if re.match(r"[A-Za-z_]\w*=", word):
                name, _, value = word.partition("=")
                self.globals[name] = Text(unescape(value))
                continue
            self._used_file = self._used_name = True
            return word
        if self._used_file:
            return None
        self._used_file = True
        return "-"

    def _split_records(self, data: str) -> list[str]:
        separator = self._text(self.globals["RS"])
        if separator == "":
            return [part for part in re.split(r"\n\n+", data.strip("\n")) if part]
        if len(separator) > 1:
            pattern = compile_pattern(separator, extended=True)
            parts, at = [], 0
            while (match := pattern.search(data, at)) and match.end() > match.start():
                parts.append(data[at : match.start()])
                at = match.end()
            parts.append(data[at:])
        else:
            parts = data.split(separator)
        if parts and not parts[-1]:
            parts.pop()
        return parts

    def _set_record(self, text: str) -> None:
        self._record, self._joined = text, False
        self._fields = None

    def _all_fields(self) -> list[Value]:
        if self._fields is None:
            self._fields = [Text(part) for part in self._split(self._record, self._text(self.globals["FS"]))]
        return self._fields

    def _split(self, text: str, separator: str) -> list[str]:
        self._meter.work(len(text) >> 2)
        if separator == " ":
            return text.split()
        if not text:
            return []
        if self._text(self.globals["RS"]) == "" and separator != "\n":
            text = text.replace("\n", separator) if len(separator) == 1 else text
        if len(separator) == 1 and separator not in "\\|*+?()[]{}^$.":
            return text.split(separator)
        if separator == "":
            return list(text)
        pattern = compile_pattern(re.escape(separator) if len(separator) == 1 else separator, extended=True)
        return self._split_by(text, pattern)

    def _split_by(self, text: str, pattern: Pattern) -> list[str]:
        parts, at, search = [], 0, 0
        while (match := pattern.search(text, search)) is not None:
            if match.end() == match.start():
                search = match.end() + 1
                if search > len(text):
                    break
                continue
            parts.append(text[at : match.start()])
            at = search = match.end()
        return [*parts, text[at:]]

    def _get_field(self, number: int) -> Value | None:
        if number < 0:
            raise AwkError(f"negative field index ${number}")
        if number == 0:
            return self._record if self._joined else Text(self._record)
        fields = self._all_fields()
        return fields[number - 1] if number <= len(fields) else Text()

    def _set_field(self, number: int, value: Value) -> None:
        if number < 0:
            raise AwkError("negative field index")
        if number == 0:
            self._set_record(self._text(value))
            return
        fields = self._all_fields()
        self._meter.items(number)
        fields += [""] * (number - len(fields))
        fields[number - 1] = value
        self._join()

    def _join(self) -> None:
        fields = self._all_fields()
        texts = [self._text(part) for part in fields]
        separator = self._text(self.globals["OFS"])
        self._meter.text(sum(map(len, texts)) + len(separator) * len(texts))
        self._record = separator.join(texts)
        self._fields = fields
        self._joined = True

    def _whole(self, value: Value | None) -> int:
        """A number without its fraction; one that has no end, or is none, is beyond what is modelled."""
        number = as_number(value)
        if not math.isfinite(number):
            self._call.refuse(f"awk: the number {self._text(number)} is not modelled here")
        return math.trunc(number)

    def _hold(self, new: Value | None, old: object) -> None:
        """Counts what variables hold."""
        self._size += len(new) if isinstance(new, str) else 0
        self._size -= len(old) if isinstance(old, str) else 0
        self._meter.held(self._size)

    def _place(self, name: str) -> dict[str, Value | Array | None]:
        if self._frames and name in self._frames[-1].values:
            return self._frames[-1].values
        return self.globals

    def _scalar(self, name: str) -> Value | None:
        if name == "NF":
            return float(len(self._all_fields()))
        value = self._place(name).get(name)
        if isinstance(value, dict):
            raise AwkError(f"{name} is an array")
        if isinstance(value, Unordered):
            self._no_order(value)
        return value

    def _array(self, name: str) -> Array:
        place = self._place(name)
        value = place.get(name)
        if value is None:
            value = place[name] = {}
        if not isinstance(value, dict):
            raise AwkError(f"{name} is no array")
        return value

    def _assign(self, target: Node, value: Value) -> None:
        if target.kind == "name":
            name = str(target.parts[0])
            if name == "NF":
                fields = self._all_fields()
                count = self._whole(value)
                self._meter.items(count)
                fields[count:] = [""] * (count - len(fields)) if count > len(fields) else []
                self._join()
                return
            place = self._place(name)
            self._hold(value, place.get(name))
            place[name] = value
        elif target.kind == "index":
            array, key = self._array(str(target.parts[0])), self._key(target.parts[1])
            if key in array:
                self._hold(value, array[key])
            else:
                self._size += ELEMENT + len(key)
                self._hold(value, "")
            array[key] = value
        elif target.kind == "field":
            self._set_field(self._whole(self._value(target.parts[0])), value)
        elif target.kind == "grouping":
            self._assign(as_node(target.parts[0]), value)
        else:
            raise AwkError("assignment to what is no variable")

    def _key(self, subscript: object) -> str:
        parts = as_node(subscript).parts
        return self._text(self.globals["SUBSEP"]).join(self._key_text(self._value(part)) for part in parts)

    def _key_text(self, value: Value | None) -> str:
        if isinstance(value, float) and math.isinf(value):
            self._call.refuse("awk: an infinite number as a subscript is not modelled")
        return self._text(value)

    def _text(self, value: Value | Array | None, form: str = "CONVFMT") -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            raise AwkError("an array where a value should be")
        if math.isnan(value):
            return "-nan" if math.copysign(1, value) < 0 else "+nan"
        if math.isinf(value):
            return "+inf" if value > 0 else "-inf"
        if value == int(value) and -(2.0**63) <= value < 2.0**64:
            return str(int(value))
        return self._format(self._text(self.globals[form]), [value])

    @staticmethod
    def _true(value: Value | None) -> bool:
        if isinstance(value, Text):
            return as_number(value) != 0 if looks_numeric(value) else value != ""
        return bool(value)

    def _compare(self, operator: str, left: Value | None, right: Value | None) -> bool:
        def numeric(value: Value | None) -> bool:
            return not isinstance(value, str) or (isinstance(value, Text) and looks_numeric(value))

        if numeric(left) and numeric(right):
            x, y = as_number(left), as_number(right)
            order = (x > y) - (x < y)
        else:
            a, b = self._text(left), self._text(right)
            order = (a > b) - (a < b)
        return {
            "<": order < 0,
            "<=": order <= 0,
            "==": order == 0,
            "!=": order != 0,
            ">": order > 0,
            ">=": order >= 0,
        }[operator]

    def _pattern(self, node: object) -> Pattern:
        tree = as_node(node)
        text = str(tree.parts[0]) if tree.kind == "regex" else self._text(self._value(tree))
        # The escapes of awk that an expression does not have.
        text = re.sub(r"\\([ntrfva\"])", lambda match: unescape(match[0]), text)
        return compile_pattern(text, extended=True)

    def _format(self, form: str, values: Sequence[Value | None]) -> str:
        rest = list(values)

        def piece(match: re.Match[str]) -> str:
            flags, width, precision, letter = match.groups()
            if match[0] == "%%":
                return "%"
            if len(rest) < 1 + (width == "*") + (precision == "*"):
                # mawk writes what comes before, and fails.
                self._call.refuse(f"awk: the format {form!r} with too few arguments is not modelled")
            numbers = [str(self._whole(rest.pop(0))) if part == "*" else part for part in (width, precision)]
            value = rest.pop(0)
            if any(int(part or 0) > MAX_WIDTH for part in numbers):
                self._call.refuse("awk: so wide a field is not modelled")
            spec = f"%{flags}{numbers[0] or ''}" + (f".{numbers[1] or 0}" if "." in match[0] else "")
            number = as_number(value) if letter in "diouxXeEfFgG" or not isinstance(value, str) else 0.0
            if letter != "s" and not math.isfinite(number):
                return self._text(number)
            if letter == "c":
                numeric = not isinstance(value, str) or looks_numeric(value)
                text = byte(int(as_number(value))) if numeric else self._text(value)[:1] or "\0"
                return (spec.partition(".")[0] + "s") % text
            if letter == "s":
                return (spec + "s") % self._text(value)
            if letter in "di":
                return (spec + "d") % math.trunc(number)
            if letter in "ouxX":
                whole = math.trunc(number) & ((1 << 64) - 1)
                return (spec + ("d" if letter == "u" else letter)) % whole
            if letter in "eEfFgG":
                return (spec + letter) % as_number(value)
            raise AwkError(f"bad conversion {match[0]!r}")

        made = FORMAT.sub(piece, form)
        self._meter.text(len(made))
        return made
