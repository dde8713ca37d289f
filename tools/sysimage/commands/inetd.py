"""update-inetd(8): the lines of inetd.conf(5), as DebianNet.pm 1.13 edits them.

Patterns are Perl's, of which those are read that Python reads alike.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.call import Call, Command

_VALUES = ("--file", "--group", "--comment-chars", "--pattern")
_MODES = ("--add", "--remove", "--enable", "--disable")
_DIRECT = re.compile(r"[\w #<>./:,=@%&~!^$*+?|()\\\[\]{}-]*")
# A service, what kind of socket, whose it is, and its program; what follows are its arguments.
_PARAMETERS = re.compile(r"^(\w\S+\W+\w+\W+\w\S+\W+\w\S+\W+\w\S+\W+\S+\W+\S+).*")


@dataclass(slots=True)
class _Inetd:
    call: Call
    path: str = "/etc/inetd.conf"
    mark: str = "#<off># "  # before a line that is off
    multiple: bool = False
    group: str = "OTHER"
    pattern: str = ""

    def compiled(self, text: str) -> re.Pattern[str]:
        # In Python, \W and \w are of all letters, and \Z is another.
        if not _DIRECT.fullmatch(text) or re.search(
            r"\(\?|\\[^\w.*+?^$|(){}/\[\]-]|\\[zZGKAQELURXNHhVvpPkg0-9]", text
        ):
            self.call.refuse(f"update-inetd: the pattern {text!r} is not modelled")
        try:
            return re.compile(text, re.ASCII)
        except re.error:
            self.call.refuse(f"update-inetd: the pattern {text!r} is not modelled")

    def lines(self) -> list[str] | None:
        if self.call.files.find(self.call.path(self.path)) is None:
            return None
        text = self.call.files.read(self.call.path(self.path)).decode("utf-8", "surrogateescape")
        return text.removesuffix("\n").split("\n") if text else []

    def write(self, lines: Sequence[str]) -> None:
        """Puts a new file in the place of the old one, as mv(1) of a temporary one does."""
        where, _ = self.call.files.lookup(self.call.path(self.path), follow=False)
        if where in self.call.files.tree:
            self.call.files.unlink(f"/{where}")
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        self.call.files.write(f"/{where}", data)
        self.call.files.get(f"/{where}").mode = 0o644

    def warn(self, text: str) -> int:
        self.call.complain(f"warning: {text}")
        return 0

    def add(self, entry: str) -> int:
        """Adds a line at the end of its group's lines, if there is none for the service."""
        entry = entry.removesuffix("\n").replace("\\t", "\t")
        match = re.search(r"(\W*\w+)\s+.*", entry, re.ASCII)
        service = entry[: match.start()] + match[1] + entry[match.end() :] if match else entry
        plain = re.sub(r"^#([A-Za-z].*)", r"\1", service)
        lines = self.lines()
        if lines is None:
            return self.warn(f"cannot add service, {self.path} does not exist")
        if self._any(lines, f"^{self.mark}{plain}\\s+"):
            return self.enable(plain)
        if self._any(lines, f"^{plain}\\s+"):
            if not self._any(lines, f"^#?.*{self._searched(entry)}.*"):
                self.call.refuse(f"update-inetd: another line for {plain} in {self.path} is not modelled")
            return 0
        if self._any(lines, rf"^#\s*{plain}\s+"):
            return 0
        if service.startswith("#") and self._any(lines, rf"^{service[1:]}\s+"):
            return 0
        heading = self.compiled(f"^#:{self.group.upper()}:")
        made: list[str] = []
        waiting = done = False
        for line in lines:
            waiting = waiting or heading.search(line) is not None
            if waiting and not re.search(r"[a-zA-Z#]", line):
                made.append(entry)
                waiting, done = False, True
            made.append(line)
        self.write(made if done else [*made, entry])
        return 0

    def _searched(self, entry: str) -> str:
        """The expression by which it knows a line whose arguments may be others."""
        text = re.sub(rf"^{self.mark}", "", entry)
        text = _PARAMETERS.sub(r"\1", re.sub(r"^#([A-Za-z].*)", r"\1", text))
        text = re.sub(r"[ \t]+", " ", text).replace(" ", "\\s+")
        return re.sub(r"\\s\+/\S+\\s\+/\S+", lambda _match: r"\s+\S+\s+\S+", text)

    def _any(self, lines: Sequence[str], pattern: str) -> bool:
        compiled = self.compiled(pattern)
        return any(compiled.search(f"{line}\n") for line in lines)

    def remove(self, service: str) -> int:
        """Removes the lines of a service, be they on or off."""
        lines = self.lines() or []
        on = self.compiled(f"^{service}\\s+")
        off = self.compiled(f"^{self.mark}{service}\\s+")
        pattern = self.compiled(self.pattern)
        for one in (on, off):
            self._check_count(service, lines, one)
        kept = [
            line for line in lines if not ((on.search(line) or off.search(line)) and pattern.search(line))
        ]
        if len(kept) < len(lines):
            self.write(kept)
        return 0

    def disable(self, service: str) -> int:
        """Puts the mark before the lines of a service."""
        lines = self.lines() or []
        pattern = self.compiled(self.pattern)
        self._check_count(service, lines, self.compiled(f"^{service}\\s+"))
        on = self.compiled(rf"^{service}\s+\w+\s+")
        self._change(
            lines, lambda line: self.mark + line if on.search(line) and pattern.search(line) else line
        )
        return 0

    def enable(self, service: str) -> int:
        """Takes the mark away."""
        lines = self.lines()
        if lines is None:
            return self.warn(f"cannot enable service, {self.path} does not exist")
        pattern = self.compiled(self.pattern)
        off = self.compiled(rf"^{self.mark}{service}\s+\w+\s+")
        mark = self.compiled(f"^{self.mark}")
        self._change(
            lines, lambda line: mark.sub("", line) if off.search(line) and pattern.search(line) else line
        )
        return 0

    def _check_count(self, service: str, lines: Sequence[str], asked: re.Pattern[str]) -> None:
        pattern = self.compiled(self.pattern)
        count = sum(bool(asked.search(f"{line}\n") and pattern.search(f"{line}\n")) for line in lines)
        if count > 1 and not self.multiple:
            self.call.refuse(f"update-inetd: {count} lines for {service}, without --multi, is not modelled")

    def _change(self, lines: Sequence[str], change: Callable[[str], str]) -> None:
        made = [change(line) for line in lines]
        if made != list(lines):
            self.write(made)


