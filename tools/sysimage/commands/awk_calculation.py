"""What awk calculates, and how it returns from a function."""

import math
import re
from collections.abc import Callable

from tools.sysimage.commands.awk_data import JumpError, Value


class BreakError(JumpError):
    """The end of a loop."""


class ContinueError(JumpError):
    """The end of a loop's round."""


class ReturnError(JumpError):
    """The end of a function's call, with its value."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


def inserted(text: str) -> Callable[[re.Match[str]], str]:
    """Returns what an ampersand becomes: pairs of backslashes before it are one each, an odd one keeps it."""

    def value(match: re.Match[str]) -> str:
        count = len(match[1])
        return "\\" * (count // 2) + ("&" if count % 2 else text)

    return value


def calculate(operator: str, left: float, right: float) -> float:
    """Returns what an operator of arithmetic makes of two numbers.

    What is no number has the sign that an operand has, or else that of x86-64.
    """
    try:
        result = _calculated(operator, left, right)
    except OverflowError:
        # Of `^` alone: negative for an odd power of a negative number.
        return -math.inf if left < 0 and math.fmod(right, 2) else math.inf
    except ValueError:
        # Of `^`: zero to a negative power, or a negative number to a broken one.
        result = math.nan
        if operator == "^" and not left:
            return math.copysign(math.inf, left) if math.fmod(right, 2) else math.inf
    if math.isnan(result):
        return left if math.isnan(left) else right if math.isnan(right) else -math.nan
    return result


def _calculated(operator: str, left: float, right: float) -> float:
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
