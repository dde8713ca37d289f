"""A conversation of debconf with a script: what is kept of it, and how its lines are read."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sysimage.commands.debconf_database import Database

BAD, SYNTAX, HIDDEN, INTERNAL = "10", "20", "30", "100"
COUNT = f"{SYNTAX} Incorrect number of arguments"
_WORDS = re.compile(r"(\\.|\s+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the frontend finds in its environment. `read` gives a file's bytes, or raises OSError."""

    read: Callable[[str], bytes]
    display: Callable[[str], None]  # shows what an administrator has to see
    priority: str = ""  # DEBIAN_PRIORITY
    marks: bool = True  # DEBCONF_NONINTERACTIVE_SEEN


@dataclass(slots=True)
class Session:
    """A conversation with one script (Debconf::ConfModule)."""

    data: Database
    settings: Settings
    owner: str = "unknown"
    escapes: bool = False
    progress: bool = False
    asked: dict[str, tuple[str, bool]] = field(default_factory=dict)  # for GO: type, whether it marks as seen
    busy: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def finish(self) -> None:
        """Ends the conversation: what was shown is seen."""
        for name in self.seen:
            if name in self.data.questions:
                self.data.set_flag(name, "seen", "true")
        self.seen = []

    def missing(self, name: str) -> str | None:
        """Returns the answer for a question that there is not, None if there is."""
        return None if name in self.data.questions else f"{BAD} {name} doesn't exist"

    def text(self, value: str) -> str:
        """Answers with a value, escaped if the script can unescape it."""
        if not self.escapes:
            return f"0 {value}"
        return "1 " + value.replace("\\", "\\\\").replace("\n", "\\n")


def perl_words(text: str) -> list[str]:
    """Splits at ASCII's white space, as Perl's split(' ') does."""
    return [word for word in re.split(r"[ \t\n\r\f\v]+", text) if word]


def unescaped_words(text: str) -> list[str]:
    """Splits a line in which backslashes guard characters."""
    words: list[str] = []
    word = ""
    for index, chunk in enumerate(_WORDS.split(text)):
        if index % 2 == 0:
            word += chunk
        elif chunk.startswith("\\"):
            word += "\n" if chunk == "\\n" else chunk[1]
        else:
            words.append(word)
            word = ""
    if word:
        words.append(word)
    return words
