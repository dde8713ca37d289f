"""The table of builtins (XCU 2.14 and 2.9.1.4), and those that steer the shell."""

from collections.abc import Callable

from tools.sysimage.scripts import (
    builtin_alias,
    builtin_directory,
    builtin_output,
    builtin_test,
    builtin_variables,
)
from tools.sysimage.scripts.arguments import count, options, single_quoted
from tools.sysimage.scripts.failures import ShellError, ShellExit
from tools.sysimage.scripts.files import Access, FileType
from tools.sysimage.scripts.lexer import KEYWORDS
from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.parser import SPECIAL_BUILTINS
from tools.sysimage.scripts.programs import run_program

_SIGNALS = (
    "EXIT", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
)  # fmt: skip
_REFUSED = ("bg", "fg", "times")
_CHUNK = 1 << 20

type Builtin = Callable[[Machine, list[str], bool], int]


def call(machine: Machine, argv: list[str], tested: bool) -> int:
    """Executes a builtin; one that can't write has failed. Raises ShellError."""
    try:
        return BUILTINS[argv[0]](machine, argv, tested)
    except OSError:
        machine.warn("I/O error")
        return 1


def _true(_machine: Machine, _argv: list[str], _tested: bool) -> int:
    return 0


def _false(_machine: Machine, _argv: list[str], _tested: bool) -> int:
    return 1


def _refused(machine: Machine, argv: list[str], _tested: bool) -> int:
    raise machine.refused_builtin(argv)


def _kill(machine: Machine, argv: list[str], _tested: bool) -> int:
    """No process is there to get a signal."""
    if argv[1:2] == ["-l"]:
        raise machine.refused_builtin(argv)
    for word in argv[1:]:
        if not word.startswith("-") and word.isdigit():
            machine.warn("No such process")
    return 1


