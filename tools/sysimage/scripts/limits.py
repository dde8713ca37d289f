"""The bounds of a run: a script is someone else's, and a build has to end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tools.sysimage.scripts.failures import Refused


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a script may do.

    Steps are commands and expansions; sizes are bytes. `word` is of one word after expansion, `expanded` of
    all words together, `variables` of what variables hold, `output` of all that is written. Of commands,
    `work` counts what they do, each unit less than a microsecond; `text` is the size of one text of theirs,
    `held` of all that one holds, `items` the lines or words that one is given, `stored` the size of files
    that they make (a file counts for more than its bytes).
    """

    steps: int = 400_000
    depth: int = 1_000
    word: int = 4 << 20
    expanded: int = 128 << 20
    fields: int = 200_000
    variables: int = 32 << 20
    output: int = 32 << 20
    work: int = 20_000_000
    text: int = 8 << 20
    held: int = 32 << 20
    items: int = 400_000
    stored: int = 64 << 20


class Meter:
    """Counts what a script has used, in all its subshells together."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.line = 0  # of the command that is executed
        self.last = ""  # that command
        self.file = ""  # where it stands
        self._steps = 0
        self._expanded = 0
        self._variables = 0
        self._output = 0
        self._work = 0
        self._stored = 0

    def refused(self, what: str, remedy: str) -> Refused:
        """Returns the one line that ends a script, with what was executed last."""
        last = self.last.replace("\n", "\\n")
        last = last if len(last) <= 200 else last[:200] + "…"
        executed = f" (last command: {last})" if last else ""
        error = Refused(f"{self.file}: line {self.line}: {what}{executed}; {remedy}")
        error.placed = True
        return error

    def step(self, count: int = 1) -> None:
        """Counts steps."""
        self._steps += count
        if self._steps > self.limits.steps:
            raise self._beyond("steps", self.limits.steps)

    def expand(self, size: int) -> None:
        """Counts the size of a word."""
        if size > self.limits.word:
            raise self._beyond("bytes in one word", self.limits.word)
        self._expanded += size
        if self._expanded > self.limits.expanded:
            raise self._beyond("bytes in all words", self.limits.expanded)

    def hold(self, size: int) -> None:
        """Counts how much more variables hold."""
        self._variables += size
        if self._variables > self.limits.variables:
            raise self._beyond("bytes in variables", self.limits.variables)

    def write(self, size: int) -> None:
        """Counts what is written."""
        self._output += size
        if self._output > self.limits.output:
            raise self._beyond("bytes of output", self.limits.output)

    def work(self, count: int) -> None:
        """Counts what a command does."""
        self._work += count
        if self._work > self.limits.work:
            raise self._beyond("units of work of commands", self.limits.work)

    def text(self, size: int) -> None:
        """Checks how large a text of a command becomes."""
        if size > self.limits.text:
            raise self._beyond("bytes in one text of a command", self.limits.text)
        self.work(size >> 6)

    def held(self, size: int) -> None:
        """Checks how much a command holds."""
        if size > self.limits.held:
            raise self._beyond("bytes that a command holds", self.limits.held)

    def items(self, count: int) -> None:
        """Checks how many lines or words a command is given."""
        if count > self.limits.items:
            raise self._beyond("lines or words for one command", self.limits.items)
        self.work(count)

    def store(self, size: int) -> None:
        """Counts what commands put into files; less than 0 is what they take away again."""
        self.work(max(size, 0) >> 6)
        self._stored = max(self._stored + size, 0)
        if self._stored > self.limits.stored:
            raise self._beyond("bytes in files that commands make", self.limits.stored)

    def nest(self, depth: int) -> None:
        """Checks how deep commands are within each other."""
        if depth > self.limits.depth:
            raise self._beyond("levels of commands within each other", self.limits.depth)

    def fields(self, count: int) -> None:
        """Checks how many words a command has."""
        if count > self.limits.fields:
            raise self._beyond("words in one command", self.limits.fields)

    def _beyond(self, what: str, limit: int) -> Refused:
        return self.refused(f"more than {limit} {what}", "say by an entry what the script does instead")


_RUNNING: list[Meter] = []


@contextmanager
def charged(meter: Meter) -> Iterator[None]:
    """Has a meter count what is spent."""
    _RUNNING.append(meter)
    try:
        yield
    finally:
        _RUNNING.pop()


def spend(count: int) -> None:
    """Counts work of whatever is deep within a command, on the script that runs; without one, nothing."""
    if _RUNNING:
        _RUNNING[-1].work(count)


def store(size: int) -> None:
    """Counts bytes of a file that a command makes, in the same way."""
    if _RUNNING:
        _RUNNING[-1].store(size)
