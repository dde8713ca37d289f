"""Arithmetic expansion (XCU 2.6.4) as dash has it: C's operators on signed integers of 64 bits.

There is no `++`, `--` or comma. Errors are those of dash.
"""

import re
from collections.abc import Callable

from tools.sysimage.scripts.failures import Refused, ShellError

_LIMIT = 1 << 63
_MAX_DIGITS = 64
_NESTING = 1000  # operators and parentheses within each other

_TOKEN = re.compile(
    r"[ \t\n]*(?:(?P<number>[0-9][0-9A-Za-z_]*)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator><<=|>>=|[-+*/%&^|]=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&^|<>=!~?:()])|(?P<other>.)|$)",
    re.DOTALL,
)
_PRECEDENCE = {
    "*": 0, "/": 0, "%": 0, "+": 1, "-": 1, "<<": 2, ">>": 2, "<": 3, "<=": 3, ">": 3, ">=": 3,
    "==": 4, "!=": 4, "&": 5, "^": 6, "|": 7,
}  # fmt: skip
_ASSIGNING = frozenset(["=", "*=", "/=", "%=", "+=", "-=", "<<=", ">>=", "&=", "^=", "|="])
# Binary numbers are of C23, which glibc's strtoimax(3) reads since 2.38.
_DIGITS = re.compile(
    r"0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)|(?P<octal>0[0-7]*)|(?P<decimal>[1-9][0-9]*)"
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}

type Read = Callable[[str], str | None]
type Write = Callable[[str, str], None]


def wrap(value: int) -> int:
    """Returns a number as 64 bits hold it."""
    return (value + _LIMIT) % (2 * _LIMIT) - _LIMIT


def saturate(value: int) -> int:
    """Returns a number as strtoimax(3) does: the nearest that there is."""
    return max(-_LIMIT, min(_LIMIT - 1, value))


def number(text: str) -> tuple[int, int]:
    """Reads a number in C's notation as strtoimax(3) does: its value and how many characters it has."""
    start = len(text) - len(text.lstrip(" \t\n\v\f\r"))
    sign = text[start : start + 1] in ("+", "-")
    match = _DIGITS.match(text, start + sign)
    if match is None:
        return 0, 0
    kind = match.lastgroup or "decimal"
    digits = match[kind].lstrip("0") or "0"
    # No number of 64 bits has more digits than this; Python refuses to read very long ones.
    value = _LIMIT if len(digits) > _MAX_DIGITS else int(digits, _BASES[kind])
    return saturate(-value if sign and text[start] == "-" else value), match.end()


def whole_number(text: str) -> int:
    """Reads what a variable holds. Raises ShellError unless all of it is a number; nothing is 0."""
    if not text.strip(" \t\n\v\f\r"):
        return 0
    value, end = number(text)
    if not end or text[end:].strip(" \t\n\v\f\r"):
        raise ShellError(f"Illegal number: {text}")
    return value


def evaluate(text: str, read: Read, write: Write) -> int:
    """Returns the value of an expression. Raises ShellError, and Refused if it is nested too deeply."""
    return _Evaluation(text, read, write).value()


class _Evaluation:
    def __init__(self, text: str, read: Read, write: Write) -> None:
        self._text = text
        self._read = read
        self._write = write
        self._position = 0
        self._kind: str = ""  # number, name, operator, or "" at the end
        self._token = ""
        self._levels = 0

    def value(self) -> int:
        self._advance()
        result = self._assignment(True)
        if self._kind:
            raise self._error("expecting EOF")
        return result

    def _error(self, message: str) -> ShellError:
        return ShellError(f'arithmetic expression: {message}: "{self._text}"')

    def _advance(self) -> None:
        match = _TOKEN.match(self._text, self._position)
        assert match is not None
        self._position = match.end()
        self._kind = match.lastgroup or ""
        self._token = match.group(self._kind) if self._kind else ""
        if self._kind == "number":
            # Digits of the base end the number; what follows is another token.
            digits = _DIGITS.match(self._token)
            assert digits is not None
            self._position -= len(self._token) - digits.end()
            self._token = digits.group()

    def _enter(self) -> None:
        self._levels += 1
        if self._levels > _NESTING:
            raise Refused(f"an arithmetic expression has more than {_NESTING} levels; nest it less")

    def _assignment(self, live: bool) -> int:
        if self._kind != "name":
            return self._conditional(live)
        name, kind, token, position = self._token, self._kind, self._token, self._position
        self._advance()
        operator = self._token if self._kind == "operator" else ""
        if operator not in _ASSIGNING:
            self._kind, self._token, self._position = kind, token, position
            return self._conditional(live)
        self._advance()
        self._enter()
        result = self._assignment(live)
        self._levels -= 1
        if not live:
            return result
        if operator != "=":
            result = self._binary(operator[:-1], self._variable(name), result)
        self._write(name, str(result))
        return result

    def _conditional(self, live: bool) -> int:
        test = self._or(live)
        if self._token != "?" or not self._kind:
            return test
        self._advance()
        self._enter()
        first = self._assignment(live and bool(test))
        if self._token != ":":
            raise self._error("expecting ':'")
        self._advance()
        second = self._conditional(live and not test)
        self._levels -= 1
        return first if test else second

    def _or(self, live: bool) -> int:
        result = self._and(live)
        while self._token == "||":
            self._advance()
            right = self._and(live and not result)
            result = int(bool(result) or bool(right))
        return result

    def _and(self, live: bool) -> int:
        result = self._operation(live, 8)
        while self._token == "&&":
            self._advance()
            right = self._operation(live and bool(result), 8)
            result = int(bool(result) and bool(right))
        return result

    def _operation(self, live: bool, level: int) -> int:
        """Evaluates binary operators that bind closer than a level."""
        left = self._primary(live)
        while self._kind == "operator" and _PRECEDENCE.get(self._token, 8) < level:
            operator = self._token
            self._advance()
            right = self._operation(live, _PRECEDENCE[operator])
            left = self._binary(operator, left, right) if live else right
        return left

    def _primary(self, live: bool) -> int:
        kind, token = self._kind, self._token
        self._enter()
        if kind == "number":
            result = number(token)[0]
        elif kind == "name":
            result = self._variable(token) if live else 0
        elif token == "(":
            self._advance()
            result = self._assignment(live)
            if self._token != ")":
                raise self._error("expecting ')'")
        elif kind == "operator" and token in "+-!~":
            self._advance()
            value = self._primary(live)
            self._levels -= 1
            return {"+": value, "-": wrap(-value), "!": int(not value), "~": ~value}[token]
        else:
            raise self._error("expecting primary")
        self._levels -= 1
        self._advance()
        return result

    def _variable(self, name: str) -> int:
        return whole_number(self._read(name) or "")

    def _binary(self, operator: str, left: int, right: int) -> int:
        if operator in "/%":
            return self._division(operator, left, right)
        if operator in _COMPARISONS:
            return int(_COMPARISONS[operator](left, right))
        return wrap(_OPERATIONS[operator](left, right))

    def _division(self, operator: str, left: int, right: int) -> int:
        if not right:
            raise self._error("division by zero")
        quotient = abs(left) // abs(right)
        if (left < 0) != (right < 0):
            quotient = -quotient
        return wrap(quotient if operator == "/" else left - quotient * right)


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
}
_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "*": lambda left, right: left * right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "<<": lambda left, right: left << (right & 63),
    ">>": lambda left, right: left >> (right & 63),
    "&": lambda left, right: left & right,
    "^": lambda left, right: left ^ right,
    "|": lambda left, right: left | right,
}
