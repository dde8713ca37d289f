"""Builtins of bash, where they differ from dash's; what is not modelled is refused by name."""

import re
from collections.abc import Callable

from tools.sysimage.scripts import bash_test, builtin_output, builtin_variables, builtins
from tools.sysimage.scripts.bash_expansion import refused
from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.machine import Machine

_ESCAPE = re.compile(r"\\(?:0([0-7]{0,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_LETTERS = {
    "a": "\a", "b": "\b", "e": "\033", "E": "\033", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\",
}  # fmt: skip
_FOREIGN = re.compile(r"\\[xuUE\"'?]|%[^%a-zA-Z]*[qQn(]")
_OPTIONS = ("pipefail", "errtrace", "functrace")
# Those whose errors are bash's too; of others, bash may read what dash does not.
_SHARED = ("cd", "shift", "wait", "kill", ".", "source", "exec", "eval", "command")

type Builtin = Callable[[Machine, list[str], bool], int]


def call(machine: Machine, argv: list[str], tested: bool) -> int:
    """Executes a builtin. Raises Refused for what bash may do otherwise."""
    name = argv[0]
    try:
        return BUILTINS.get(name, builtins.call)(machine, argv, tested)
    except OSError:
        machine.warn("write error")
        return 1
    except ShellError as error:
        if error.reported:
            raise
        if name in _SHARED:
            error.status = 1
            raise
        raise refused(machine.meter, f"{name}: {error.message}") from None


def echo(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Writes its arguments; escapes are interpreted after -e."""
    words, end, escapes = argv[1:], "\n", False
    while words and re.fullmatch("-[neE]+", words[0]):
        for letter in words.pop(0)[1:]:
            if letter == "n":
                end = ""
            else:
                escapes = letter == "e"
    text = " ".join(words)
    if escapes:
        text, end = _escaped(machine, text, end)
    machine.write(text + end)
    return 0


def _escaped(machine: Machine, text: str, end: str) -> tuple[str, str]:
    result, position = [], 0
    for match in _ESCAPE.finditer(text):
        result.append(text[position : match.start()])
        position = match.end()
        letter = match[3]
        if letter is None:
            result.append(chr(int(match[1] or "0", 8) & 255 if match[2] is None else int(match[2], 16)))
        elif letter == "c":
            return "".join(result), ""
        elif letter in "uUx":
            raise refused(machine.meter, f"echo -e with \\{letter}")
        else:
            result.append(_LETTERS.get(letter, match[0]))
    return "".join(result) + text[position:], end


def _printf(machine: Machine, argv: list[str], tested: bool) -> int:
    if argv[1:2] == ["-v"] or any(_FOREIGN.search(word) for word in argv[1:]):
        raise refused(machine.meter, "printf with -v, %q, %( or escapes that dash lacks")
    return builtin_output.printf(machine, argv, tested)


def declare(machine: Machine, argv: list[str], _tested: bool) -> int:
    """local, declare, typeset: -r and -x; a variable without a value is unset in its function."""
    words, letters = argv[1:], ""
    while words and words[0][:1] in ("-", "+") and len(words[0]) > 1:
        word = words.pop(0)
        letters += word[1:]
        if word[0] == "+" or set(word[1:]) - set("rxg-"):
            raise refused(machine.meter, f"{argv[0]} {word}")
    depth = machine.variables.depth
    if (argv[0] == "local" and not depth) or not words:
        raise refused(machine.meter, f"{argv[0]} outside of a function, or without a name")
    for operand in words:
        name, equals, value = operand.partition("=")
        if name.endswith(("+", "]")):
            raise refused(machine.meter, f"{argv[0]} {name}=")
        if depth and "g" not in letters:
            machine.variables.localize(name, None)
            if not equals:
                machine.variables.clear(name)
        if equals:
            machine.variables.set(name, value)
        machine.variables.mark(name, exported="x" in letters, readonly="r" in letters)
    return 0


def _set(machine: Machine, argv: list[str], tested: bool) -> int:
    words: list[str] = []
    for index, word in enumerate(argv):
        if index > 1 and word in _OPTIONS and argv[index - 1][-1:] == "o" and argv[index - 1][:1] in "-+":
            on = argv[index - 1][0] == "-"
            machine.options = machine.options | {word} if on else machine.options - {word}
            words[-1] = words[-1][:-1]
            if words[-1] in ("-", "+"):
                words.pop()
        else:
            words.append(word)
    if len(words) == 1 and len(argv) > 1:
        return 0
    return builtin_variables.set_(machine, words, tested)


def _dot(machine: Machine, argv: list[str], tested: bool) -> int:
    if len(argv) > 2:
        raise refused(machine.meter, f"{argv[0]} with arguments")
    return builtins.BUILTINS["."](machine, argv, tested)


def _trap(machine: Machine, argv: list[str], tested: bool) -> int:
    if set(argv[2:]) & {"ERR", "DEBUG", "RETURN"}:
        raise refused(machine.meter, "a trap of ERR, DEBUG or RETURN")
    return builtins.BUILTINS["trap"](machine, argv, tested)


def _read(machine: Machine, argv: list[str], tested: bool) -> int:
    if len(argv) < 2 or argv[-1][:1] == "-":
        raise refused(machine.meter, "read without a name")
    return builtin_variables.read(machine, argv, tested)


def _shopt(machine: Machine, argv: list[str], _tested: bool) -> int:
    raise machine.refused_builtin(argv)


BUILTINS: dict[str, Builtin] = {
    "[": bash_test.test,
    "test": bash_test.test,
    ".": _dot,
    "source": _dot,
    "declare": declare,
    "typeset": declare,
    "local": declare,
    "echo": echo,
    "printf": _printf,
    "read": _read,
    "set": _set,
    "shopt": _shopt,
    "trap": _trap,
}
DECLARING = ("local", "declare", "typeset")
"""Those that make variables of the function that calls them."""
