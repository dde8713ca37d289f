"""grep(1), egrep and fgrep (GNU)."""

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.regex import Pattern, PatternError, UnmodelledPatternError, compile_pattern
from tools.sysimage.commands.regex_sets import WORD
from tools.sysimage.commands.timed import in_time
from tools.sysimage.core.tree import Kind

_WORD = re.compile(WORD)
_OPTIONS = (
    "-E --extended-regexp",
    "-F --fixed-strings",
    "-G --basic-regexp",
    "-P --perl-regexp",
    "-e --regexp=",
    "-f --file=",
    "-i -y --ignore-case",
    "-v --invert-match",
    "-w --word-regexp",
    "-x --line-regexp",
    "-c --count",
    "-l --files-with-matches",
    "-L --files-without-match",
    "-n --line-number",
    "-o --only-matching",
    "-q --silent --quiet",
    "-s --no-messages",
    "-h --no-filename",
    "-H --with-filename",
    "-m --max-count=",
    "-r --recursive",
    "-R --dereference-recursive",
    "-A --after-context=",
    "-B --before-context=",
    "-C --context=",
    "-a --text",
    "-I",
    "-z --null-data",
    "-Z --null",
    "--include=",
    "--exclude=",
    "--exclude-dir=",
    "--color[=]",
    "--colour[=]",
    "--binary-files=",
    "--line-buffered",
    "-b --byte-offset",
)


def grep(call: Call) -> int:
    """grep(1)."""
    given = call.options(*_OPTIONS)
    if "byte-offset" in given:
        call.refuse("grep: the option -b is not modelled")
    operands = list(given.operands)
    try:
        patterns = _patterns(call, given, operands)
        matches = _matcher(call, given, patterns)
    except PatternError as error:
        call.complain(str(error))
        return 2
    except UnmodelledPatternError as error:
        call.refuse(f"grep: the pattern {str(error)!r} is not modelled")
    except (OSError, IndexError) as error:
        call.complain(str(error))
        return 2
    if "perl-regexp" not in given:
        return _search(call, given, operands, matches)
    with in_time(call):
        return _search(call, given, operands, matches)


def _patterns(call: Call, given: Given, operands: list[str]) -> list[str]:
    texts = given.values("regexp")
    for name in given.values("file"):
        text = call.input(name).decode("utf-8", "surrogateescape")
        texts += text.removesuffix("\n").split("\n") if text else []
    if not texts and "file" not in given:
        texts.append(operands.pop(0))
    return [line for text in texts for line in text.split("\n")]


class _Matcher:
    """All patterns of a call."""

    def __init__(self, patterns: Sequence[Pattern | re.Pattern[str]], given: Given) -> None:
        self._patterns = patterns
        self._word, self._whole = "word-regexp" in given, "line-regexp" in given

    def selects(self, line: str) -> bool:
        """Whether a line has a match."""
        if self._whole:
            return any(_fills(pattern, line) for pattern in self._patterns)
        if self._word:
            return any(_word(pattern, line, 0) for pattern in self._patterns)
        return any(_has(pattern, line) for pattern in self._patterns)

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        """Yields where matches begin and end."""
        if self._whole:
            if self.selects(line):
                yield 0, len(line)
            return
        at = 0
        while at <= len(line):
            found = [span for pattern in self._patterns if (span := self._next(pattern, line, at))]
            if not found:
                return
            begin, end = min(found, key=lambda span: (span[0], -span[1]))
            yield begin, end
            at = end if end > begin else end + 1

    def _next(self, pattern: Pattern | re.Pattern[str], line: str, at: int) -> tuple[int, int] | None:
        if self._word:
            return _word(pattern, line, at)
        match = pattern.search(line, at)
        return match.span() if match else None


