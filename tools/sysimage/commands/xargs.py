"""xargs(1) of findutils."""

from collections.abc import Iterator, Mapping
from itertools import chain

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_words import not_modelled
from tools.sysimage.scripts.streams import Null

_BLANK = " \t\n"
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "0": "\0",
    "r": "\r",
    "\\": "\\",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}


class _QuoteError(Exception):
    """A quotation mark without its partner."""


def xargs(call: Call) -> int:
    """xargs(1): commands run one after the other, with no input; a long line is never split."""
    given = call.options(
        "-0 --null", "-r --no-run-if-empty", "-d --delimiter=", "-n --max-args=", "-I=", "-i[=] --replace[=]",
        "-L --max-lines=", "-t --verbose", "-P --max-procs=", "-x --exit", "-a --arg-file=", permute=False,
    )  # fmt: skip
    data = call.input(call.path(given.value("arg-file"))) if "arg-file" in given else call.stdin()
    text = data.decode("utf-8", "surrogateescape")
    call.machine.meter.work(len(text))
    command = list(given.operands) or ["echo"]
    delimiter = (
        "\0" if given.last("null", "delimiter") == "null" else _delimiter(call, given.value("delimiter"))
    )
    token = given.value("I")
    if "replace" in given:
        token = given.value("replace") or "{}"
    lines = int(given.value("max-lines", "0"))
    items: list[list[str]]
    try:
        if delimiter:
            words = text.split(delimiter)
            items = [[word] for word in (words if words[-1] else words[:-1])]
        elif token or lines:
            items = [*_lines(text, bool(token))]
        else:
            items = [[word] for word in _words(text)]
    except _QuoteError as error:
        what = "by default quotes are special to xargs unless you use the -0 option"
        call.complain(f"unmatched {error} quote; {what}")
        return 1
    call.machine.meter.items(sum(map(len, items)))
    each = 1 if token else lines or int(given.value("max-args", "0")) or len(items) or 1
    groups = [[*chain(*items[at : at + each])] for at in range(0, len(items), each)]
    if not groups and not token and "no-run-if-empty" not in given:
        groups = [[]]
    status = 0
    for group in groups:
        argv = [word.replace(token, group[0]) for word in command] if token else [*command, *group]
        if "verbose" in given:
            call.machine.stream(2).write(" ".join(argv).encode("utf-8", "surrogateescape") + b"\n")
        result = _execute(call, argv)
        if result in (126, 127):
            return result
        if result == 255:
            call.complain(f"{argv[0]}: exited with status 255; aborting")
            return 124
        if result:
            status = 123
    return status


def _delimiter(call: Call, text: str) -> str:
    if len(text) == 2 and text[0] == "\\" and text[1] in _ESCAPES:
        return _ESCAPES[text[1]]
    if len(text) > 1:
        not_modelled(call, f"the delimiter {text!r}")
    return text


def _execute(call: Call, argv: list[str]) -> int:
    machine = call.machine.subshell()
    machine.descriptors[0] = Null()
    machine.guarded = False
    program = machine.programs(machine, argv[0])
    if program is None:
        call.complain(f"{argv[0]}: No such file or directory")
        return 127
    return program(machine, argv)


def _words(text: str) -> Iterator[str]:
    """Yields the words of text, which blanks part; quotes and backslashes keep them together."""
    for line in _lines(text, False):
        yield from line


def _lines(text: str, whole: bool) -> Iterator[list[str]]:
    """Yields the words of each line that has any; with `whole`, the line is one word."""
    line: list[str] = []
    word: list[str] | None = None
    place = 0
    while place <= len(text):
        char = text[place] if place < len(text) else "\n"
        place += 1
        if char in " \t" and (word is None or not whole):
            if word is not None:
                line.append("".join(word))
            word = None
        elif char == "\n":
            if word is not None:
                line.append("".join(word))
            blank = text[place - 2 : place - 1] in (" ", "\t") and not whole
            word = None
            if line and not (blank and place <= len(text)):
                yield line
                line = []
        elif char in "'\"":
            end = text.find(char, place)
            newline = text.find("\n", place)
            if end < 0 or 0 <= newline < end:
                raise _QuoteError("single" if char == "'" else "double")
            word = [*(word or []), text[place:end]]
            place = end + 1
        elif char == "\\" and place < len(text):
            word = [*(word or []), text[place]]
            place += 1
        else:
            word = [*(word or []), char]
    if line:
        yield line


COMMANDS: Mapping[str, Command] = {"xargs": xargs}
"""This family's commands by name."""
