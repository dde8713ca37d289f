"""awk(1) (POSIX, as mawk does it): what a program does with records."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sysimage.commands.awk_parse import AwkError, Function, Node, Program, Rule, byte, parse, unescape
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.regex import Pattern, PatternError, UnmodelledPatternError, compile_pattern
from tools.sysimage.scripts.streams import Sink, Source, Stream

_MAX_STEPS = 5_000_000
_MAX_WIDTH = 1 << 16
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_FORMAT = re.compile(r"%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+)?)?([a-zA-Z%])")


_FROM_BYTES = {value: byte(value) for value in range(0x80, 0x100)}
_TO_BYTES = {0xE000 + value: value for value in range(0x80, 0x100)}


def _decode(data: bytes) -> str:
    """Turns bytes into awk's characters (see `byte`)."""
    return data.decode("latin-1").translate(_FROM_BYTES)


def _encode(text: str) -> bytes:
    return text.translate(_TO_BYTES).encode("latin-1")


def _inward(word: str) -> str:
    return _decode(word.encode("utf-8", "surrogateescape"))


def _outward(text: str) -> str:
    return _encode(text).decode("utf-8", "surrogateescape")


class _Text(str):
    """A text of the input, which is a number where it looks like one ("strnum")."""

    __slots__ = ()


type Value = float | str
type Array = dict[str, Value]


class _NextError(Exception):
    pass


class _NextFileError(Exception):
    pass


class _ExitError(Exception):
    pass


class _BreakError(Exception):
    pass


class _ContinueError(Exception):
    pass


class _ReturnError(Exception):
    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


def awk(call: Call) -> int:
    """awk(1): mawk, gawk and original-awk, as far as POSIX says."""
    given = call.options("-F --field-separator=", "-v --assign=", "-f --file=", permute=False)
    operands = [_inward(word) for word in given.operands]
    try:
        if "file" in given:
            text = "\n".join(_decode(call.input(name)) for name in given.values("file"))
        elif operands:
            text = operands.pop(0)
        else:
            call.complain("usage: mawk [Options] [Program] [file ...]")
            return 0
        program = parse(text)
    except (AwkError, OSError) as error:
        call.complain(str(error))
        return 2
    machine = _Machine(call, program, operands)
    if "field-separator" in given:
        machine.globals["FS"] = unescape(_inward(given.value("field-separator")))
    for assignment in given.values("assign"):
        name, _, value = assignment.partition("=")
        machine.globals[name] = _Text(unescape(_inward(value)))
    try:
        return machine.run()
    except (AwkError, PatternError) as error:
        machine.finish()
        call.complain(_outward(str(error)))
        return 2
    except UnmodelledPatternError as error:
        call.refuse(f"awk: the pattern {str(error)!r} is not modelled")


def _number(value: Value | None) -> float:
    if isinstance(value, str):
        match = _NUMBER.match(value)
        return float(match[0]) if match else 0.0
    return 0.0 if value is None else value


def _looks_numeric(text: str) -> bool:
    match = _NUMBER.match(text)
    return match is not None and not text[match.end() :].strip(" \t\n")


@dataclass(slots=True)
class _Frame:
    """The variables of a function that is called; arrays are those of the caller."""

    values: dict[str, Value | Array | None] = field(default_factory=dict)


