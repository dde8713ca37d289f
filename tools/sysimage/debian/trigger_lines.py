"""The file `triggers` of a package as dpkg reads it (deb-triggers(5)), with what it refuses."""

import re
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError

_DIRECTIVE = re.compile("(interest|activate)(?:-(await|noawait))?")
# The path of a file, or a name as packages have it.
_NAME = re.compile(r"(?:/[!-.0-~]+)+|[A-Za-z0-9][A-Za-z0-9+.-]*")
_SPACES = " \t\n\v\f\r"  # isspace(3)


@dataclass(frozen=True, slots=True)
class Directive:
    """A line: "interest" or "activate", whether it awaits, and the trigger."""

    kind: str
    awaits: bool
    trigger: str


def parse(text: str, where: str) -> tuple[Directive, ...]:
    """The directives, in order. Raises ToolError for what dpkg refuses; `where` is the package's file."""
    if text and not text.endswith("\n"):
        raise ToolError(f"{where}: triggers: the last line does not end, which dpkg refuses; build it again")
    found = []
    for line in text.split("\n"):
        words = line.strip(_SPACES).split(None, 1)
        if not words or words[0].startswith("#"):
            continue
        directive = _DIRECTIVE.fullmatch(words[0])
        if directive is None or len(words) < 2 or not _NAME.fullmatch(words[1]) or "\r" in line:
            raise ToolError(
                f"{where}: triggers: {line!r} is no directive and the name of a trigger, "
                "which dpkg refuses; build the package again"
            )
        found.append(Directive(directive[1], directive[2] != "noawait", words[1]))
    return tuple(found)
