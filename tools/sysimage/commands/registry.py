"""All commands by name."""

from collections.abc import Mapping

from tools.sysimage.commands import (
    awk_run,
    basic,
    coreutils_copy,
    coreutils_look,
    coreutils_mode,
    getopt,
    grep,
    sed_run,
    system,
    text_lines,
)
from tools.sysimage.commands.call import Command

_FAMILIES = (
    awk_run,
    basic,
    coreutils_copy,
    coreutils_look,
    coreutils_mode,
    getopt,
    grep,
    sed_run,
    system,
    text_lines,
)


def _merged() -> dict[str, Command]:
    found: dict[str, Command] = {}
    for family in _FAMILIES:
        for name, command in family.COMMANDS.items():
            if name in found:
                raise ValueError(f"two families have the command {name}")
            found[name] = command
    return found


COMMANDS: Mapping[str, Command] = _merged()
"""Commands by the name that scripts call them by."""