def _ulimit(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Shows no limit, and sets none."""
    if not any(word.lstrip("-").isdigit() or word == "unlimited" for word in argv[1:]):
        machine.write("unlimited\n")
    return 0


def _break(machine: Machine, argv: list[str], _tested: bool) -> int:
    levels = count(argv[1]) if len(argv) > 1 else 1
    if not levels:
        raise ShellError(f"Illegal number: {argv[1]}")
    levels = min(levels, machine.flow.loops)
    if levels:
        machine.flow.skip, machine.flow.count = argv[0], levels
    return 0


def _return(machine: Machine, argv: list[str], _tested: bool) -> int:
    status = count(argv[1]) if len(argv) > 1 else machine.status
    machine.flow.skip = "return status" if len(argv) > 1 else "return"
    return status


def _exit(machine: Machine, argv: list[str], _tested: bool) -> int:
    if len(argv) > 1:
        machine.saved = count(argv[1])
    raise ShellExit(True)


def _eval(machine: Machine, argv: list[str], tested: bool) -> int:
    return machine.run_text(" ".join(argv[1:]), tested=tested) if len(argv) > 1 else 0


def _dot(machine: Machine, argv: list[str], _tested: bool) -> int:
    _, operands = options(argv)
    if not operands:
        return 0
    name = operands[0]
    path = name if "/" in name else _dot_file(machine, name)
    try:
        content = machine.files.open(machine.path(path), Access(read=True, write=False))
    except OSError:
        raise ShellError(f"cannot open {path}: No such file") from None
    data = b""
    while part := content.read(len(data), _CHUNK):
        data += part
        machine.meter.expand(len(data))
    outer, machine.meter.file = machine.meter.file, path
    machine.depth += 1
    machine.meter.nest(machine.depth)
    try:
        return machine.run_file(data.decode("latin-1"))
    finally:
        machine.meter.file = outer
        machine.depth -= 1


def _dot_file(machine: Machine, name: str) -> str:
    for folder in (machine.value("PATH") or "").split(":"):
        path = f"{folder}/{name}" if folder else name
        status = machine.stat(path)
        if status is not None and status.kind is FileType.FILE:
            return path
    raise ShellError(f"{name}: not found")


def _exec(machine: Machine, argv: list[str], _tested: bool) -> int:
    if len(argv) == 1:
        return 0
    machine.status = run_program(machine, argv[1:])
    if machine.status != 127:
        machine.traps.pop("EXIT", None)
    raise ShellExit(False)


def _trap(machine: Machine, argv: list[str], _tested: bool) -> int:
    _, operands = options(argv)
    if not operands:
        for name in _SIGNALS:
            if name in machine.traps:
                machine.write(f"trap -- {single_quoted(machine.traps[name])} {name}\n")
        return 0
    action: str | None = None
    if len(operands) > 1 and not operands[0].isdigit():
        action = operands.pop(0)
    for operand in operands:
        signal = _signal(operand)
        if signal is None:
            machine.write(f"trap: {operand}: bad trap\n", 2)
            return 1
        if action is None or action == "-":
            machine.traps.pop(signal, None)
        else:
            machine.traps[signal] = action
    return 0


def _signal(text: str) -> str | None:
    if text.isdigit():
        number = int(text[:9])
        return _SIGNALS[number] if number < len(_SIGNALS) else None
    return text.upper() if text.upper() in _SIGNALS else None


def _wait(machine: Machine, argv: list[str], _tested: bool) -> int:
    _, operands = options(argv)
    status = 0
    for operand in operands:
        number = count(operand.removeprefix("%"))
        status = machine.jobs.statuses.get(number, 127)
    return status


def _hash(machine: Machine, argv: list[str], _tested: bool) -> int:
    _, operands = options(argv, "rv")
    status = 0
    for name in operands:
        if not _known(machine, name):
            machine.warn(f"{name}: not found")
            status = 1
    return status


def _known(machine: Machine, name: str) -> bool:
    return name in machine.functions or name in BUILTINS or machine.find(name) is not None


def _type(machine: Machine, argv: list[str], _tested: bool) -> int:
    status = 0
    for name in argv[1:]:
        status |= _describe(machine, name, verbose=True)
    return status


def _command(machine: Machine, argv: list[str], _tested: bool) -> int:
    """Describes a command; `simple` has executed it already if that was asked for."""
    letters, operands = options(argv, "pvV")
    given = {letter for letter, _ in letters}
    if not operands or not given & {"v", "V"}:
        return 0
    return _describe(machine, operands[0], verbose="V" in given)


def _describe(machine: Machine, name: str, *, verbose: bool) -> int:
    if name in KEYWORDS:
        what = " is a shell keyword"
    elif name in machine.aliases:
        text = builtin_alias.described(machine, name)
        machine.write(f"{name} is an alias for {machine.aliases[name]}\n" if verbose else f"alias {text}")
        return 0
    elif name in machine.functions:
        what = " is a shell function"
    elif name in BUILTINS:
        what = f" is a {'special ' if name in SPECIAL_BUILTINS else ''}shell builtin"
    elif found := machine.find(name):
        machine.write(f"{name} is {found}\n" if verbose else f"{found}\n")
        return 0
    else:
        if verbose:
            machine.write(f"{name}: not found\n")
        return 127
    machine.write(f"{name}{what}\n" if verbose else f"{name}\n")
    return 0


BUILTINS: dict[str, Builtin] = {
    ".": _dot,
    ":": _true,
    "[": builtin_test.test,
    "alias": builtin_alias.alias,
    "break": _break,
    "cd": builtin_directory.cd,
    "chdir": builtin_directory.cd,
    "command": _command,
    "continue": _break,
    "echo": builtin_output.echo,
    "eval": _eval,
    "exec": _exec,
    "exit": _exit,
    "export": builtin_variables.export,
    "false": _false,
    "getopts": builtin_variables.getopts,
    "hash": _hash,
    "jobs": _true,
    "kill": _kill,
    "local": builtin_variables.local,
    "printf": builtin_output.printf,
    "pwd": builtin_directory.pwd,
    "read": builtin_variables.read,
    "readonly": builtin_variables.export,
    "return": _return,
    "set": builtin_variables.set_,
    "shift": builtin_variables.shift,
    "test": builtin_test.test,
    "trap": _trap,
    "true": _true,
    "type": _type,
    "ulimit": _ulimit,
    "umask": builtin_directory.umask,
    "unalias": builtin_alias.unalias,
    "unset": builtin_variables.unset,
    "wait": _wait,
    **dict.fromkeys(_REFUSED, _refused),
}