def _matcher(call: Call, given: Given, patterns: Sequence[str]) -> _Matcher:
    ignore_case = "ignore-case" in given
    kind = given.last("extended-regexp", "fixed-strings", "basic-regexp", "perl-regexp")
    kind = kind or {"egrep": "extended-regexp", "fgrep": "fixed-strings"}.get(call.name, "")
    compiled: list[Pattern | re.Pattern[str]] = []
    for text in patterns:
        if kind == "fixed-strings":
            compiled.append(re.compile(re.escape(text), re.IGNORECASE if ignore_case else 0))
        elif kind == "perl-regexp":
            compiled.append(_perl(call, text, ignore_case))
        else:
            compiled.append(
                compile_pattern(text, extended=kind == "extended-regexp", ignore_case=ignore_case)
            )
    return _Matcher(compiled, given)


def _word(pattern: Pattern | re.Pattern[str], line: str, at: int) -> tuple[int, int] | None:
    """The first match that is a word: shorter ones are tried, too, but for empty ones."""
    while match := pattern.search(line, at):
        begin, end = match.span()
        while True:
            if _is_word(line, begin, end):
                return begin, end
            end = _shorter(pattern, line, begin, end)
            if end <= begin:
                break
        at = begin + 1
        if at > len(line):
            return None
    return None


def _shorter(pattern: Pattern | re.Pattern[str], line: str, begin: int, end: int) -> int:
    """Where the longest match ends that begins at the same place, and ends before; -1 if there is none."""
    if isinstance(pattern, Pattern):
        return pattern.longest(line[: end - 1], begin) if end > begin else -1
    for stop in range(end - 1, begin, -1):
        if pattern.fullmatch(line[:stop], begin):
            return stop
    return -1


def _has(pattern: Pattern | re.Pattern[str], line: str) -> bool:
    return pattern.matches(line) if isinstance(pattern, Pattern) else pattern.search(line) is not None


def _fills(pattern: Pattern | re.Pattern[str], text: str) -> bool:
    return pattern.fills(text) if isinstance(pattern, Pattern) else pattern.fullmatch(text) is not None


def _is_word(line: str, begin: int, end: int) -> bool:
    before, after = line[begin - 1 : begin] if begin else "", line[end : end + 1]
    return not (_WORD.match(before) or _WORD.match(after))


def _perl(call: Call, text: str, ignore_case: bool) -> re.Pattern[str]:
    # What Python and Perl read alike.
    if re.search(r"\\[KRXQEGZzhHvVNpP]|\(\?[^:=!<]|\[\[:|[*+?}]\+", text):
        call.refuse(f"grep: the Perl expression {text!r} is not modelled")
    return re.compile(text, re.ASCII | (re.IGNORECASE if ignore_case else 0))


def _files(call: Call, given: Given, operands: Sequence[str]) -> Iterator[str]:
    recursive = "recursive" in given or "dereference-recursive" in given
    for name in operands or (("." if recursive else "-"),):
        inode = call.files.find(call.path(name)) if name != "-" else None
        if not recursive or inode is None or inode.kind is not Kind.DIRECTORY:
            yield name
            continue
        where, _ = call.files.lookup(call.path(name))
        for path in call.root.tree.below(where):
            below = call.root.tree[path]
            relative = path[len(where) :].lstrip("/")
            if below.kind is Kind.FILE and _wanted(given, relative):
                yield relative if not operands else f"{name.rstrip('/')}/{relative}"
            elif below.kind is Kind.SYMLINK and "dereference-recursive" in given:
                yield f"{name.rstrip('/')}/{relative}"


def _wanted(given: Given, path: str) -> bool:
    *folders, name = path.split("/")
    included, excluded = given.values("include"), given.values("exclude")
    if any(fnmatch.fnmatchcase(folder, glob) for folder in folders for glob in given.values("exclude-dir")):
        return False
    if included and not any(fnmatch.fnmatchcase(name, glob) for glob in included):
        return False
    return not any(fnmatch.fnmatchcase(name, glob) for glob in excluded)


