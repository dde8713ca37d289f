"""What sed's commands do with lines."""

import re
from collections.abc import Iterator, Sequence

from tools.sysimage.commands.regex import Match, Pattern
from tools.sysimage.commands.sed_ranges import Selection
from tools.sysimage.commands.sed_stream import Source
from tools.sysimage.commands.sed_text import replacement, visible
from tools.sysimage.commands.sed_tree import Command

_DELETED, _AGAIN = -1, -2
_PART = 60  # bytes of a piece of a text, beside its characters
_STEP = 2  # units of work of one command


class _EndError(Exception):
    """The end of the script: q, or no more input."""

    def __init__(self, status: int | None, *, printed: bool) -> None:
        super().__init__()
        self.status = status
        self.printed = printed


class Run(Selection):
    """The execution of a script on some files, as one stream."""

    def run(self, sources: Sequence[Source]) -> int | None:
        """Edits all lines. Returns the status of q or Q, None at the end of the input."""
        self._begin(sources)
        status = None
        try:
            while self._next():
                self._cycle()
        except _EndError as end:
            if end.printed:
                self._finish()
            if end.printed and end.status is not None:
                # q gives the last line the end that it lacks.
                self._raw("")
            status = end.status
        # What comes after the line at which the script ended was not opened.
        until = len(sources) if status is None else self._lines[self._number - 1][2]
        for source in sources[:until]:
            if source.complaint:
                self._status = source.status
                self._call.complain(source.complaint)
        return status

    def _cycle(self) -> None:
        restart = True
        while restart:
            restart = self._execute()
        self._substituted = False

    def _execute(self) -> bool:
        """Runs the commands once; returns whether to do so again without reading a line (D)."""
        at = 0
        commands = self._commands
        while at < len(commands):
            self._meter.work(_STEP)
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
            self._appended.append(("text", self._text(command)))
        elif command.name == "r":
            self._appended.append(("file", command.text))
        elif command.name == "i":
            self._raw(self._text(command))
        else:
            # c: at the end of a range, or for each line without one.
            if command.second is None or command.negated or not command.active:
                self._raw(self._text(command))
            return _DELETED
        return at

    def _text(self, command: Command) -> str:
        # What a newline of the script does not end, ends as lines do.
        if self._end != "\n":
            self._call.refuse("sed: text of a, i and c is not modelled with -z")
        return command.text + "\n" if "open" in command.flags else command.text

    def _flow(self, command: Command, at: int) -> int:
        name = command.name
        if name == "d":
            return _DELETED
        if name == "D":
            _, newline, rest = self._space.partition(self._end)
            if not newline:
                return _DELETED
            self._space = rest
            return _AGAIN
        if name in "qQ":
            raise _EndError(max(command.number, 0), printed=name == "q")
        if name == "n":
            if self._is_last():
                raise _EndError(None, printed=True)
            self._finish()
            self._next()
            return at
        if self._is_last():
            raise _EndError(None, printed=True)
        self._append()
        before = self._space
        self._next()
        self._space = f"{before}{self._end}{self._space}"
        self._meter.text(len(self._space))
        return at

    def _write(self, command: Command) -> None:
        name = command.name
        if name == "p":
            self._print(self._space, self._space_end)
        elif name == "P":
            self._print(*self._first_line())
        elif name == "=":
            self._raw(f"{self._number}{self._end}")
        elif name == "F":
            self._print(self._sources[self._lines[self._number - 1][2]].name)
        elif name == "l":
            if command.number == 1:
                self._call.refuse("sed: `l 1' is not modelled")
            self._print(visible(self._space, command.number))
        elif name in "wW":
            line = (self._space, self._space_end) if name == "w" else self._first_line()
            self._to_file(command.text, *line)
        else:
            lines = self._reading.get(command.text)
            if lines is None:
                try:
                    data = self._call.input(command.text).decode("utf-8", "surrogateescape")
                except OSError:
                    data = ""
                pieces = data.split(self._end)
                lines = [piece + self._end for piece in pieces[:-1]]
                lines += [pieces[-1]] if pieces[-1] else []
                self._reading[command.text] = lines
            if lines:
                self._appended.append(("text", lines.pop(0)))

    def _edit(self, command: Command) -> None:
        match command.name:
            case "g":
                self._space, self._space_end = self._hold, self._hold_end
            case "G":
                self._space += self._end + self._hold
                self._space_end = self._hold_end
                self._meter.text(len(self._space))
            case "h":
                self._hold, self._hold_end = self._space, self._space_end
            case "H":
                self._hold += self._end + self._space
                self._hold_end = self._space_end
                self._meter.text(len(self._hold))
            case "x":
                self._space, self._hold = self._hold, self._space
                self._space_end, self._hold_end = self._hold_end, self._space_end
            case "z":
                self._space = ""
            case "y":
                self._meter.work(len(self._space) >> 2)
                self._space = "".join(command.table.get(char, char) for char in self._space)

    def _substitute(self, command: Command) -> None:
        pattern = self._regex(command.pattern)
        if pattern.groups < command.groups:
            self._call.refuse("sed: an empty expression lacks the subexpression of a replacement")
        space = self._space
        first = pattern.search(space, 0)
        if first is None:
            return
        out: list[str] = []
        count = size = 0
        done = 0  # up to where the text is in `out`
        replaced = False
        wanted = command.number or 1
        for match in _matches(pattern, space, first):
            begin, end = match.span()
            more = "g" in command.flags or count + 1 < wanted
            if more and begin == end and not space[begin : begin + 1].isascii():
                self._call.refuse("sed: an empty match before a character of several bytes is not modelled")
            count += 1
            if count < wanted:
                continue
            out.append(space[done:begin])
            new = replacement(command.replacement, match)
            size += len(new) + _PART
            self._meter.text(size)
            out.append(new)
            done = end
            replaced = True
            if "g" not in command.flags:
                break
        if not replaced:
            return
        self._space = "".join(out) + space[done:]
        self._meter.text(len(self._space))
        self._substituted = True
        if "p" in command.flags:
            self._print(self._space, self._space_end)
        if "w" in command.flags:
            self._to_file(command.text, self._space, self._space_end)


def _matches(
    pattern: Pattern, space: str, first: Match | re.Match[str] | None
) -> Iterator[Match | re.Match[str]]:
    """Yields the matches from the first on; nothing, right behind another match, is none."""
    match, before = first, -1
    while match is not None:
        begin, end = match.span()
        if not begin == end == before:
            yield match
        before = end
        at = end if end > begin else end + 1
        match = pattern.search(space, at) if at <= len(space) else None