def update_inetd(call: Call) -> int:
    """update-inetd(8): --add, --remove, --enable and --disable; no inetd is there to be told."""
    inetd = _Inetd(call)
    words = list(call.arguments)
    mode = ""
    while words and words[0].startswith("-"):
        word = words.pop(0)
        value = words.pop(0) if word in _VALUES and words else ""
        if word in _MODES:
            mode = word
        elif word == "--multi":
            inetd.multiple = True
        elif word == "--file" and value:
            inetd.path = value
        elif word == "--group" and value:
            inetd.group = value
        elif word == "--comment-chars" and value.startswith("#"):
            inetd.mark = value
        elif word == "--pattern" and value:
            inetd.pattern = value
        else:
            call.refuse(f"update-inetd: the option {word} is not modelled")
    separated = len(words) == 1 and re.search(r"\s|\\t", words[0]) is not None
    if not mode or len(words) != 1 or (mode != "--remove" and separated != (mode == "--add")):
        call.refuse(f"update-inetd {' '.join(call.arguments)} is not modelled")
    [word] = words
    if mode == "--add":
        return inetd.add(word)
    if mode == "--remove":
        return inetd.remove(word)
    for service in word.split(","):
        (inetd.enable if mode == "--enable" else inetd.disable)(service)
    return 0


COMMANDS: Mapping[str, Command] = {"update-inetd": update_inetd}
"""This family's commands by name."""