def _search(call: Call, given: Given, operands: Sequence[str], matches: _Matcher) -> int:
    recursive = "recursive" in given or "dereference-recursive" in given
    named = given.last("no-filename", "with-filename") or (
        "with-filename" if len(operands) > 1 or (recursive and operands != ["-"]) else ""
    )
    hit = failed = False
    for name in _files(call, given, operands):
        try:
            inode = call.files.find(call.path(name)) if name != "-" else None
            if inode is not None and inode.kind is Kind.DIRECTORY:
                call.complain(f"{name}: Is a directory")
                continue
            data = call.input(name)
        except OSError as error:
            failed = True
            if "no-messages" not in given:
                call.complain(f"{name}: {error.strerror}")
            continue
        label = "(standard input)" if name == "-" else name
        found = _File(call, given, matches, f"{label}" if named == "with-filename" else "").search(
            data, label
        )
        hit = hit or found
        if found and "quiet" in given:
            return 0
    return 2 if failed else 0 if hit else 1


class _File:
    """The search of one file; `prefix` is its name, if lines are to have it."""

    def __init__(self, call: Call, given: Given, matches: _Matcher, prefix: str) -> None:
        self._call, self._given, self._matches = call, given, matches
        self._prefix = prefix
        context = given.value("context", "0")
        self._after = int(given.value("after-context", context))
        self._before = int(given.value("before-context", context))
        self._shown = -1  # the last line that was written
        self._end = "\0" if "null-data" in given else "\n"

    def search(self, data: bytes, label: str) -> bool:
        """Writes what is asked for; returns whether a line was selected."""
        given = self._given
        binary = b"\0" in data and "text" not in given and "null-data" not in given
        if binary and ("I" in given or given.value("binary-files") == "without-match"):
            return False
        text = data.decode("utf-8", "surrogateescape")
        lines = text.split(self._end)
        if lines[-1] == "":
            lines.pop()
        most = int(given.value("max-count", "-1"))
        quiet = any(name in given for name in ("quiet", "count", "files-with-matches", "files-without-match"))
        count, until = 0, -1
        for number, line in enumerate(lines):
            if most >= 0 and count >= most and number > until:
                break
            selected = (most < 0 or count < most) and self._matches.selects(line) != ("invert-match" in given)
            if selected:
                count += 1
                if quiet:
                    if "count" not in given:
                        break
                    continue
                if binary:
                    self._call.out(f"grep: {label}: binary file matches\n") if not quiet else None
                    return True
                self._write(lines, number)
                until = number + self._after
            elif number <= until and not quiet:
                self._line(lines, number, "-")
        self._summary(label, count)
        return count > 0 if "files-without-match" not in given else count == 0

    def _summary(self, label: str, count: int) -> None:
        given = self._given
        end = "\0" if "null" in given else "\n"
        if "quiet" in given:
            return
        if "files-with-matches" in given:
            if count:
                self._call.out(label + end)
        elif "files-without-match" in given:
            if not count:
                self._call.out(label + end)
        elif "count" in given:
            self._call.out(f"{self._prefix}:{count}\n" if self._prefix else f"{count}\n")

    def _write(self, lines: Sequence[str], number: int) -> None:
        if "only-matching" in self._given:
            if "invert-match" in self._given:
                return
            for begin, end in self._matches.spans(lines[number]):
                if end > begin:
                    self._call.out(f"{self._head(number, ':')}{lines[number][begin:end]}{self._end}")
            return
        first = max(number - self._before, self._shown + 1, 0)
        if (self._before or self._after) and 0 <= self._shown < first - 1:
            self._call.out("--\n")
        for before in range(first, number):
            self._line(lines, before, "-")
        self._line(lines, number, ":")

    def _line(self, lines: Sequence[str], number: int, mark: str) -> None:
        self._shown = number
        if "only-matching" not in self._given:
            self._call.out(f"{self._head(number, mark)}{lines[number]}{self._end}")

    def _head(self, number: int, mark: str) -> str:
        head = ""
        if self._prefix:
            head += self._prefix + ("\0" if "null" in self._given else mark)
        if "line-number" in self._given:
            head += f"{number + 1}{mark}"
        return head


COMMANDS: Mapping[str, Command] = {
    "egrep": grep,
    "fgrep": grep,
    "grep": grep,
}
"""This family's commands by name."""
