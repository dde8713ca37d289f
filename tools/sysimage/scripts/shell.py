"""The shell: gives a machine its evaluator and runs scripts."""

from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.core.errors import ToolError
from tools.sysimage.scripts.execute import evaluate
from tools.sysimage.scripts.failures import Refused, deep
from tools.sysimage.scripts.files import FileSystem
from tools.sysimage.scripts.limits import Limits, Meter, charged
from tools.sysimage.scripts.machine import Machine, Programs
from tools.sysimage.scripts.marked import inward, outward
from tools.sysimage.scripts.streams import Sink, Stream

_LONGEST = 120  # characters of an error that is none of a script


def shell(
    files: FileSystem,
    programs: Programs,
    *,
    variables: Mapping[str, str],
    directory: str = "/",
    home: Callable[[str], str | None] = lambda _name: None,
    limits: Limits | None = None,
    stdin: Stream | None = None,
) -> Machine:
    """Returns a shell.

    `programs` gives the function that stands for a command, for a machine and the name that its script has
    for it, or None if there is no such command. `variables` are exported; `home` gives a user's home for
    `~user`.
    """
    return Machine(
        files,
        programs,
        evaluate,
        variables=variables,
        directory=directory,
        home=home,
        meter=Meter(limits or Limits()),
        stdin=stdin,
    )


def run(machine: Machine, script: bytes, name: str, arguments: Sequence[str] = ()) -> int:
    """Runs a script to its end and returns its status.

    Raises Refused, one line with the script's name, the line in it and the last command, if a bound is
    exceeded or something is asked for that this shell refuses.
    """
    machine.name = machine.meter.file = inward(name)
    machine.arguments = [inward(argument) for argument in arguments]
    try:
        with deep(), charged(machine.meter):
            return machine.conclude(lambda: machine.run_file(script.decode("latin-1")))
    except Refused as error:
        if error.placed:
            raise
        raise machine.meter.refused(*str(error).rsplit("; ", 1)) from None
    except ToolError:
        raise
    except Exception as error:
        raise machine.meter.refused(
            f"the interpreter has failed ({_described(error)})", "this is a defect: report it with the script"
        ) from error


def _described(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:_LONGEST]}"


def run_program(machine: Machine, script: bytes, argv: Sequence[str], *, bash: bool = False) -> int:
    """Runs a program that is a shell script, for a shell that has called it, and returns its status.

    It has the exported variables, the directory, the umask and the open files of its caller, and counts
    with it.
    """
    machine.meter.step(8)
    child = Machine(
        machine.files,
        machine.programs,
        evaluate,
        variables=machine.environment(),
        directory=outward(machine.directory),
        home=machine.home,
        meter=machine.meter,
    )
    child.descriptors = dict(machine.descriptors)
    child.umask = machine.umask
    child.uid, child.gid, child.groups = machine.uid, machine.gid, machine.groups
    child.observer, child.random, child.search = machine.observer, machine.random, machine.search
    child.bash = bash
    child.traps = {name: action for name, action in machine.traps.items() if not action}
    child.depth = machine.depth + 1
    machine.meter.nest(child.depth)
    child.name = inward(argv[0])
    child.arguments = [inward(argument) for argument in argv[1:]]
    outer = machine.meter.file, machine.meter.line
    machine.meter.file = child.name
    status = child.conclude(lambda: child.run_file(script.decode("latin-1")))
    machine.meter.file, machine.meter.line = outer
    child.variables.release()
    return status


def output(machine: Machine, descriptor: int) -> bytes:
    """Returns what was written to descriptor 1 or 2, as it was at the start."""
    stream = machine.started[descriptor]
    return stream.getvalue() if isinstance(stream, Sink) else b""
