"""The state of a shell: what it has of its own, and what its subshells get a copy of (XCU 2.12)."""

import copy
import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sysimage.scripts.expand import Expander
from tools.sysimage.scripts.failures import Refused, ShellError, ShellExit, ShellSyntaxError
from tools.sysimage.scripts.files import FileSystem, FileType, Status
from tools.sysimage.scripts.glob import Glob
from tools.sysimage.scripts.limits import Limits, Meter
from tools.sysimage.scripts.marked import inward, outward
from tools.sysimage.scripts.parser import Parser
from tools.sysimage.scripts.streams import Null, Sink, Stream
from tools.sysimage.scripts.syntax import Function, Node
from tools.sysimage.scripts.variables import Variables

PROCESS = 2  # `$$`: there are no processes, and a build must be the same each time
_LONG_TEXT = 64 << 10
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

type Execute = Callable[[Machine, Node | None, bool], int]
type Program = Callable[[Machine, Sequence[str]], int]
type Programs = Callable[[Machine, str], Program | None]
type Random = Callable[[Machine, str], Stream]
type Search = Callable[[str, str], bool]


def no_random(machine: Machine, name: str) -> Stream:
    """Refuses to say what a device of random numbers says."""
    raise machine.meter.refused(
        f"what {name} says is the machine's own, not an image's",
        "say by an entry what the script does instead",
    )


@dataclass(slots=True)
class Flow:
    """Where commands go on: what `break`, `continue` and `return` have asked for."""

    skip: str = ""  # "", "break", "continue", "return" or "return status"
    count: int = 0
    loops: int = 0


@dataclass(slots=True)
class OptionState:
    """How far getopts has come: the index of the next argument, and the place within a word."""

    index: int = 1
    offset: int = -1


@dataclass(slots=True)
class Jobs:
    """Commands that ran in the background: at once, and in the foreground."""

    last: int | None = None
    statuses: dict[int, int] = field(default_factory=dict)


