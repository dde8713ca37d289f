"""What awk calculates, and how it returns from a function."""

import math
import re
from collections.abc import Callable

from tools.sysimage.commands.awk_data import JumpError, Value

MAX_STEPS = 5_000_000


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
    """Returns what an operator of arithmetic makes of two numbers."""
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
