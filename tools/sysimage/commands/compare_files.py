"""cmp and diff: whether files are equal, and how they differ where that can be said in one way only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_words import (
    NULL,
    base,
    exists,
    is_directory,
    joined,
    not_modelled,
    reason,
    usage,
)
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Kind
from tools.sysimage.scripts.streams import Null

_CONTEXT = 3


def _read(call: Call, name: str) -> bytes:
    return b"" if name == NULL else call.input(name)


def cmp(call: Call) -> int:
    """cmp(1)."""
    given = call.options("-s --quiet --silent", "-n --bytes=")
    if len(given.operands) != 2:
        if not given.operands:
            return usage(call, "missing operand after 'cmp'", 2) + 1
        not_modelled(call, "this number of operands")
    contents = []
    if "silent" in given and not all(name in ("-", NULL) or exists(call, name) for name in given.operands):
        return 2
    for name in given.operands:
        try:
            contents.append(_read(call, name))
        except OSError as error:
            call.complain(f"{name}: {reason(error)}")
            return 2
    first, second = contents
    if "bytes" in given:
        limit = int(given.value("bytes"))
        first, second = first[:limit], second[:limit]
    if first == second:
        return 0
    if "silent" in given:
        return 1
    length = min(len(first), len(second))
    place = next((index for index in range(length) if first[index] != second[index]), length)
    names = given.operands
    line = first.count(b"\n", 0, place) + 1
    if place < length:
        call.out(f"{names[0]} {names[1]} differ: byte {place + 1}, line {line}\n")
        return 1
    shorter = names[len(first) > len(second)]
    if not place:
        call.complain(f"EOF on {shorter} which is empty")
    else:
        data = first[:length]
        where = f"line {line - 1}" if data.endswith(b"\n") else f"in line {line}"
        call.complain(f"EOF on {shorter} after byte {length}, {where}")
    return 1


def diff(call: Call) -> int:
    """diff(1) of two files or, briefly, two directories. What can be said in several ways ends the build."""
    given = call.options(
        "-q --brief", "-s --report-identical-files", "-u", "-N --new-file", "-r --recursive", "-a --text",
        "-b --ignore-space-change", "-w --ignore-all-space", "-B --ignore-blank-lines", "-i --ignore-case",
        "-Z --ignore-trailing-space", "--label=",
    )  # fmt: skip
    if len(given.operands) != 2:
        not_modelled(call, "this number of operands")
    first, second = given.operands
    folders = is_directory(call, first), is_directory(call, second)
    if folders == (True, True):
        return _Diff(call, given).folders(first, second)
    if True in folders and "new-file" in given:
        not_modelled(call, "a file and a directory")
    if folders[0]:
        first = joined(first, base(second))
    elif folders[1]:
        second = joined(second, base(first))
    return _Diff(call, given).files(first, second)


@dataclass(frozen=True, slots=True)
class _Diff:
    call: Call
    given: Given

    def folders(self, first: str, second: str) -> int:
        call, given = self.call, self.given
        names = sorted({*call.files.names(call.path(first)), *call.files.names(call.path(second))})
        status = 0
        for name in names:
            paths = joined(first, name), joined(second, name)
            inodes = [call.files.find(call.path(path)) for path in paths]
            if None in inodes and "new-file" not in given:
                call.out(f"Only in {first if inodes[0] else second}: {name}\n")
                status = max(status, 1)
                continue
            kinds = [inode.kind if inode else None for inode in inodes]
            if kinds == [Kind.DIRECTORY, Kind.DIRECTORY]:
                if "recursive" in given:
                    status = max(status, self.folders(*paths))
                else:
                    call.out(f"Common subdirectories: {paths[0]} and {paths[1]}\n")
            elif Kind.DIRECTORY in kinds or "brief" not in given:
                not_modelled(call, "a difference of directories that is no brief one")
            else:
                status = max(status, self.files(*paths))
        return status

    def files(self, first: str, second: str) -> int:
        call, given = self.call, self.given
        contents: list[bytes] = []
        failed = False
        for name in (first, second):
            try:
                contents.append(_read(call, name))
            except OSError as error:
                contents.append(b"")
                if "new-file" not in given or error.errno != 2:
                    failed = True
                    call.complain(f"{name}: {reason(error)}")
        if failed:
            return 2
        lines = [_split(data) for data in contents]
        same = contents[0] == contents[1]
        if not same and {"i", "b", "w", "B", "Z"} & self._loose():
            same = self._plain(contents[0]) == self._plain(contents[1])
            if not same and "brief" not in given and not self._unseen():
                not_modelled(call, "output that leaves out space or case")
        if same:
            if "report-identical-files" in given:
                call.out(f"Files {first} and {second} are identical\n")
            return 0
        binary = "text" not in given and any(b"\0" in data for data in contents)
        if "brief" in given:
            call.out(f"Files {first} and {second} differ\n")
        elif binary:
            call.out(f"Binary files {first} and {second} differ\n")
            return 1
        elif not self._unseen():
            self._output(lines[0], lines[1])
        return 1

    def _unseen(self) -> bool:
        return isinstance(self.call.machine.stream(1), Null)

    def _loose(self) -> set[str]:
        names = {
            "ignore-case": "i",
            "ignore-space-change": "b",
            "ignore-all-space": "w",
            "ignore-blank-lines": "B",
            "ignore-trailing-space": "Z",
        }
        return {letter for name, letter in names.items() if name in self.given}

    def _plain(self, data: bytes) -> list[bytes]:
        """Returns the lines as far as the options have them count."""
        loose = self._loose()
        found = []
        for line in _split(data):
            text = line
            if loose & {"w", "b", "Z"}:
                text = text.rstrip(b" \t\n\v\f\r")
            else:
                # A newline that is missing at the end counts.
                text = text.removesuffix(b"\n") if "B" in loose and text == b"\n" else text
            if "w" in loose:
                text = b"".join(text.split())
            elif "b" in loose:
                text = b" ".join(text.split()) if not text[:1].isspace() else b" " + b" ".join(text.split())
            if "i" in loose:
                text = text.lower()
            if "B" in loose and line in (b"\n", b""):
                continue
            found.append(text)
        return found

    def _output(self, old: Sequence[bytes], new: Sequence[bytes]) -> None:
        call = self.call
        start = 0
        while start < min(len(old), len(new)) and old[start] == new[start]:
            start += 1
        end = 0
        while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
            end += 1
        removed, added = old[start : len(old) - end], new[start : len(new) - end]
        if set(removed) & set(added):
            not_modelled(call, "a difference in more than one place")
        if "u" in self.given:
            if len(self.given.values("label")) != 2:
                not_modelled(call, "a unified difference, which has times in it,")
            self._unified(old, new, start, end)
        else:
            self._normal(start, removed, added)

    def _normal(self, start: int, removed: Sequence[bytes], added: Sequence[bytes]) -> None:
        letter = "c" if removed and added else "d" if removed else "a"
        spans = [_span(start, len(part)) for part in (removed, added)]
        self.call.out(f"{spans[0]}{letter}{spans[1]}\n")
        for line in removed:
            self._line(b"< ", line)
        if letter == "c":
            self.call.out("---\n")
        for line in added:
            self._line(b"> ", line)

    def _unified(self, old: Sequence[bytes], new: Sequence[bytes], start: int, end: int) -> None:
        labels = self.given.values("label")
        self.call.out(f"--- {labels[0]}\n+++ {labels[1]}\n")
        before = max(0, start - _CONTEXT)
        after = min(end, _CONTEXT)
        last = len(old) - end + after, len(new) - end + after
        spans = [_unified_span(before, stop - before) for stop in last]
        self.call.out(f"@@ -{spans[0]} +{spans[1]} @@\n")
        for line in old[before:start]:
            self._line(b" ", line)
        for line in old[start : len(old) - end]:
            self._line(b"-", line)
        for line in new[start : len(new) - end]:
            self._line(b"+", line)
        for line in old[len(old) - end : last[0]]:
            self._line(b" ", line)

    def _line(self, mark: bytes, line: bytes) -> None:
        self.call.out(mark + line)
        if not line.endswith(b"\n"):
            self.call.out("\n\\ No newline at end of file\n")


def _split(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _span(start: int, count: int) -> str:
    if not count:
        return str(start)
    return str(start + 1) if count == 1 else f"{start + 1},{start + count}"


def _unified_span(start: int, count: int) -> str:
    if not count:
        return f"{start},0"
    return str(start + 1) if count == 1 else f"{start + 1},{count}"


COMMANDS: Mapping[str, Command] = {"cmp": cmp, "diff": diff}
"""This family's commands by name."""
