"""update-alternatives(1)."""

from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.effects import alternative_calls
from tools.sysimage.effects.alternative_calls import AskedError, BadUsage

_VERSION = "1.22.21"


def update_alternatives(call: Call) -> int:
    """Does what it does at once; other commands see its links and its database. Its log is not written."""
    own = call.root.packages.get("dpkg")
    try:
        return alternative_calls.call(
            call.root,
            call.world.who,
            call.arguments,
            say=lambda descriptor, line: _say(call, descriptor, line),
            stdin=call.stdin,
            environment=call.machine.environment(),
            version=own.version if own else _VERSION,
        )
    except BadUsage as error:
        _say(call, 2, f"update-alternatives: {error}\n")
        _say(call, 2, "Use 'update-alternatives --help' for program usage information.")
        return 2
    except AskedError:
        call.refuse("update-alternatives would ask which alternative to take")


def _say(call: Call, descriptor: int, line: str) -> None:
    try:
        call.machine.stream(descriptor).write(f"{line}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        return


COMMANDS: Mapping[str, Command] = {"update-alternatives": update_alternatives}
"""This family's commands by name."""
