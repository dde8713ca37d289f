"""getopt(1) of util-linux: it puts the words of a shell program into order."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sysimage.commands.call import Call, Command


def getopt(call: Call) -> int:
    """getopt(1) of util-linux: options in order, quoted for the shell."""
    arguments = list(call.arguments)
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    rest = arguments[len(own) + 1 :]
    given = Call(call.world, call.machine, ["getopt", *own]).options(
        "-o --options=",
        "-l --longoptions=",
        "-n --name=",
        "-s --shell=",
        "-u --unquoted",
        "-q --quiet",
        "-T --test",
        "-a --alternative",
        permute=False,
    )
    if "test" in given:
        return 4
    short = given.value("options")
    if "options" not in given:
        # The first word that is none of getopt's own options.
        words = [*given.operands, *rest]
        short, rest = (words[0], words[1:]) if words else ("", [])
    long = [name for text in given.values("longoptions") for name in re.split("[, \t\n]+", text) if name]
    name = given.value("name", "getopt")
    reader = _Reader(call, name, short, long, rest, "alternative" in given)
    reader.read()
    quote: Callable[[str], str] = (lambda text: text) if "unquoted" in given or given.operands else _quoted
    words = [word if is_option else quote(word) for word, is_option in reader.out]
    call.out("".join(f" {word}" for word in [*words, "--", *map(quote, reader.operands)]) + "\n")
    return reader.status


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@dataclass(slots=True)
class _Reader:
    """Reads options as getopt_long(3) does. `out` are options and, marked False, their values."""

    call: Call
    name: str
    short: str
    long: Sequence[str]
    words: list[str]
    alternative: bool = False  # whether long options may begin with one hyphen
    out: list[tuple[str, bool]] = field(default_factory=list)
    operands: list[str] = field(default_factory=list)
    status: int = 0

    def read(self) -> None:
        posix = self.short.startswith("+")
        self.short = self.short.lstrip("+-")
        while self.words:
            word = self.words.pop(0)
            if word == "--":
                break
            if word.startswith("--"):
                self._long(word)
            elif self.alternative and self._is_long(word):
                self._long(f"-{word}")
            elif word.startswith("-") and word != "-":
                self._short(word[1:])
            else:
                self.operands.append(word)
                if posix:
                    break
        self.operands += self.words

    def _is_long(self, word: str) -> bool:
        if not word.startswith("-") or word == "-" or (len(word) == 2 and word[1] in self.short):
            return False
        return any(name.startswith(word[1:].partition("=")[0]) for name in self.long)

    def _complain(self, message: str) -> None:
        self.status = 1
        self.call.machine.stream(2).write(f"{self.name}: {message}\n".encode("utf-8", "surrogateescape"))

    def _long(self, word: str) -> None:
        option, equals, value = word[2:].partition("=")
        found = [entry for entry in self.long if entry.rstrip(":") == option] or [
            entry for entry in self.long if entry.startswith(option)
        ]
        if len(found) != 1:
            self._complain(f"unrecognized option '--{option}'")
            return
        plain = found[0].rstrip(":")
        if found[0].endswith("::"):
            self.out += [(f"--{plain}", True), (value, False)]
        elif not found[0].endswith(":"):
            if equals:
                self._complain(f"option '--{plain}' doesn't allow an argument")
            else:
                self.out.append((f"--{plain}", True))
        elif equals or self.words:
            self.out += [(f"--{plain}", True), (value if equals else self.words.pop(0), False)]
        else:
            self._complain(f"option '--{plain}' requires an argument")

    def _short(self, letters: str) -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            at = self.short.find(letter)
            if at < 0 or letter == ":":
                self._complain(f"invalid option -- '{letter}'")
                continue
            if self.short[at + 1 : at + 3] == "::":
                self.out += [(f"-{letter}", True), (letters, False)]
                return
            if self.short[at + 1 : at + 2] != ":":
                self.out.append((f"-{letter}", True))
            elif letters or self.words:
                self.out += [(f"-{letter}", True), (letters or self.words.pop(0), False)]
                return
            else:
                self._complain(f"option requires an argument -- '{letter}'")


COMMANDS: Mapping[str, Command] = {"getopt": getopt}
"""This family's commands by name."""
