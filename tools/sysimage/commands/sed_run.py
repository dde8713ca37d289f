"""sed(1) (GNU): what its commands do with lines."""

from collections.abc import Sequence

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.regex import Pattern
from tools.sysimage.commands.sed_parse import (
    Address,
    Command,
    Script,
)
from tools.sysimage.commands.sed_text import replacement, visible

_MAX_STEPS = 2_000_000  # commands that are executed, before a script counts as endless


class _EndError(Exception):
    """The end of the script: q, or no more input."""

    def __init__(self, status: int | None, *, printed: bool) -> None:
        super().__init__()
        self.status = status
        self.printed = printed


class Run:
    """The execution of a script on some files, as one stream."""

    def __init__(self, call: Call, given: Given, script: Script, sources: Sequence[bytes], name: str) -> None:
        self._call = call
        self._commands = script.commands
        self._name = name
        self._quiet = "quiet" in given or script.quiet
        self._posix = "posix" in given
        self._end = "\0" if "null-data" in given else "\n"
        self._lines: list[tuple[str, str]] = []  # text, and what ended it
        for data in sources:
            parts = data.decode("utf-8", "surrogateescape").split(self._end)
            self._lines += [(part, self._end) for part in parts[:-1]]
            if parts[-1]:
                self._lines.append((parts[-1], ""))
        # Only the last file's last line may lack its end.
        self._lines = [
            (text, end or (self._end if at + 1 < len(self._lines) else ""))
            for at, (text, end) in enumerate(self._lines)
        ]
        self._number = 0
        self._space = ""
        self._space_end = self._end
        self._hold = ""
        self._out: list[str] = []
        self._appended: list[tuple[str, str]] = []
        self._last: Pattern | None = None
        self._substituted = False
        self._written: dict[str, list[str]] = {}
        self._reading: dict[str, list[str]] = {}
        self._steps = 0
        for command in self._commands:
            command.active, command.until = False, -1
            if command.name in "wW" or "w" in command.flags:
                self._written.setdefault(command.text, [])

    def output(self) -> bytes:
        """What was written."""
        return "".join(self._out).encode("utf-8", "surrogateescape")

    def run(self) -> int | None:
        """Edits all lines. Returns the status of q or Q, None at the end of the input."""
        status = None
        try:
            while self._next():
                self._cycle()
        except _EndError as end:
            if end.printed:
                self._finish()
            status = end.status
        self._flush_files()
        return status

    def _flush_files(self) -> None:
        for name, lines in self._written.items():
            data = "".join(lines).encode("utf-8", "surrogateescape")
            if name in ("/dev/stdout", "/dev/stderr"):
                continue
            self._call.files.write(self._call.path(name), data, self._call.umask(0o666))

    def _cycle(self) -> None:
        restart = True
        while restart:
            restart = self._execute()
        self._substituted = False

    def _next(self) -> bool:
        if self._number >= len(self._lines):
            return False
        self._space, self._space_end = self._lines[self._number]
        self._number += 1
        return True

    def _is_last(self) -> bool:
        return self._number >= len(self._lines)

    def _print(self, text: str, end: str | None = None) -> None:
        if self._out and not self._out[-1].endswith(self._end):
            self._out.append(self._end)
        self._out.append(text + (self._end if end is None else end))

    def _finish(self) -> None:
        """The end of a cycle: the pattern space, and what was to come after it."""
        if not self._quiet:
            self._print(self._space, self._space_end)
        self._append()

    def _append(self) -> None:
        for kind, text in self._appended:
            if kind == "text":
                self._print(text, "")
                continue
            try:
                data = self._call.input(text).decode("utf-8", "surrogateescape")
            except OSError:
                continue
            if data:
                self._print(data, "")
        self._appended.clear()

    def _execute(self) -> bool:
        """Runs the commands once; returns whether to do so again without reading a line (D)."""
        at = 0
        commands = self._commands
        while at < len(commands):
            self._steps += 1
            if self._steps > _MAX_STEPS:
                self._call.refuse("sed: the script does not end")
            command = commands[at]
            at += 1
            if command.name in ":}":
                continue
            if self._selected(command) == command.negated:
                if command.name == "{":
                    at = command.jump
                continue
            if command.name == "{":
                continue
            following = self._do(command, at)
            if following == _DELETED:
                self._append()
                return False
            if following == _AGAIN:
                self._append()
                return True
            at = following
        self._finish()
        return False

    def _do(self, command: Command, at: int) -> int:
        name = command.name
        if name == "s":
            self._substitute(command)
        elif name in "btT":
            return self._branch(command, at)
        elif name in "aicr":
            return self._insert(command, at)
        elif name in "nNdDqQ":
            return self._flow(command, at)
        elif name in "pPlwWR=F":
            self._write(command)
        else:
            self._edit(command)
        return at

    def _branch(self, command: Command, at: int) -> int:
        if command.name == "b":
            return command.jump
        wanted = command.name == "t"
        if self._substituted == wanted:
            if wanted:
                self._substituted = False
            return command.jump
        self._substituted = False
        return at

    def _insert(self, command: Command, at: int) -> int:
        if command.name == "a":
            self._appended.append(("text", command.text))
        elif command.name == "r":
            self._appended.append(("file", command.text))
        elif command.name == "i":
            self._print(command.text, "")
        else:
            # c: at the end of a range, or for each line without one.
            if command.second is None or command.negated or not command.active:
                self._print(command.text, "")
            return _DELETED
        return at

    def _flow(self, command: Command, at: int) -> int:
        name = command.name
        if name == "d":
            return _DELETED
        if name == "D":
            head, newline, rest = self._space.partition("\n")
            del head
            if not newline:
                return _DELETED
            self._space = rest
            return _AGAIN
        if name in "qQ":
            raise _EndError(max(command.number, 0), printed=name == "q")
        if name == "n":
            if self._is_last():
                raise _EndError(None, printed=not self._posix)
            self._finish()
            self._next()
            return at
        if self._is_last():
            raise _EndError(None, printed=not self._posix)
        self._append()
        before = self._space
        self._next()
        self._space = f"{before}\n{self._space}"
        return at

    def _write(self, command: Command) -> None:
        name = command.name
        if name == "p":
            self._print(self._space, self._space_end if self._is_last() else None)
        elif name == "P":
            self._print(self._space.partition("\n")[0])
        elif name == "=":
            self._print(str(self._number), "\n")
        elif name == "F":
            self._print(self._name)
        elif name == "l":
            self._print(visible(self._space, command.number))
        elif name in "wW":
            self._to_file(command.text, self._space if name == "w" else self._space.partition("\n")[0])
        else:
            lines = self._reading.get(command.text)
            if lines is None:
                try:
                    data = self._call.input(command.text).decode("utf-8", "surrogateescape")
                except OSError:
                    data = ""
                lines = self._reading[command.text] = data.removesuffix("\n").split("\n") if data else []
            if lines:
                self._appended.append(("text", lines.pop(0) + "\n"))

    def _to_file(self, name: str, text: str) -> None:
        if name == "/dev/stdout":
            self._print(text)
        elif name == "/dev/stderr":
            self._call.machine.stream(2).write(f"{text}\n".encode("utf-8", "surrogateescape"))
        else:
            self._written[name].append(text + "\n")

    def _edit(self, command: Command) -> None:
        match command.name:
            case "g":
                self._space = self._hold
            case "G":
                self._space += "\n" + self._hold
            case "h":
                self._hold = self._space
            case "H":
                self._hold += "\n" + self._space
            case "x":
                self._space, self._hold = self._hold, self._space
            case "z":
                self._space = ""
            case "y":
                self._space = "".join(command.table.get(char, char) for char in self._space)

    def _selected(self, command: Command) -> bool:
        first, second = command.first, command.second
        if first is None:
            return True
        if second is None:
            return self._at(first)
        if command.active:
            return self._within(command, second)
        if first.kind == "line" and first.number == 0:
            # 0,/re/: the range has begun before the first line.
            if self._number == 1 and command.until == -1:
                command.active = True
                command.until = 0
                return self._within(command, second)
            return False
        if not self._at(first):
            return False
        command.active = True
        if second.kind == "line":
            command.active = second.number > self._number
        elif second.kind == "plus":
            command.until = self._number + second.number
            command.active = second.number > 0
        elif second.kind == "multiple":
            step = second.number
            command.until = -(-self._number // step) * step if step else self._number
            command.active = command.until > self._number
        elif second.kind == "last":
            command.active = not self._is_last()
        return True

    def _within(self, command: Command, second: Address) -> bool:
        if second.kind == "line":
            if self._number > second.number:
                command.active = False
                # The range ended before this line, which may begin another.
                return command.first is not None and command.first.kind != "line" and self._selected(command)
            command.active = self._number < second.number
        elif second.kind in ("plus", "multiple"):
            command.active = self._number < command.until
        elif self._at(second):
            command.active = False
        return True

    def _at(self, address: Address) -> bool:
        if address.kind == "line":
            return self._number == address.number
        if address.kind == "last":
            return self._is_last()
        if address.kind == "step":
            if not address.step:
                return self._number == address.number
            return self._number >= address.number and (self._number - address.number) % address.step == 0
        return self._regex(address.pattern).search(self._space) is not None

    def _regex(self, pattern: Pattern | None) -> Pattern:
        if pattern is None:
            pattern = self._last
        if pattern is None:
            self._call.refuse("sed: no previous regular expression")
        self._last = pattern
        return pattern

    def _substitute(self, command: Command) -> None:
        pattern = self._regex(command.pattern)
        space = self._space
        out: list[str] = []
        at = count = 0
        done = 0  # up to where the text is in `out`
        before = -1  # where the last match ended
        replaced = False
        wanted = command.number or 1
        while at <= len(space) and (match := pattern.search(space, at)):
            begin, end = match.span()
            at = end if end > begin else end + 1
            if begin == end == before:
                # Nothing, right behind another match, is none.
                continue
            before = end
            count += 1
            if count < wanted:
                continue
            out.append(space[done:begin])
            out.append(replacement(command.replacement, match))
            done = end
            replaced = True
            if "g" not in command.flags:
                break
        if not replaced:
            return
        self._space = "".join(out) + space[done:]
        self._substituted = True
        if "p" in command.flags:
            self._print(self._space)
        if "w" in command.flags:
            self._to_file(command.text, self._space)


_DELETED, _AGAIN = -1, -2
