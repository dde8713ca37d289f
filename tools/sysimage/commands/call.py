"""One call of a command by a script: its arguments, its streams, its files."""

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from tools.sysimage.commands.options import BadOptionError, Given, parse
from tools.sysimage.commands.regex_parse import UnmodelledPatternError
from tools.sysimage.commands.tree_files import TreeFiles
from tools.sysimage.commands.world import Left, World
from tools.sysimage.core.tree import file
from tools.sysimage.effects.root import Root
from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.marked import inward, outward
from tools.sysimage.scripts.redirect import RANDOM
from tools.sysimage.scripts.streams import read_all

# What scripts do with a file that a program has just made.
_FOLLOWING = ("cat", "chgrp", "chmod", "chown", "cp", "install", "ln", "mv", "restorecon")

_ENDLESS = ("/dev/zero", "/dev/full")

type Command = Callable[[Call], int]
"""Does what a program does, and returns its status. Raises OSError for what the program would complain of."""


class Call:
    """A command that is executed. All text is the world's: UTF-8 with surrogate escapes."""

    __slots__ = ("argv", "machine", "world")

    def __init__(self, world: World, machine: Machine, argv: Sequence[str]) -> None:
        self.world = world
        self.machine = machine
        self.argv = argv

    @property
    def name(self) -> str:
        """The command's name, without its folder."""
        return self.argv[0].rpartition("/")[2]

    @property
    def arguments(self) -> Sequence[str]:
        """The words after the command's name."""
        return self.argv[1:]

    @property
    def files(self) -> TreeFiles:
        """The files of the tree."""
        return self.world.files

    @property
    def root(self) -> Root:
        """The root filesystem, as effects know it."""
        return self.world.root

    def options(self, *declarations: str, permute: bool = True, alternative: bool = False) -> Given:
        """Reads the arguments (see `options.parse`); one that is not declared ends the build by its name."""
        try:
            return parse(self.arguments, declarations, permute=permute, alternative=alternative)
        except BadOptionError as error:
            self.refuse(f"{self.name}: the option {error} is not modelled")

    def refuse(self, what: str) -> NoReturn:
        """Ends the build: a person has to say what the command does here."""
        raise self.machine.meter.refused(what, "say by an entry what it does")

    def leave(self, kind: str) -> int:
        """Records that this call is left for the guest, and returns 0. `kind` is one of `left.LEFT`."""
        who, script = self.world.who, self.world.script
        self.world.left_paths.update(self.path(word) for word in self.arguments if "/" in word)
        self.world.left.append(Left(kind, who, script, " ".join(self.argv)))
        return 0

    def place(self, name: str) -> None:
        """Makes an empty file in place of a key, for what scripts do with it; it goes at the end."""
        where, inode = self.files.lookup(self.path(name))
        if inode is None:
            made = file(b"", 0o600, origin=self.world.who)
            self.world.placeholders.append(made)
            self.files.add(where, made)

    def path(self, name: str) -> str:
        """Returns a file's name as an absolute path, "" for ""."""
        if not name or name.startswith("/"):
            return name
        return f"{outward(self.machine.directory).rstrip('/')}/{name}"

    def umask(self, mode: int) -> int:
        """Returns the mode of a new file."""
        return mode & ~self.machine.umask

    def variable(self, name: str) -> str | None:
        """Returns a variable of the environment."""
        return self.machine.environment().get(name)

    def stdin(self) -> bytes:
        """Reads all that is left of the input."""
        return self._counted(read_all(self.machine.stream(0)))

    def input(self, name: str) -> bytes:
        """Returns the bytes of a file, of the input for "-". Raises OSError."""
        if name in ("-", "/dev/stdin"):
            return self.stdin()
        if name == "/dev/null":
            return b""
        if name in _ENDLESS:
            self.refuse(f"{self.name}: {name} has no end")
        if name in RANDOM:
            return read_all(self.machine.random(self.machine, name))
        return self._counted(self.files.read(self.path(name)))

    def _counted(self, data: bytes) -> bytes:
        """Counts what is read as work: lines are held one by one, mostly."""
        meter = self.machine.meter
        meter.work(len(data) >> 6)
        meter.items(data.count(b"\n"))
        return data

    def out(self, text: str | bytes) -> None:
        """Writes to the output."""
        self.machine.stream(1).write(_bytes(text))

    def complain(self, message: str) -> int:
        """Writes a message to descriptor 2, with the command's name, and returns 1."""
        try:
            self.machine.stream(2).write(_bytes(f"{self.name}: {message}\n"))
        except OSError:
            return 1
        return 1

    def execute(self, argv: Sequence[str], variables: Mapping[str, str] | None = None) -> int:
        """Executes another command, as `env` and `xargs` do, with other variables if they are given.

        Returns its status, 127 if there is no such command.
        """
        machine = self.machine.subshell()
        if variables is not None:
            for name in machine.environment().keys() - variables.keys():
                machine.variables.unset(name)
            for name, value in variables.items():
                machine.variables.set(inward(name), inward(value), exported=True)
        program = machine.programs(machine, argv[0])
        return 127 if program is None else program(machine, argv)

    def run(self, command: Command) -> int:
        """Does what a command does; what the system refuses is a complaint and status 1."""
        self.world.called[self.name] += 1
        try:
            status = command(self)
        except UnmodelledPatternError as error:
            self.refuse(f"{self.name}: the pattern {str(error)!r} is not modelled")
        except OSError as error:
            if error.filename is None:
                raise
            status = self.complain(f"'{error.filename}': {error.strerror}")
        if status and self.world.left_paths and self.name in _FOLLOWING:
            # What was left is not there to be moved, or given to anybody.
            missing = [self.path(word) for word in self.arguments if self._was_left(word)]
            if missing:
                self.world.left_paths.add(self.path(self.arguments[-1]))
                return 0
        return status

    def _was_left(self, word: str) -> bool:
        path = self.path(word)
        return path in self.world.left_paths and self.files.find(path) is None


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
