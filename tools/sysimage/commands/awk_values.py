"""The values of awk's expressions, and its functions."""

import math
import re
from collections.abc import Callable

from tools.sysimage.commands.awk_calculation import ReturnError, calculate, inserted
from tools.sysimage.commands.awk_data import (
    Frame,
    Text,
    Value,
    as_node,
    as_number,
)
from tools.sysimage.commands.awk_store import ELEMENT
from tools.sysimage.commands.awk_streams import Streams
from tools.sysimage.commands.awk_tree import AwkError, Node

_PART = 120  # bytes of two pieces of a text, beside their characters


class Values(Streams):
    """Computes expressions."""

    def _value(self, part: object) -> Value | None:
        node = as_node(part)
        self._meter.work(5)
        return _VALUES[node.kind](self, *node.parts)

    def _constant(self, value: Value) -> Value:
        return value

    def _regex_value(self, text: str) -> float:
        return float(self._pattern(Node("regex", (text,))).search(self._record) is not None)

    def _name_value(self, name: str) -> Value | None:
        return self._scalar(name)

    def _index_value(self, name: str, subscript: object) -> Value | None:
        array = self._array(name)
        # To ask for an element makes it.
        key = self._key(subscript)
        if key not in array:
            self._size += ELEMENT + len(key)
            self._hold(None, None)
            array[key] = Text("")
        return array[key]

    def _field_value(self, number: object) -> Value | None:
        return self._get_field(self._whole(self._value(number)))

    def _grouping(self, *parts: object) -> Value | None:
        return self._value(parts[0])

    def _conditional(self, condition: object, yes: object, no: object) -> Value | None:
        return self._value(yes if self._true(self._value(condition)) else no)

    def _either(self, left: object, right: object) -> float:
        return float(self._true(self._value(left)) or self._true(self._value(right)))

    def _both(self, left: object, right: object) -> float:
        return float(self._true(self._value(left)) and self._true(self._value(right)))

    def _contains(self, key: object, name: str) -> float:
        node = as_node(key)
        text = self._key(node) if node.kind == "subscript" else self._text(self._value(node))
        return float(text in self._array(name))

    def _matches(self, left: object, right: object) -> float:
        return float(self._pattern(right).search(self._text(self._value(left))) is not None)

    def _matches_not(self, left: object, right: object) -> float:
        return 1.0 - self._matches(left, right)

    def _comparison(self, operator: str, left: object, right: object) -> float:
        return float(self._compare(operator, self._value(left), self._value(right)))

    def _concat(self, left: object, right: object) -> str:
        first, second = self._text(self._value(left)), self._text(self._value(right))
        self._meter.text(len(first) + len(second))
        return first + second

    def _arithmetic(self, operator: str, left: object, right: object) -> float:
        return calculate(operator, as_number(self._value(left)), as_number(self._value(right)))

    def _unary(self, operator: str, operand: object) -> float:
        value = self._value(operand)
        if operator == "!":
            return float(not self._true(value))
        return -as_number(value) if operator == "-" else as_number(value)

    def _assignment(self, target: object, operator: str, operand: object) -> Value:
        value = self._value(operand)
        if operator != "=":
            value = calculate(operator[0], as_number(self._value(target)), as_number(value))
        value = "" if value is None else value
        self._assign(as_node(target), value)
        return value

    def _before(self, operator: str, target: object) -> float:
        value = as_number(self._value(target)) + (1 if operator == "++" else -1)
        self._assign(as_node(target), value)
        return value

    def _after(self, operator: str, target: object) -> float:
        value = as_number(self._value(target))
        self._assign(as_node(target), value + (1 if operator == "++" else -1))
        return value

    def _user_call(self, name: str, *arguments: object) -> Value | None:
        function = self._functions.get(name)
        if function is None:
            raise AwkError(f"function {name} never defined")
        if len(self._frames) > 200:
            self._call.refuse("awk: functions are nested too deeply")
        frame = Frame()
        passed: list[tuple[str, str]] = []
        for at, parameter in enumerate(function.parameters):
            if at >= len(arguments):
                frame.values[parameter] = None
                continue
            node = as_node(arguments[at])
            if node.kind == "name":
                value = self._place(str(node.parts[0])).get(str(node.parts[0]))
                if value is None and node.parts[0] != "NF":
                    # It may become an array there.
                    passed.append((parameter, str(node.parts[0])))
                if node.parts[0] == "NF":
                    value = self._scalar("NF")
                frame.values[parameter] = value
            else:
                frame.values[parameter] = self._value(node)
        self._frames.append(frame)
        try:
            self._execute(function.body)
            result: Value | None = None
        except ReturnError as returned:
            result = returned.value
        finally:
            self._frames.pop()
        for parameter, outer in passed:
            if isinstance(frame.values[parameter], dict):
                self._place(outer)[outer] = frame.values[parameter]
        return result

    def _builtin(self, name: str, *arguments: object) -> Value | None:
        if name in ("sub", "gsub"):
            return self._substitute(name == "gsub", *arguments)
        if name == "split":
            return self._split_into(*arguments)
        if name == "match":
            found = self._pattern(arguments[1]).search(self._text(self._value(arguments[0])))
            self.globals["RSTART"] = float(found.start() + 1) if found else 0.0
            self.globals["RLENGTH"] = float(found.end() - found.start()) if found else -1.0
            return self._scalar("RSTART")
        if name == "length" and arguments and as_node(arguments[0]).kind == "name":
            held = self._place(str(as_node(arguments[0]).parts[0])).get(str(as_node(arguments[0]).parts[0]))
            if isinstance(held, dict):
                return float(len(held))
        values = [self._value(argument) for argument in arguments]
        return self._simple_builtin(name, values)

    def _simple_builtin(self, name: str, values: list[Value | None]) -> Value:
        texts = [self._text(value) for value in values]
        if name in _OF_TEXTS:
            return _OF_TEXTS[name](*texts)
        if name in _OF_NUMBERS:
            return float(_OF_NUMBERS[name](*map(as_number, values)))
        if name == "length":
            return float(len(texts[0] if texts else self._record))
        if name == "substr":
            if any(not math.isfinite(as_number(value)) for value in values[1:]):
                self._call.refuse("awk: substr at an infinite number is not modelled")
            return _part(texts[0], *map(as_number, values[1:]))
        if name == "sprintf":
            return self._format(texts[0], values[1:])
        if name == "close":
            return self._close(texts[0])
        if name in ("fflush", "system"):
            self._flush_output()
            return float(self._shell(texts[0], None, None)) if name == "system" else 0.0
        return self._call.refuse(f"awk: the function {name} is not modelled")

    def _split_into(self, *arguments: object) -> float:
        text = self._text(self._value(arguments[0]))
        if len(arguments) > 2 and as_node(arguments[2]).kind == "regex":
            parts = self._split_by(text, self._pattern(arguments[2])) if text else []
        else:
            separator = self._text(self._value(arguments[2]) if len(arguments) > 2 else self.globals["FS"])
            parts = self._split(text, separator)
        array = self._array(str(as_node(arguments[1]).parts[0]))
        array.clear()
        self._meter.items(len(parts))
        array.update({str(at): Text(part) for at, part in enumerate(parts, 1)})
        return float(len(parts))

    def _substitute(self, every: bool, *arguments: object) -> float:
        target = as_node(arguments[2]) if len(arguments) > 2 else Node("field", (Node("number", (0.0,)),))
        pattern = self._pattern(arguments[0])
        new = self._text(self._value(arguments[1]))
        text = self._text(self._value(target))
        out: list[str] = []
        at = count = done = size = 0
        before = -1
        while at <= len(text) and (match := pattern.search(text, at)):
            begin, end = match.span()
            at = end if end > begin else end + 1
            if begin == end == before:
                continue
            before = end
            count += 1
            made = re.sub(r"(\\*)&", inserted(match[0]), new)
            size += len(made) + _PART
            self._meter.text(size)
            out += [text[done:begin], made]
            done = end
            if not every:
                break
        if count:
            self._assign(target, "".join(out) + text[done:])
        return float(count)


