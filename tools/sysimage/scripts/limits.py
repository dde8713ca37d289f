"""The bounds of a run: a script is someone else's, and a build has to end."""

from dataclasses import dataclass

from tools.sysimage.scripts.failures import Refused


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a script may do.

    Steps are commands and expansions; sizes are bytes. `word` is of one word after expansion, `expanded` of
    all words together, `variables` of what variables hold, `output` of all that is written.
    """

    steps: int = 400_000
    depth: int = 1_000
    word: int = 4 << 20
    expanded: int = 128 << 20
    fields: int = 200_000
    variables: int = 32 << 20
    output: int = 32 << 20


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

    def refused(self, what: str, remedy: str) -> Refused:
        """Returns the one line that ends a script, with what was executed last."""
        last = self.last if len(self.last) <= 200 else self.last[:200] + "…"
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

    def nest(self, depth: int) -> None:
        """Checks how deep commands are within each other."""
        if depth > self.limits.depth:
            raise self._beyond("levels of commands within each other", self.limits.depth)

    def fields(self, count: int) -> None:
        """Checks how many words a command has."""
        if count > self.limits.fields:
            raise self._beyond("words in one command", self.limits.fields)

    def _beyond(self, what: str, limit: int) -> Refused:
        return self.refused(f"more than {limit} {what}", "end the loop or recursion, or raise the limit")