class _Machine:
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
                _inward(name): _Text(_inward(value)) for name, value in call.machine.environment().items()
            },
            "ARGC": float(len(operands) + 1),
            "ARGV": {str(at): _Text(word) for at, word in enumerate(["awk", *operands])},
        }
        self._frames: list[_Frame] = []
        self._record = ""
        self._joined = False  # whether the record is one that awk has made of fields
        self._fields: list[Value] | None = []
        self._active: set[int] = set()  # ranges that have begun, by their rule
        self._status = 0
        self._steps = 0
        self._records: list[str] = []
        self._argument = 1
        self._used_file = False
        self._used_name = False  # whether the file that is read has a name
        self._reading: dict[str, list[str]] = {}
        self._written: dict[str, bytearray] = {}
        self._piped: dict[str, bytearray] = {}
        self._stdout = bytearray()  # what is not written yet, as to a pipe

    # Running.

    def run(self) -> int:
        rules = self._program.rules
        try:
            for rule in rules:
                if rule.kind == "BEGIN" and rule.action:
                    self._execute(rule.action)
            if any(rule.kind != "BEGIN" for rule in rules):
                while self._next_record():
                    self._apply(rules)
            self._end()
        except _ExitError:
            self._end(only_once=True)
        for name in list(self._piped):
            self._close(name)
        self._flush()
        return self._status

    def _end(self, *, only_once: bool = False) -> None:
        try:
            for rule in self._program.rules:
                if rule.kind == "END" and rule.action:
                    self._execute(rule.action)
        except _ExitError:
            if not only_once:
                return

    def _apply(self, rules: Sequence[Rule]) -> None:
        try:
            for number, rule in enumerate(rules):
                if rule.kind in ("BEGIN", "END") or not self._selected(number, rule):
                    continue
                if rule.action is None:
                    self._out("", "", self._record + self._text(self.globals["ORS"]))
                else:
                    self._execute(rule.action)
        except _NextError:
            return
        except _NextFileError:
            self._records = []

    def _selected(self, number: int, rule: Rule) -> bool:
        if not rule.patterns:
            return True
        if rule.kind == "pattern":
            return self._true(self._value(rule.patterns[0]))
        if number not in self._active:
            if not self._true(self._value(rule.patterns[0])):
                return False
            self._active.add(number)
        if self._true(self._value(rule.patterns[1])):
            self._active.discard(number)
        return True

    def _next_record(self) -> bool:
        while not self._records:
            name = self._next_file()
            if name is None:
                return False
            try:
                data = _decode(self._call.input(_outward(name)))
            except OSError as error:
                self._call.complain(f"cannot open {name} ({error.strerror})")
                self._status = 2
                raise _ExitError from None
            self.globals["FILENAME"] = name if self._argument > 1 and self._used_name else ""
            self.globals["FNR"] = 0.0
            self._records = self._split_records(data)
        self._count()
        self._set_record(self._records.pop(0))
        return True

    def _count(self) -> None:
        for name in ("NR", "FNR"):
            self.globals[name] = _number(self._scalar(name)) + 1

    def _next_file(self) -> str | None:
        arguments = self.globals["ARGV"]
        while isinstance(arguments, dict) and self._argument < _number(self._scalar("ARGC")):
            word = self._text(arguments.get(str(self._argument), ""))
            self._argument += 1
            if not word:
                continue
            if re.match(r"[A-Za-z_]\w*=", word):
                name, _, value = word.partition("=")
                self.globals[name] = _Text(unescape(value))
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

    # Records and fields.

    def _set_record(self, text: str) -> None:
        self._record, self._joined = text, False
        self._fields = None

    def _all_fields(self) -> list[Value]:
        if self._fields is None:
            self._fields = [_Text(part) for part in self._split(self._record, self._text(self.globals["FS"]))]
        return self._fields

    def _split(self, text: str, separator: str) -> list[str]:
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
            return self._record if self._joined else _Text(self._record)
        fields = self._all_fields()
        return fields[number - 1] if number <= len(fields) else _Text()

    def _set_field(self, number: int, value: Value) -> None:
        if number < 0:
            raise AwkError("negative field index")
        if number == 0:
            self._set_record(self._text(value))
            return
        fields = self._all_fields()
        fields += [""] * (number - len(fields))
        fields[number - 1] = value
        self._join()

    def _join(self) -> None:
        fields = self._all_fields()
        self._record = self._text(self.globals["OFS"]).join(self._text(part) for part in fields)
        self._fields = fields
        self._joined = True

    # Variables.

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
                count = int(_number(value))
                fields[count:] = [""] * (count - len(fields)) if count > len(fields) else []
                self._join()
                return
            self._place(name)[name] = value
        elif target.kind == "index":
            self._array(str(target.parts[0]))[self._key(target.parts[1])] = value
        elif target.kind == "field":
            self._set_field(int(_number(self._value(target.parts[0]))), value)
        elif target.kind == "grouping":
            self._assign(_node(target.parts[0]), value)
        else:
            raise AwkError("assignment to what is no variable")

    def _key(self, subscript: object) -> str:
        parts = _node(subscript).parts
        return self._text(self.globals["SUBSEP"]).join(self._text(self._value(part)) for part in parts)

    # Values.

    def _text(self, value: Value | Array | None, form: str = "CONVFMT") -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            raise AwkError("an array where a value should be")
        if math.isnan(value):
            self._call.refuse("awk: what is not a number is not modelled")
        if math.isinf(value):
            return "+inf" if value > 0 else "-inf"
        if value == int(value) and -(2.0**63) <= value < 2.0**64:
            return str(int(value))
        return self._format(self._text(self.globals[form]), [value])

    @staticmethod
    def _true(value: Value | None) -> bool:
        if isinstance(value, _Text):
            return _number(value) != 0 if _looks_numeric(value) else value != ""
        return bool(value)

    def _compare(self, operator: str, left: Value | None, right: Value | None) -> bool:
        def numeric(value: Value | None) -> bool:
            return not isinstance(value, str) or (isinstance(value, _Text) and _looks_numeric(value))

        if numeric(left) and numeric(right):
            x, y = _number(left), _number(right)
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
        tree = _node(node)
        text = str(tree.parts[0]) if tree.kind == "regex" else self._text(self._value(tree))
        # The escapes of awk that an expression does not have.
        text = re.sub(r"\\([ntrfva\"])", lambda match: unescape(match[0]), text)
        return compile_pattern(text, extended=True)

    def _value(self, part: object) -> Value | None:
        node = _node(part)
        self._steps += 1
        if self._steps > _MAX_STEPS:
            self._call.refuse("awk: the program does not end")
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
        return array.setdefault(self._key(subscript), _Text(""))

    def _field_value(self, number: object) -> Value | None:
        return self._get_field(int(_number(self._value(number))))

    def _grouping(self, *parts: object) -> Value | None:
        return self._value(parts[0])

    def _conditional(self, condition: object, yes: object, no: object) -> Value | None:
        return self._value(yes if self._true(self._value(condition)) else no)

    def _either(self, left: object, right: object) -> float:
        return float(self._true(self._value(left)) or self._true(self._value(right)))

    def _both(self, left: object, right: object) -> float:
        return float(self._true(self._value(left)) and self._true(self._value(right)))

    def _contains(self, key: object, name: str) -> float:
        node = _node(key)
        text = self._key(node) if node.kind == "subscript" else self._text(self._value(node))
        return float(text in self._array(name))

    def _matches(self, left: object, right: object) -> float:
        return float(self._pattern(right).search(self._text(self._value(left))) is not None)

    def _matches_not(self, left: object, right: object) -> float:
        return 1.0 - self._matches(left, right)

    def _comparison(self, operator: str, left: object, right: object) -> float:
        return float(self._compare(operator, self._value(left), self._value(right)))

    def _concat(self, left: object, right: object) -> str:
        return self._text(self._value(left)) + self._text(self._value(right))

    def _arithmetic(self, operator: str, left: object, right: object) -> float:
        return _calculate(operator, _number(self._value(left)), _number(self._value(right)))

    def _unary(self, operator: str, operand: object) -> float:
        value = self._value(operand)
        if operator == "!":
            return float(not self._true(value))
        return -_number(value) if operator == "-" else _number(value)

    def _assignment(self, target: object, operator: str, operand: object) -> Value:
        value = self._value(operand)
        if operator != "=":
            value = _calculate(operator[0], _number(self._value(target)), _number(value))
        value = "" if value is None else value
        self._assign(_node(target), value)
        return value

    def _before(self, operator: str, target: object) -> float:
        value = _number(self._value(target)) + (1 if operator == "++" else -1)
        self._assign(_node(target), value)
        return value

    def _after(self, operator: str, target: object) -> float:
        value = _number(self._value(target))
        self._assign(_node(target), value + (1 if operator == "++" else -1))
        return value

    # Functions.

    def _user_call(self, name: str, *arguments: object) -> Value | None:
        function = self._functions.get(name)
        if function is None:
            raise AwkError(f"function {name} never defined")
        if len(self._frames) > 200:
            self._call.refuse("awk: functions are nested too deeply")
        frame = _Frame()
        passed: list[tuple[str, str]] = []
        for at, parameter in enumerate(function.parameters):
            if at >= len(arguments):
                frame.values[parameter] = None
                continue
            node = _node(arguments[at])
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
        except _ReturnError as returned:
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
        if name == "length" and arguments and _node(arguments[0]).kind == "name":
            held = self._place(str(_node(arguments[0]).parts[0])).get(str(_node(arguments[0]).parts[0]))
            if isinstance(held, dict):
                return float(len(held))
        values = [self._value(argument) for argument in arguments]
        return self._simple_builtin(name, values)

    def _simple_builtin(self, name: str, values: list[Value | None]) -> Value:  # noqa: PLR0911
        texts = [self._text(value) for value in values]
        if name == "length":
            return float(len(texts[0] if texts else self._record))
        if name == "substr":
            begin, length = math.trunc(_number(values[1])), len(texts[0]) + 1
            if len(values) > 2:
                length = math.trunc(_number(values[2]))
            if begin < 1:
                # mawk counts from the first character on, whatever lies before it.
                begin, length = 1, length - min(begin, 0)
            return texts[0][begin - 1 : max(begin - 1 + length, 0)]
        if name == "index":
            return float(texts[0].find(texts[1]) + 1)
        if name == "sprintf":
            return self._format(texts[0], values[1:])
        if name in ("tolower", "toupper"):
            return texts[0].lower() if name == "tolower" else texts[0].upper()
        if name == "int":
            return float(math.trunc(_number(values[0])))
        if name == "fflush":
            self._flush_output()
            return 0.0
        if name == "close":
            return self._close(texts[0])
        if name == "system":
            self._flush_output()
            return float(self._shell(texts[0], None, None))
        if name == "atan2":
            return math.atan2(_number(values[0]), _number(values[1]))
        if name in ("sin", "cos", "exp", "log", "sqrt"):
            return float(getattr(math, name)(_number(values[0])))
        return self._call.refuse(f"awk: the function {name} is not modelled")

    def _split_into(self, *arguments: object) -> float:
        text = self._text(self._value(arguments[0]))
        if len(arguments) > 2 and _node(arguments[2]).kind == "regex":
            parts = self._split_by(text, self._pattern(arguments[2])) if text else []
        else:
            separator = self._text(self._value(arguments[2]) if len(arguments) > 2 else self.globals["FS"])
            parts = self._split(text, separator)
        array = self._array(str(_node(arguments[1]).parts[0]))
        array.clear()
        array.update({str(at): _Text(part) for at, part in enumerate(parts, 1)})
        return float(len(parts))

    def _substitute(self, every: bool, *arguments: object) -> float:
        target = _node(arguments[2]) if len(arguments) > 2 else Node("field", (Node("number", (0.0,)),))
        pattern = self._pattern(arguments[0])
        new = self._text(self._value(arguments[1]))
        text = self._text(self._value(target))
        out: list[str] = []
        at = count = done = 0
        before = -1
        while at <= len(text) and (match := pattern.search(text, at)):
            begin, end = match.span()
            at = end if end > begin else end + 1
            if begin == end == before:
                continue
            before = end
            count += 1
            out += [text[done:begin], re.sub(r"(\\*)&", _inserted(match[0]), new)]
            done = end
            if not every:
                break
        if count:
            self._assign(target, "".join(out) + text[done:])
        return float(count)

    def _format(self, form: str, values: Sequence[Value | None]) -> str:
        rest = list(values)

        def piece(match: re.Match[str]) -> str:
            flags, width, precision, letter = match.groups()
            if match[0] == "%%":
                return "%"
            if len(rest) < 1 + (width == "*") + (precision == "*"):
                # mawk writes what comes before, and fails.
                self._call.refuse(f"awk: the format {form!r} with too few arguments is not modelled")
            numbers = [str(int(_number(rest.pop(0)))) if part == "*" else part for part in (width, precision)]
            value = rest.pop(0)
            if any(int(part or 0) > _MAX_WIDTH for part in numbers):
                self._call.refuse("awk: so wide a field is not modelled")
            spec = f"%{flags}{numbers[0] or ''}" + (f".{numbers[1] or 0}" if "." in match[0] else "")
            if letter == "c":
                numeric = not isinstance(value, str) or _looks_numeric(value)
                text = byte(int(_number(value))) if numeric else self._text(value)[:1] or "\0"
                return (spec.partition(".")[0] + "s") % text
            if letter == "s":
                return (spec + "s") % self._text(value)
            if letter in "di":
                return (spec + "d") % math.trunc(_number(value))
            if letter in "ouxX":
                whole = math.trunc(_number(value)) & ((1 << 64) - 1)
                return (spec + ("d" if letter == "u" else letter)) % whole
            if letter in "eEfFgG":
                return (spec + letter) % _number(value)
            raise AwkError(f"bad conversion {match[0]!r}")

        return _FORMAT.sub(piece, form)

    # Input and output.

    def _getline(self, source: str, operand: object, target: object) -> float:
        if source == "":
            if not self._records and not self._more():
                return 0.0
            self._count()
            line = self._records.pop(0)
        else:
            name = self._text(self._value(operand))
            if name not in self._reading:
                data = self._command(name) if source == "|" else self._file(name)
                if data is None:
                    return -1.0
                self._reading[name] = self._split_records(data)
            if not self._reading[name]:
                return 0.0
            line = self._reading[name].pop(0)
        if target is None:
            self._set_record(line)
        else:
            self._assign(_node(target), _Text(line))
        return 1.0

    def _more(self) -> bool:
        name = self._next_file()
        if name is None:
            return False
        data = self._file(name)
        self._records = self._split_records(data or "")
        self.globals["FILENAME"], self.globals["FNR"] = name, 0.0
        return bool(self._records) or self._more()

    def _file(self, name: str) -> str | None:
        try:
            return _decode(self._call.input(_outward(name)))
        except OSError:
            return None

    def _command(self, text: str) -> str:
        self._flush_output()
        sink = Sink(self._call.machine.meter)
        self._shell(text, None, sink)
        return _decode(sink.getvalue())

    def _shell(self, text: str, stdin: bytes | None, stdout: Stream | None) -> int:
        """Has a shell execute a command. Returns its status."""
        machine = self._call.machine.subshell()
        if stdin is not None:
            machine.descriptors[0] = Source(stdin)
        if stdout is not None:
            machine.descriptors[1] = stdout
        program = machine.programs(machine, "sh")
        if program is None:
            self._call.refuse("awk: there is no shell for a command")
        return program(machine, ["sh", "-c", _outward(text)])

    def _close(self, name: str) -> float:
        piped = self._piped.pop(name, None)
        if piped is not None:
            if self._stdout:
                self._call.refuse(f"awk: the order of what awk and {name!r} write is not modelled")
            return float(self._shell(name, bytes(piped), None))
        known = name in self._reading or name in self._written
        self._reading.pop(name, None)
        self._written.pop(name, None)
        return 0.0 if known else -1.0

    def _out(self, operator: str, name: str, text: str) -> None:
        data = _encode(text)
        if operator == "|":
            if name not in self._piped:
                self._flush_output()
                self._piped[name] = bytearray()
            self._piped[name] += data
        elif not operator or name in ("/dev/stdout", "-"):
            self._stdout += data
        elif name == "/dev/stderr":
            self._call.machine.stream(2).write(data)
        elif name != "/dev/null":
            if name not in self._written:
                old = self._file(name) if operator == ">>" else None
                self._written[name] = bytearray(_encode(old or ""))
            self._written[name] += data
            path = self._call.path(_outward(name))
            self._call.files.write(path, bytes(self._written[name]), self._call.umask(0o666))

    def _flush_output(self) -> None:
        if self._stdout:
            self._call.out(bytes(self._stdout))
            self._stdout.clear()

    def finish(self) -> None:
        """Writes what is held back, as at the end of a program that fails."""
        self._flush()

    def _flush(self) -> None:
        self._flush_output()
        self._written.clear()

    # Statements.

    def _execute(self, part: object) -> None:
        node = _node(part)
        self._steps += 1
        if self._steps > _MAX_STEPS:
            self._call.refuse("awk: the program does not end")
        _STATEMENTS[node.kind](self, *node.parts)

    def _block(self, *statements: object) -> None:
        for statement in statements:
            self._execute(statement)

    def _if(self, condition: object, yes: object, no: object) -> None:
        if self._true(self._value(condition)):
            self._execute(yes)
        elif no is not None:
            self._execute(no)

    def _loop(self, condition: object, step: object, body: object) -> None:
        while condition is None or self._true(self._value(condition)):
            try:
                self._execute(body)
            except _BreakError:
                return
            except _ContinueError:
                pass
            if step is not None:
                self._execute(step)

    def _while(self, condition: object, body: object) -> None:
        self._loop(condition, None, body)

    def _do(self, body: object, condition: object) -> None:
        try:
            self._execute(body)
        except _BreakError:
            return
        except _ContinueError:
            pass
        self._loop(condition, None, body)

    def _for(self, first: object, condition: object, step: object, body: object) -> None:
        if first is not None:
            self._execute(first)
        self._loop(condition, step, body)

    def _for_in(self, name: str, array: str, body: object) -> None:
        keys = list(self._array(array))
        if len(keys) > 1:
            # mawk's is that of its hash table.
            self._call.refuse(f"awk: the order of a loop over the array {array} is not modelled")
        for key in keys:
            self._place(name)[name] = _Text(key)
            try:
                self._execute(body)
            except _BreakError:
                return
            except _ContinueError:
                continue

    def _print(self, arguments: Sequence[object], operator: str, target: object) -> None:
        values = [self._value(argument) for argument in arguments]
        text = self._text(self.globals["OFS"]).join(self._text(value, "OFMT") for value in values)
        if not arguments:
            text = self._record
        name = self._text(self._value(target)) if target is not None else ""
        self._out(operator, name, text + self._text(self.globals["ORS"]))

    def _printf(self, arguments: Sequence[object], operator: str, target: object) -> None:
        values = [self._value(argument) for argument in arguments]
        name = self._text(self._value(target)) if target is not None else ""
        self._out(operator, name, self._format(self._text(values[0]), values[1:]))

    def _delete(self, name: str, subscript: object) -> None:
        array = self._array(name)
        if subscript is None:
            array.clear()
        else:
            array.pop(self._key(subscript), None)

    def _exit(self, value: object) -> None:
        if value is not None:
            self._status = int(_number(self._value(value))) & 0xFF
        raise _ExitError

    def _return(self, value: object) -> None:
        result = self._value(value) if value is not None else None
        raise _ReturnError("" if result is None else result)


