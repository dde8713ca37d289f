"""What bash's `[[ … ]]` is worth, and where its `[` differs from dash's."""

from tools.sysimage.scripts import builtin_test
from tools.sysimage.scripts.bash_conditional import RAW
from tools.sysimage.scripts.bash_expansion import refused
from tools.sysimage.scripts.expand import calculate, expand_marked
from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.marked import MARK, is_quoted, outward, plain
from tools.sysimage.scripts.patterns import cost, matches
from tools.sysimage.scripts.syntax import Conditional, Word

_NUMBERS = ("-eq", "-ne", "-lt", "-le", "-gt", "-ge")
_COMPARING = ("=", "!=", "==")
_EXTENDED = ("@(", "+(", "?(", "*(", "!(")
_SPECIAL = "\\.[]{}()*+?^$|"


def evaluate(machine: Machine, node: Conditional) -> int:
    """Returns the status of `[[ … ]]`."""
    machine.meter.line = node.line
    machine.meter.last = "[["
    machine.command = ""
    return int(not _value(machine, node))


def _value(machine: Machine, node: Conditional) -> bool:
    if node.operator == "!":
        return not _value(machine, node.terms[0])
    if node.operator == "&&":
        return all(_value(machine, term) for term in node.terms)
    if node.operator == "||":
        return any(_value(machine, term) for term in node.terms)
    first = machine.expander.text(node.words[0])
    if not node.operator:
        return bool(first)
    if len(node.words) == 1:
        return _unary(machine, node.operator, first)
    return _binary(machine, node.operator, first, node.words[1])


def _unary(machine: Machine, operator: str, word: str) -> bool:
    if operator == "-v":
        return machine.value(word) is not None
    if operator == "-a":
        operator = "-e"
    if operator in ("-N", "-o", "-R"):
        raise refused(machine.meter, f"[[ {operator} ]]")
    return not builtin_test.test(machine, ["test", operator, word], True)


def _binary(machine: Machine, operator: str, first: str, word: Word) -> bool:
    if operator == "=~":
        return _search(machine, first, word)
    if operator in _COMPARING:
        text = expand_marked(machine, word)
        if any(sign in text for sign in _EXTENDED):
            raise refused(machine.meter, "a pattern with @(…) or its like")
        glob = machine.expander.pattern(word)
        machine.meter.step(1 + cost(glob, first))
        return matches(glob, first) != (operator == "!=")
    second = machine.expander.text(word)
    if operator in _NUMBERS:
        first, second = (str(calculate(machine, text)) for text in (first, second))
    return not builtin_test.test(machine, ["test", first, operator, second], True)


def _search(machine: Machine, text: str, word: Word) -> bool:
    """Whether text matches an extended regular expression; BASH_REMATCH is not set, and refused."""
    if machine.search is None:
        raise refused(machine.meter, "[[ =~ ]]")
    expression = []
    for char in expand_marked(machine, word):
        if char == MARK:
            continue
        if ord(char) >= RAW:
            expression.append(chr(ord(char) - RAW))
        elif is_quoted(char):
            expression.append("\\" + plain(char) if plain(char) in _SPECIAL else plain(char))
        else:
            expression.append(char)
    return machine.search(outward("".join(expression)), outward(text))


def test(machine: Machine, argv: list[str], tested: bool) -> int:
    """Bash's `[`: `==` is `=`, and a number that is none is a complaint and status 2."""
    words = [
        "=" if word == "==" and index > 1 and (index == 2 or argv[index - 1] not in _COMPARING) else word
        for index, word in enumerate(argv)
    ]
    if "-v" in words or "-N" in words or "-R" in words:
        raise refused(machine.meter, "test -v, -N or -R")
    try:
        return builtin_test.test(machine, words, tested)
    except ShellError as error:
        machine.warn(error.message)
        return 2
