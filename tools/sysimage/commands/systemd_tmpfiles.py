"""systemd-tmpfiles(8) --create, of files that are named or of all."""

from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.effects import tmpfiles


def systemd_tmpfiles(call: Call) -> int:
    """Makes what files of tmpfiles.d say; a line that can't be is passed over, with status 65."""
    given = call.options("--create", "--root=")
    if given.value("root", "/").rstrip("/"):
        call.refuse("systemd-tmpfiles of another root is not modelled")
    if "create" not in given:
        message = "You need to specify at least one of --clean, --create, --remove, or --purge."
        return _say(call, message, 1)
    if "-" in given.operands:
        call.refuse("systemd-tmpfiles of its input is not modelled")
    for name in given.operands:
        if tmpfiles.find(call.root, name) is None:
            return _say(call, f"Failed to read '{name}': No such file or directory", 1)
    names = list(given.operands) or tmpfiles.all_names(call.root)
    done = tmpfiles.create(call.root, call.world.who, names)
    for complaint in done.complaints:
        _say(call, complaint, done.status)
    return done.status


def _say(call: Call, message: str, status: int) -> int:
    try:
        call.machine.stream(2).write(f"{message}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        return status
    return status


COMMANDS: Mapping[str, Command] = {"systemd-tmpfiles": systemd_tmpfiles}
"""This family's commands by name."""
