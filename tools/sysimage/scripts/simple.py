"""Simple commands (XCU 2.9.1): expansion, assignments, redirections, and what is executed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.sysimage.scripts import bash_builtins, redirect
from tools.sysimage.scripts.bash_expansion import refused
from tools.sysimage.scripts.builtins import BUILTINS, call
from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.machine import Machine, OptionState
from tools.sysimage.scripts.parser import SPECIAL_BUILTINS, is_assignment
from tools.sysimage.scripts.programs import run_program
from tools.sysimage.scripts.syntax import Simple, Word

_ASSIGNING = ("export", "readonly", "local")  # their arguments are expanded as assignments are
_SOURCING = ("eval", ".", "source", "local", "declare", "typeset")  # what they make may last


@dataclass(slots=True)
class _Command:
    """A command whose words are being expanded."""

    words: Sequence[Word]
    assignments: Sequence[Word] = ()
    fields: list[str] = field(default_factory=list)
    special: bool | None = None  # whether an error ends the shell
    local: bool = False  # whether its assignments end with it
    functions: bool = True  # whether it may be a function


def run(machine: Machine, node: Simple, tested: bool) -> int:
    """Executes a simple command and returns its status."""
    machine.meter.line = node.line
    machine.substituted = 0
    machine.command = ""
    command = _Command(node.words, node.assignments)
    _expand(machine, command)
    argv = command.fields
    if argv:
        machine.meter.last = " ".join(argv[:8])
    frames, depth = machine.variables.depth, len(machine.redirections)
    if command.local:
        machine.variables.push()
    targets = redirect.expand(machine, node.redirects) if node.redirects else []
    try:
        redirect.apply(machine, targets)
    except ShellError as error:
        machine.report(error)
        if command.special:
            raise
        status = error.status
    else:
        assigned = _assign(machine, command, node.assignments)
        status = _execute(machine, command, assigned, tested)
        if targets and argv and argv[0] == "exec":
            redirect.keep(machine)
    machine.undo_redirections(depth)
    _leave(machine, frames)
    return status


def _leave(machine: Machine, frames: int) -> None:
    machine.variables.pop(frames)
    while machine.saved_options and machine.saved_options[-1][0] > frames:
        machine.options = machine.saved_options.pop()[1]


def _expand(machine: Machine, command: _Command) -> None:
    index = _first(machine, command, 0)
    assigning = False
    while command.fields:
        name = command.fields[0]
        if (command.functions and name in machine.functions) or not _is_builtin(machine, name):
            command.local = True
            break
        assigning = name in _ASSIGNING or (machine.bash and name in bash_builtins.DECLARING)
        if command.special is None:
            command.special = name in SPECIAL_BUILTINS or assigning
            command.local = not command.special or (machine.bash and bool(command.assignments))
            if machine.bash and command.assignments and name in _SOURCING:
                raise refused(machine.meter, f"an assignment before {name}")
            command.special = command.special and not machine.bash
        if name != "command":
            break
        found, index = _after_command(machine, command, index)
        if not found:
            break
        command.functions = False
    for word in command.words[index:]:
        if assigning and is_assignment(word, bash=machine.bash):
            command.fields.append(machine.expander.assignment(word))
        else:
            command.fields += machine.expander.fields(word)
    machine.meter.fields(len(command.fields))


def _first(machine: Machine, command: _Command, index: int) -> int:
    """Expands words until there is a field more. Returns the index of the next word."""
    count = len(command.fields)
    while index < len(command.words) and len(command.fields) == count:
        command.fields += machine.expander.fields(command.words[index])
        index += 1
    return index


def _after_command(machine: Machine, command: _Command, index: int) -> tuple[bool, int]:
    """Takes `command` and its option -p away. Returns whether a command follows, and the next word."""
    position = 1
    while True:
        if position == len(command.fields):
            index = _first(machine, command, index)
        if position == len(command.fields):
            return False, index
        field = command.fields[position]
        if field == "--":
            position += 1
            if position == len(command.fields):
                index = _first(machine, command, index)
            if position == len(command.fields):
                return False, index
            break
        if field[:1] != "-" or field == "-":
            break
        if field.strip("p") != "-":
            return False, index
        position += 1
    del command.fields[:position]
    return True, index


def _assign(machine: Machine, command: _Command, assignments: Sequence[Word]) -> list[str]:
    result = []
    for word in assignments:
        result.append(machine.expander.assignment(word))
        name, _, value = result[-1].partition("=")
        if machine.bash:
            name, value = _appended(machine, name, value)
        if command.local:
            machine.variables.localize(name, value, exported=True)
            if name == "OPTIND":
                machine.assign(name, value)
        else:
            machine.assign(name, value)
            if command.fields[:1] == ["exec"] and len(command.fields) > 1:
                machine.variables.mark(name, exported=True)
    return result


def _appended(machine: Machine, name: str, value: str) -> tuple[str, str]:
    """Reads bash's `name+=value`. Raises Refused where an assignment fails: bash then goes on elsewhere."""
    plus, name = name.endswith("+"), name.removesuffix("+")
    if machine.variables.is_readonly(name):
        raise refused(machine.meter, f"an assignment to {name}, which is read-only,")
    return name, (machine.value(name) or "") + value if plus else value


def _is_builtin(machine: Machine, name: str) -> bool:
    return name in BUILTINS or (machine.bash and name in bash_builtins.BUILTINS)


def _execute(machine: Machine, command: _Command, assigned: list[str], tested: bool) -> int:
    argv = command.fields
    if "x" in machine.options:
        machine.trace([*assigned, *argv])
    if machine.observer:
        machine.observer(machine.meter.line, [*assigned, *argv])
    if not argv:
        return machine.substituted
    name = argv[0]
    if command.functions and name in machine.functions:
        return _call_function(machine, argv, tested)
    if _is_builtin(machine, name):
        return _builtin(machine, command, tested)
    machine.guarded = tested
    return run_program(machine, argv)


def _builtin(machine: Machine, command: _Command, tested: bool) -> int:
    argv = command.fields
    frames, depth, loops = machine.variables.depth, len(machine.redirections), machine.flow.loops
    outer, machine.command = machine.command, "" if argv[0] in ("eval", ".") else argv[0]
    try:
        status = (bash_builtins.call if machine.bash else call)(machine, argv, tested)
    except ShellError as error:
        machine.report(error)
        if command.special:
            raise
        # `command` guards what would end the shell: all is as before.
        machine.undo_redirections(depth)
        machine.variables.pop(frames)
        machine.flow.loops = loops
        status = error.status
    machine.command = outer
    return status


def _call_function(machine: Machine, argv: list[str], tested: bool) -> int:
    function = machine.functions[argv[0]]
    arguments, getopts, loops = machine.arguments, machine.getopts, machine.flow.loops
    machine.arguments, machine.getopts, machine.flow.loops = argv[1:], OptionState(), 0
    try:
        status = machine.evaluate(function.body, tested)
    finally:
        machine.arguments, machine.getopts, machine.flow.loops = arguments, getopts, loops
    if machine.flow.skip.startswith("return"):
        machine.flow.skip = ""
    return status
