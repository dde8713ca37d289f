"""expr(1) (GNU)."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.regex import PatternError, UnmodelledPatternError, compile_pattern

_LEVELS = (("|",), ("&",), ("<", "<=", "=", "==", "!=", ">=", ">"), ("+", "-"), ("*", "/", "%"), (":",))
_MAX_DIGITS = 1_000


class _ExpressionError(Exception):
    pass


class _TooLargeError(Exception):
    """A number that takes long to calculate with."""


def _integer(text: str) -> int | None:
    if re.fullmatch(r"-?[0-9]+", text) is None:
        return None
    if len(text) > _MAX_DIGITS:
        raise _TooLargeError
    return int(text)


def _is_null(text: str) -> bool:
    return text == "" or re.fullmatch(r"-?0+", text) is not None


class _Reader:
    def __init__(self, call: Call, words: list[str]) -> None:
        self._call = call
        self._words = words

    def value(self) -> str:
        """The value of all words. Raises _ExpressionError."""
        result = self._level(0)
        if self._words:
            raise _ExpressionError(f"syntax error: unexpected argument '{self._words[0]}'")
        return result

    def _level(self, level: int) -> str:
        if level == len(_LEVELS):
            return self._primary()
        left = self._level(level + 1)
        while self._words and self._words[0] in _LEVELS[level]:
            operator = self._words.pop(0)
            left = self._apply(operator, left, self._level(level + 1))
        return left

    def _primary(self) -> str:
        if not self._words:
            raise _ExpressionError("syntax error: missing argument")
        word = self._words.pop(0)
        if word == "(":
            result = self._level(0)
            if not self._words or self._words.pop(0) != ")":
                raise _ExpressionError("syntax error: expecting ')'")
            return result
        if word == ")":
            raise _ExpressionError("syntax error: unexpected ')'")
        if word == "+" and self._words:
            return self._words.pop(0)
        if word == "length" and self._words:
            return str(len(self._primary()))
        if word == "match" and len(self._words) > 1:
            return self._apply(":", self._primary(), self._primary())
        if word == "substr" and len(self._words) > 2:
            text, begin, length = self._primary(), _integer(self._primary()), _integer(self._primary())
            if begin is None or length is None or begin < 1 or length < 1:
                return ""
            return text[begin - 1 : begin - 1 + length]
        if word == "index" and len(self._words) > 1:
            text, chars = self._primary(), self._primary()
            return str(next((at for at, char in enumerate(text, 1) if char in chars), 0))
        return word

    def _apply(self, operator: str, left: str, right: str) -> str:
        if operator == "|":
            return left if not _is_null(left) else right if not _is_null(right) else "0"
        if operator == "&":
            return left if not _is_null(left) and not _is_null(right) else "0"
        if operator == ":":
            return self._match(left, right)
        x, y = _integer(left), _integer(right)
        if operator in _LEVELS[2]:
            order = (left > right) - (left < right) if x is None or y is None else (x > y) - (x < y)
            results = {
                "<": order < 0,
                "<=": order <= 0,
                "!=": order != 0,
                ">=": order >= 0,
                ">": order > 0,
            }
            return str(int(results.get(operator, order == 0)))
        if x is None or y is None:
            raise _ExpressionError("non-integer argument")
        if operator in "/%" and not y:
            raise _ExpressionError("division by zero")
        if operator in "/%":
            # Towards zero, as in C.
            quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
            return str(quotient if operator == "/" else x - quotient * y)
        return str({"+": x + y, "-": x - y, "*": x * y}[operator])

    def _match(self, text: str, pattern: str) -> str:
        try:
            compiled = compile_pattern(pattern)
        except PatternError as error:
            raise _ExpressionError(str(error)) from error
        except UnmodelledPatternError as error:
            self._call.refuse(f"expr: the pattern {str(error)!r} is not modelled")
        match = compiled.match(text)
        if compiled.groups:
            return match[1] or "" if match else ""
        return str(match.end()) if match else "0"


def expr(call: Call) -> int:
    """expr(1): 0 for a value, 1 for none or zero, 2 for an error."""
    words = list(call.arguments)
    if words[:1] == ["--"]:
        words.pop(0)
    try:
        value = _Reader(call, words).value()
    except _TooLargeError:
        call.refuse(f"expr: a number of more than {_MAX_DIGITS} digits is not modelled")
    except _ExpressionError as error:
        call.complain(str(error))
        return 2
    call.out(f"{value}\n")
    return 1 if _is_null(value) else 0


COMMANDS: Mapping[str, Command] = {"expr": expr}
"""This family's commands by name."""