def _node(part: object) -> Node:
    if not isinstance(part, Node):
        raise AwkError("syntax error")
    return part


def _inserted(text: str) -> Callable[[re.Match[str]], str]:
    """Returns what an ampersand becomes: pairs of backslashes before it are one each, an odd one keeps it."""

    def value(match: re.Match[str]) -> str:
        count = len(match[1])
        return "\\" * (count // 2) + ("&" if count % 2 else text)

    return value


def _calculate(operator: str, left: float, right: float) -> float:
    if operator == "/" and not right:
        return math.copysign(math.inf, left) if left else math.nan
    if operator == "%" and not right:
        return math.nan
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
        case "%":
            return math.fmod(left, right)
    return math.pow(left, right)


_VALUES: dict[str, Callable[..., Value | None]] = {
    "&&": _Machine._both,
    "?:": _Machine._conditional,
    "after": _Machine._after,
    "arithmetic": _Machine._arithmetic,
    "assign": _Machine._assignment,
    "before": _Machine._before,
    "call": _Machine._builtin,
    "compare": _Machine._comparison,
    "concat": _Machine._concat,
    "field": _Machine._field_value,
    "getline": _Machine._getline,
    "grouping": _Machine._grouping,
    "in": _Machine._contains,
    "index": _Machine._index_value,
    "name": _Machine._name_value,
    "number": _Machine._constant,
    "regex": _Machine._regex_value,
    "string": _Machine._constant,
    "unary": _Machine._unary,
    "user call": _Machine._user_call,
    "||": _Machine._either,
    "~": _Machine._matches,
    "!~": _Machine._matches_not,
}


def _raise(error: type[Exception]) -> Callable[..., None]:
    def run(_machine: _Machine) -> None:
        raise error

    return run


def _evaluate(machine: _Machine, expression: object) -> None:
    machine._value(expression)


_STATEMENTS: dict[str, Callable[..., None]] = {
    "block": _Machine._block,
    "break": _raise(_BreakError),
    "continue": _raise(_ContinueError),
    "delete": _Machine._delete,
    "do": _Machine._do,
    "exit": _Machine._exit,
    "expression": _evaluate,
    "for": _Machine._for,
    "for in": _Machine._for_in,
    "if": _Machine._if,
    "next": _raise(_NextError),
    "nextfile": _raise(_NextFileError),
    "print": _Machine._print,
    "printf": _Machine._printf,
    "return": _Machine._return,
    "while": _Machine._while,
}
COMMANDS: Mapping[str, Command] = {"awk": awk, "gawk": awk, "mawk": awk, "nawk": awk}
"""This family's commands by name."""
