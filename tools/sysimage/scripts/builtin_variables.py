"""Builtins for variables, parameters and options: export, local, set, shift, unset, getopts, read."""

from tools.sysimage.scripts.arguments import count, options, single_quoted
from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.fields import DEFAULT_IFS, Region, split
from tools.sysimage.scripts.machine import Machine, OptionState
from tools.sysimage.scripts.variables import is_name

_NAMES = {
    "errexit": "e", "noglob": "f", "ignoreeof": "I", "interactive": "i", "monitor": "m", "noexec": "n",
    "stdin": "s", "xtrace": "x", "verbose": "v", "vi": "V", "emacs": "E", "noclobber": "C",
    "allexport": "a", "notify": "b", "nounset": "u", "nolog": "", "debug": "",
}  # fmt: skip


def export(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Gives variables an attribute, export or readonly, or shows those that have it."""
    letters, operands = options(argv, "p")
    exported = argv[0] == "export"
    if letters or not operands:
        _show(machine, f"{argv[0]} ", exported)
        return 0
    for operand in operands:
        name, equals, value = operand.partition("=")
        if equals:
            machine.variables.set(name, value, exported=exported, readonly=not exported)
        else:
            machine.variables.mark(name, exported=exported, readonly=not exported)
    return 0


def _show(machine: Machine, prefix: str, exported: bool | None) -> None:
    lines = []
    for name, variable in machine.variables.items():
        if exported is not None and not (variable.exported if exported else variable.readonly):
            continue
        if variable.value is not None:
            lines.append(f"{prefix}{name}={single_quoted(variable.value)}\n")
        elif exported is not None:
            lines.append(f"{prefix}{name}\n")
    machine.write("".join(lines))


def local(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Makes variables local to a function; `-` is the options."""
    if not machine.variables.depth:
        raise ShellError("not in a function")
    for operand in argv[1:]:
        if operand == "-":
            machine.saved_options.append((machine.variables.depth, machine.options))
            continue
        name, equals, value = operand.partition("=")
        machine.variables.localize(name, value if equals else None)
    return 0


def unset(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Removes variables, or functions with -f."""
    letters, operands = options(argv, "vf")
    for name in operands:
        if letters and letters[-1][0] == "f":
            machine.functions.pop(name, None)
        else:
            machine.variables.unset(name)
    return 0


def set_(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Sets options and the positional parameters."""
    if len(argv) == 1:
        _show(machine, "", None)
        return 0
    words = argv[1:]
    while words and words[0][:1] in ("-", "+"):
        word = words.pop(0)
        on = word[0] == "-"
        if word in ("-", "--"):
            if word == "-":
                machine.options -= {"x", "v"}
            elif not words:
                machine.arguments = []
            break
        for letter in word[1:]:
            if letter == "o":
                _named_option(machine, words.pop(0) if words else None, on)
            else:
                _set_option(machine, letter, on)
    if words:
        machine.arguments = words
        machine.getopts = OptionState()
    return 0


def _set_option(machine: Machine, letter: str, on: bool) -> None:
    if letter not in _NAMES.values():
        raise ShellError(f"Illegal option -{letter}")
    machine.options = machine.options | {letter} if on else machine.options - {letter}


def _named_option(machine: Machine, name: str | None, on: bool) -> None:
    if name is None:
        states = {name: letter in machine.options for name, letter in _NAMES.items()}
        if on:
            lines = [f"{name:<16}{'on' if state else 'off'}\n" for name, state in states.items()]
            machine.write("Current option settings\n" + "".join(lines))
        else:
            machine.write("".join(f"set {'-' if on else '+'}o {name}\n" for name, on in states.items()))
        return
    if name not in _NAMES:
        raise ShellError(f"Illegal option -o {name}" if on else f"Illegal option +o {name}")
    if _NAMES[name]:
        _set_option(machine, _NAMES[name], on)


def shift(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Drops positional parameters."""
    number = count(argv[1]) if len(argv) > 1 else 1
    if number > len(machine.arguments):
        raise ShellError("can't shift that many")
    machine.arguments = machine.arguments[number:]
    machine.getopts = OptionState()
    return 0


def getopts(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Takes the next option of the arguments (XCU getopts)."""
    if len(argv) < 3:
        raise ShellError("Usage: getopts optstring var [arg]")
    words = argv[3:] if len(argv) > 3 else list(machine.arguments)
    state = machine.getopts
    index, offset = state.index, state.offset
    if index > len(words) + 1 or index < 1:
        index, offset = 1, -1
    letters, name = argv[1], argv[2]
    rest = None
    if index > 1 and offset >= 0 and len(words[index - 2]) >= offset:
        rest = words[index - 2][offset:]
    done = False
    found = "?"
    if not rest:
        word = words[index - 1] if index <= len(words) else ""
        if word[:1] != "-" or word == "-":
            done = True
        else:
            index += 1
            done = word == "--"
            rest = word[1:]
    if done:
        rest = None
    else:
        assert rest is not None
        found, rest, index = _option(machine, letters, rest, words, index)
    machine.assign("OPTIND", str(index))
    machine.getopts = OptionState(index, len(words[index - 2]) - len(rest) if rest is not None else -1)
    machine.assign(name, found)
    return int(done)


def _option(
    machine: Machine, letters: str, rest: str, words: list[str], index: int
) -> tuple[str, str | None, int]:
    """Takes a letter: what the variable gets, what is left of the word, and the next word's index."""
    letter, rest = rest[0], rest[1:]
    quiet = letters.startswith(":")
    place = _place(letters, letter)
    if place is None:
        _bad_option(machine, quiet, letter, f"Illegal option -{letter}")
        return "?", rest, index
    if letters[place + 1 : place + 2] != ":":
        machine.assign("OPTARG", "")
        return letter, rest, index
    if not rest:
        if index > len(words):
            _bad_option(machine, quiet, letter, f"No arg for -{letter} option")
            return (":" if quiet else "?"), "", index
        rest, index = words[index - 1], index + 1
    machine.assign("OPTARG", rest)
    return letter, None, index


def _place(letters: str, letter: str) -> int | None:
    """Finds a letter as dash does, which skips the colon after each."""
    place = 0
    while place < len(letters):
        if letters[place] == letter:
            return place
        place += 1
        place += letters[place : place + 1] == ":"
    return None


def _bad_option(machine: Machine, quiet: bool, letter: str, message: str) -> None:
    if quiet:
        machine.assign("OPTARG", letter)
    else:
        machine.write(message + "\n", 2)
        machine.variables.unset("OPTARG")


def read(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Reads a line into variables (XCU read)."""
    letters, names = options(argv, "p:r")
    raw = any(letter == "r" for letter, _ in letters)
    if not names:
        raise ShellError("arg count")
    text, regions, ended = _line(machine, raw)
    ifs = machine.value("IFS")
    fields = split(text, regions, DEFAULT_IFS if ifs is None else ifs, len(names))
    for index, name in enumerate(names):
        if not is_name(name):
            raise ShellError(f"{name}: bad variable name")
        machine.assign(name, fields[index] if index < len(fields) else "")
    return int(ended)


def _line(machine: Machine, raw: bool) -> tuple[str, list[Region], bool]:
    """Reads a line: its text, the regions to be split, and whether the input ended before it did."""
    stream = machine.descriptors.get(0)
    text: list[str] = []
    regions: list[Region] = []
    start, escape = 0, -1
    while True:
        machine.meter.step()
        try:
            line = stream.readline().decode("latin-1") if stream else ""
        except OSError:
            line = ""
        machine.meter.expand(len(line))
        machine.meter.work(2 * len(line))
        for char in line.replace("\0", ""):
            if escape >= 0:
                if char != "\n":
                    text.append(char)
                regions.append(Region(start, escape, False))
                start, escape = len(text), -1
            elif char == "\\" and not raw:
                escape = len(text)
            elif char == "\n":
                regions.append(Region(start, len(text), False))
                return "".join(text), regions, False
            else:
                text.append(char)
        if not line.endswith("\n"):
            regions.append(Region(start, len(text), False))
            return "".join(text), regions, True