def _part(text: str, start: float, count: float | None = None) -> str:
    """What substr answers: `count` characters from `start` on, or all."""
    begin, length = math.trunc(start), len(text) + 1
    if count is not None:
        length = math.trunc(count)
    if begin < 1:
        # mawk counts from the first character on, whatever lies before it.
        begin, length = 1, length - min(begin, 0)
    return text[begin - 1 : max(begin - 1 + length, 0)]


def _exponential(number: float) -> float:
    try:
        return math.exp(number)
    except OverflowError:
        return math.inf


def _logarithm(number: float) -> float:
    if not number:
        return -math.inf
    return math.log(number) if number > 0 else -math.nan


def _root(number: float) -> float:
    return -math.nan if number < 0 else math.sqrt(number)


_OF_TEXTS: dict[str, Callable[..., Value]] = {
    "index": lambda text, part: float(text.find(part) + 1),
    "tolower": str.lower,
    "toupper": str.upper,
}
_OF_NUMBERS: dict[str, Callable[..., float]] = {
    "atan2": math.atan2,
    "cos": lambda number: math.cos(number) if math.isfinite(number) else -math.nan,
    "exp": _exponential,
    "int": lambda number: math.trunc(number) if math.isfinite(number) else number,
    "log": _logarithm,
    "sin": lambda number: math.sin(number) if math.isfinite(number) else -math.nan,
    "sqrt": _root,
}
_VALUES: dict[str, Callable[..., Value | None]] = {
    "&&": Values._both,
    "?:": Values._conditional,
    "after": Values._after,
    "arithmetic": Values._arithmetic,
    "assign": Values._assignment,
    "before": Values._before,
    "call": Values._builtin,
    "compare": Values._comparison,
    "concat": Values._concat,
    "field": Values._field_value,
    "getline": Values._getline,
    "grouping": Values._grouping,
    "in": Values._contains,
    "index": Values._index_value,
    "name": Values._name_value,
    "number": Values._constant,
    "regex": Values._regex_value,
    "string": Values._constant,
    "unary": Values._unary,
    "user call": Values._user_call,
    "||": Values._either,
    "~": Values._matches,
    "!~": Values._matches_not,
}