class Machine:
    """A shell. `status` is `$?`, `arguments` are the positional parameters, `name` is `$0`.

    `descriptors` are the open files by number. All text is the shell's (see `marked`); `inward` and
    `outward` turn it into the world's.
    """

    def __init__(
        self,
        files: FileSystem,
        programs: Programs,
        execute: Execute,
        *,
        variables: Mapping[str, str],
        directory: str = "/",
        home: Callable[[str], str | None] = lambda _name: None,
        meter: Meter | None = None,
        stdin: Stream | None = None,
    ) -> None:
        self.files = files
        self.programs = programs
        self.meter = meter or Meter(Limits())
        self.home = home
        self.name = "sh"
        self.arguments: Sequence[str] = ()
        self.status = 0
        self.substituted = 0  # the status of the last command substitution
        self.saved: int | None = None  # the status with which a trap began, or that of `exit`
        self.command = ""  # the builtin that is executed, for messages
        self.flow = Flow()
        self.getopts = OptionState()
        self.jobs = Jobs()
        self.functions: dict[str, Function] = {}
        self.aliases: dict[str, str] = {}
        self.options: frozenset[str] = frozenset()
        self.traps: dict[str, str] = {}
        self.umask = 0o022
        self.random: Random = no_random  # what devices of random numbers say
        self.bash = False  # whether the script is bash's
        self.search: Search | None = None  # whether text matches an extended regular expression
        self.uid = self.gid = 0  # whose the shell is: test asks
        self.groups: frozenset[int] = frozenset()  # those that its user is in beside
        self.depth = 0
        self.guarded = False  # whether the script asks for the status of the program that it calls next
        self.observer: Callable[[int, Sequence[str]], None] | None = None  # is told each simple command
        self.directory = inward(directory)
        self.descriptors: dict[int, Stream] = {
            0: stdin or Null(),
            1: Sink(self.meter),
            2: Sink(self.meter),
        }
        self.started = dict(self.descriptors)
        self.redirections: list[dict[int, Stream | None]] = []
        self.saved_options: list[tuple[int, frozenset[str]]] = []  # of `local -`, by frame
        self._execute = execute
        self.variables = Variables(self.meter)
        self._start(variables)
        self.expander = Expander(self, Glob(self, lambda: self.meter))

    def _start(self, variables: Mapping[str, str]) -> None:
        for name, value in (("PATH", _PATH), ("PS1", "# "), ("PS2", "> "), ("PS4", "+ "), ("OPTIND", "1")):
            self.variables.set(name, value)
        for name, value in variables.items():
            self.variables.set(name, inward(value), exported=True)
        self.variables.set("IFS", " \t\n")
        self.variables.set("PWD", self.directory, exported=True)
        self.variables.set("PPID", "1")

    # What expansions ask for.

    def value(self, name: str) -> str | None:
        """Returns a variable's value, None if it is unset."""
        return self.variables.get(name)

    def assign(self, name: str, value: str) -> None:
        """Sets a variable, and exports it under `set -a`. Raises ShellError if it is read-only."""
        self.variables.set(name, value, exported=bool(self.options) and "a" in self.options)
        if name == "OPTIND":
            self.getopts = OptionState(int(value) if value.isdigit() and int(value) else 1)

    def option(self, letter: str) -> bool:
        """Returns whether an option is set."""
        return letter in self.options

    def process(self, name: str) -> int | None:
        """Returns the number that `$$` or `$!` is, None if there is none."""
        return PROCESS if name == "$" else self.jobs.last

    def substitute(self, body: Node | None) -> str:
        """Runs commands in a subshell and returns what they write (XCU 2.6.3)."""
        self.substituted = 0
        if body is None:
            return ""
        sink = Sink(self.meter)
        child = self.subshell()
        if self.bash:
            child.options -= {"e"}
        child.descriptors[1] = sink
        self.substituted = child.run(body, tested=False)
        return sink.getvalue().decode("latin-1")

    # Files.

    def path(self, name: str) -> str:
        """Returns a path of the script as an absolute path of the world."""
        return outward(name if name.startswith("/") else f"{self.directory.rstrip('/')}/{name}")

    def stat(self, name: str, follow: bool = True) -> Status | None:
        """Returns what is known of a file."""
        return self.files.status(self.path(name), follow) if name else None

    def exists(self, path: str) -> bool:
        """Returns whether there is a file, or a symbolic link."""
        return self.stat(path, follow=False) is not None

    def names(self, path: str) -> Sequence[str]:
        """Returns the names in a directory, with `.` and `..`; none if it can't be read."""
        try:
            return [".", "..", *map(inward, self.files.names(self.path(path)))]
        except OSError:
            return []

    def find(self, name: str) -> str | None:
        """Searches PATH for a program (XCU 2.9.1.4). Returns its path, None if there is none."""
        if "/" in name:
            return name if self._is_program(name) else None
        for folder in (self.value("PATH") or "").split(":"):
            candidate = f"{folder}/{name}" if folder else name
            if self._is_program(candidate):
                return candidate
        return None

    def _is_program(self, name: str) -> bool:
        status = self.stat(name)
        return status is not None and status.kind is FileType.FILE and bool(status.mode & 0o111)

    def environment(self) -> dict[str, str]:
        """Returns the exported variables, as a program gets them."""
        return {
            name: outward(variable.value)
            for name, variable in self.variables.items()
            if variable.exported and variable.value is not None
        }

    # Output.

    def write(self, text: str, descriptor: int = 1) -> None:
        """Writes the shell's text. Raises OSError as `stream` and `Stream.write` do."""
        self.stream(descriptor).write(text.encode("latin-1"))

    def stream(self, descriptor: int) -> Stream:
        """Returns what a descriptor refers to. Raises OSError if it is closed."""
        stream = self.descriptors.get(descriptor)
        if stream is None:
            raise OSError(errno.EBADF, "Bad file descriptor")
        return stream

    def warn(self, message: str, line: int | None = None) -> None:
        """Writes a message of the shell to descriptor 2, if it is open."""
        command = f"{self.command}: " if self.command else ""
        try:
            self.write(f"{self.name}: {line or self.meter.line}: {command}{message}\n", 2)
        except OSError:
            return

    def trace(self, words: Sequence[str]) -> None:
        """Writes what is executed under `set -x`."""
        try:
            self.write((self.value("PS4") or "") + " ".join(words) + "\n", 2)
        except OSError:
            return

    def refused_builtin(self, argv: Sequence[str]) -> Refused:
        """Returns the error for a builtin that has no meaning here."""
        return self.meter.refused(
            f"the shell's builtin {argv[0]!r} is not supported",
            "say by an entry what the script does instead",
        )

    def report(self, error: ShellError) -> None:
        """Writes an error once, where it happens."""
        if not error.reported:
            error.reported = True
            self.warn(error.message, error.line)

    def undo_redirections(self, depth: int) -> None:
        """Undoes redirections until `depth` of them are left."""
        while len(self.redirections) > depth:
            for descriptor, stream in self.redirections.pop().items():
                if stream is None:
                    self.descriptors.pop(descriptor, None)
                else:
                    self.descriptors[descriptor] = stream

    # Running.

    def subshell(self) -> Machine:
        """Returns a copy whose changes stay its own; files and what is counted are shared."""
        self.meter.step(4 + (len(self.functions) >> 4))
        child = copy.copy(self)
        child.flow = copy.copy(self.flow)
        child.getopts = copy.copy(self.getopts)
        child.jobs = Jobs(self.jobs.last)
        child.functions = dict(self.functions)
        child.aliases = dict(self.aliases)
        child.traps = {name: action for name, action in self.traps.items() if not action}
        child.descriptors = dict(self.descriptors)
        child.redirections = []
        child.saved_options = list(self.saved_options)
        child.variables = self.variables.copy()
        child.saved = None
        child.expander = Expander(child, Glob(child, lambda: child.meter))
        return child

    def evaluate(self, node: Node | None, tested: bool) -> int:
        """Executes commands; under `tested`, `set -e` does not end the shell."""
        return self._execute(self, node, tested)

    def run(self, node: Node | None, *, tested: bool) -> int:
        """Runs commands to the end of this shell and returns its status."""
        self.depth += 1
        self.meter.nest(self.depth)
        self.conclude(lambda: self.evaluate(node, tested))
        self.variables.forget()
        return self.status

    def run_text(self, text: str, *, tested: bool) -> int:
        """Executes text, line by line, as `eval` does. Returns its status."""
        status = 0
        self.meter.step(1 + (len(text) >> 5))
        if len(text) > _LONG_TEXT:
            # All commands of a line are held at once, those of an outer eval as well.
            self.meter.step(3 * sum(text.count(separator) for separator in ";&|$`"))
        parser = Parser(text, aliases={} if self.bash else self.aliases, bash=self.bash)
        while True:
            try:
                more, node = parser.next()
            except ShellSyntaxError as error:
                self.report(error)
                raise
            if not more:
                return status
            self.meter.step()
            if node is not None:
                status = self.evaluate(node, tested)
            if self.flow.skip:
                return status

    def run_file(self, text: str) -> int:
        """Executes the text of a file; `return` ends it."""
        status = self.run_text(text, tested=False)
        if self.flow.skip.startswith("return"):
            self.flow.skip = ""
        return status

    def conclude(self, action: Callable[[], int]) -> int:
        """Does what is a shell's last, then its EXIT trap (XCU 2.14 exit). Returns the shell's status."""
        try:
            action()
        except ShellExit as end:
            if end.chosen and self.saved is not None:
                self.status = self.saved
            self.saved = None
        except ShellError as error:
            self.report(error)
            self.status = error.status
        trap = self.traps.pop("EXIT", "")
        if trap:
            self._exit_trap(trap)
        self.status &= 0xFF
        return self.status

    def _exit_trap(self, trap: str) -> None:
        self.undo_redirections(0)
        self.saved = self.status
        self.flow.skip = ""
        self.command = ""
        try:
            self.run_text(trap, tested=False)
        except ShellExit as end:
            if not end.chosen:
                return
        except ShellError as error:
            self.report(error)
            self.status = error.status
            return
        self.status = self.saved
