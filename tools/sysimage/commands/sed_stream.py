"""What sed reads and writes: its input as one stream of lines, its output, and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.regex import Pattern
from tools.sysimage.commands.sed_tree import Address, Script
from tools.sysimage.scripts.streams import Stream as Output


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is read; `complaint` is why it can't be."""

    name: str
    data: bytes
    complaint: str = ""
    status: int = 0


_LINE = 60  # bytes of a line that is held, beside its characters


class Stream:
    """The lines of a script's input, the pattern space, and what is written."""

    def __init__(self, call: Call, given: Given, script: Script, written: Mapping[str, Output]) -> None:
        self._call = call
        self._commands = script.commands
        self._quiet = "quiet" in given or script.quiet
        self._in_place = "in-place" in given
        self._end = "\0" if "null-data" in given else "\n"
        self._sources: Sequence[Source] = ()
        self._lines: list[tuple[str, str, int]] = []  # text, what ended it, its source
        self._status = 0
        self._number = 0
        self._space = ""
        self._space_end = self._end
        self._hold, self._hold_end = "", self._end
        self._out: list[str] = []
        self._lacking = False  # whether the last line has no end yet
        self._appended: list[tuple[str, str]] = []
        self._last: Pattern | None = None
        self._substituted = False
        self._written = written
        self._unended: set[str] = set()  # files whose last line has no end yet
        self._reading: dict[str, list[str]] = {}
        self._meter = call.machine.meter
        self._size = 0  # of what is written

    def _begin(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._lines = []
        for at, source in enumerate(sources):
            parts = source.data.decode("utf-8", "surrogateescape").split(self._end)
            self._lines += [(part, self._end, at) for part in parts[:-1]]
            if parts[-1]:
                self._lines.append((parts[-1], "", at))
        self._number = 0
        self._hold, self._hold_end = "", self._end
        self._reading.clear()
        if self._in_place:
            self._lacking = False
        self._out = []
        for command in self._commands:
            # 0,/re/: the range has begun before the first line.
            command.active = command.first is not None and command.first == Address("line", 0)
            command.closed, command.until = False, -1

    def status(self, ended: int | None) -> int:
        """The status of the whole; `ended` is that of q or Q."""
        return ended or self._status

    def output(self) -> bytes:
        """What was written."""
        return "".join(self._out).encode("utf-8", "surrogateescape")

    def _next(self) -> bool:
        if self._number >= len(self._lines):
            return False
        self._space, self._space_end, _ = self._lines[self._number]
        self._number += 1
        return True

    def _is_last(self) -> bool:
        return self._number >= len(self._lines)

    def _print(self, text: str, end: str | None = None) -> None:
        if self._lacking:
            self._out.append(self._end)
        end = self._end if end is None else end
        self._lacking = not end
        self._write_out(text + end)

    def _raw(self, text: str) -> None:
        """Writes text as it is, after the end that the line before it may lack."""
        if self._lacking:
            self._out.append(self._end)
        self._lacking = False
        self._write_out(text)

    def _write_out(self, text: str) -> None:
        self._size += len(text) + _LINE
        self._meter.held(self._size)
        self._out.append(text)

    def _finish(self) -> None:
        """The end of a cycle: the pattern space, and what was to come after it."""
        if not self._quiet:
            self._print(self._space, self._space_end)
        self._append()

    def _first_line(self) -> tuple[str, str]:
        head, newline, _ = self._space.partition(self._end)
        return head, self._end if newline else self._space_end

    def _append(self) -> None:
        if self._appended:
            self._raw("")
        for kind, text in self._appended:
            if kind == "text":
                self._raw(text)
                continue
            try:
                data = self._call.input(text).decode("utf-8", "surrogateescape")
            except OSError:
                continue
            if data:
                self._raw(data)
        self._appended.clear()

    def _to_file(self, name: str, text: str, end: str) -> None:
        if name == "/dev/stdout" and self._in_place:
            self._call.out(text + end)
        elif name == "/dev/stdout":
            self._print(text, end)
        elif name == "/dev/stderr":
            self._call.machine.stream(2).write(f"{text}\n".encode("utf-8", "surrogateescape"))
        else:
            missing = self._end if name in self._unended else ""
            if end:
                self._unended.discard(name)
            else:
                self._unended.add(name)
            self._written[name].write(f"{missing}{text}{end}".encode("utf-8", "surrogateescape"))
