"""dpkg-maintscript-helper(1) on a first installation, where it checks what it is told and does nothing."""

from collections.abc import Mapping, Sequence

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.dpkg_program import version_is_wrong

_NAME = "dpkg-maintscript-helper"
_COMMANDS = ("rm_conffile", "mv_conffile", "symlink_to_dir", "dir_to_symlink")


class _BadCall(Exception):
    """What it ends with, status 1."""


class _BadUsage(_BadCall):
    """The same, with a hint to its help."""


def maintscript_helper(call: Call) -> int:
    """Checks the arguments in the order of the real one. Called for an upgrade, it ends the build."""
    try:
        return _act(call, list(call.arguments))
    except _BadUsage as error:
        call.complain(f"error: {error}")
        call.machine.stream(2).write(f"\nUse '{_NAME} --help' for program usage information.\n".encode())
        return 1
    except _BadCall as error:
        return call.complain(f"error: {error}")


def _act(call: Call, words: list[str]) -> int:
    if not words:
        raise _BadUsage("missing command")
    command, *rest = words
    if command == "supports":
        status = 0 if rest and rest[0] in _COMMANDS else 1
        for name in ("DPKG_MAINTSCRIPT_NAME", "DPKG_MAINTSCRIPT_PACKAGE"):
            if not call.variable(name):
                status = call.complain(f"warning: environment variable {name} missing")
        return status
    if command in ("--help", "help", "-?", "--version", "_internal_pkg_must_own_file"):
        call.refuse(f"{_NAME} {command} is not modelled")
    if command not in _COMMANDS:
        raise _BadUsage(f"command {command} is unknown\nHint: upgrading dpkg to a newer version might help.")
    _check(call, command, rest)
    return 0


def _check(call: Call, command: str, words: Sequence[str]) -> None:
    count = 1 if command == "rm_conffile" else 2  # of paths
    padded = [*words, *[""] * 4]
    version, package = padded[count], padded[count + 1]
    if version == "--":
        version, package = "", ""
    if package in ("", "--"):
        package = call.variable("DPKG_MAINTSCRIPT_PACKAGE") or ""
    if "--" not in words:
        raise _BadUsage("missing arguments after --")
    arguments = words[words.index("--") + 1 :]
    script = call.variable("DPKG_MAINTSCRIPT_NAME") or ""
    names = [
        (script, "environment variable DPKG_MAINTSCRIPT_NAME is required"),
        (
            call.variable("DPKG_MAINTSCRIPT_PACKAGE") or "",
            "environment variable DPKG_MAINTSCRIPT_PACKAGE is required",
        ),
    ]
    given = (bool(arguments and arguments[0]), "maintainer script parameters are missing")
    if command.endswith("conffile"):
        checks = [(bool(package), "couldn't identify the package"), given, *names]
        labels = ("conffile",) if count == 1 else ("old-conffile", "new-conffile")
        checks += [
            (path.startswith("/"), f"{label} '{path}' is not an absolute path")
            for label, path in zip(labels, padded, strict=False)
        ]
    else:
        checks = [*names, (bool(package), "cannot identify the package"), *_paths(command, padded), given]
    wrong = next((message for holds, message in checks if not holds), "")
    if wrong:
        raise _BadCall(wrong)
    wrong = version_is_wrong(version) if version else ""
    if wrong:
        raise _BadCall(wrong)
    if len(arguments) > 1 and arguments[1] and arguments[0] != "triggered":
        call.refuse(f"{_NAME}: an upgrade from {arguments[1]}")
    if script == "postinst" and not command.endswith("conffile"):
        path = (padded[0] if command == "symlink_to_dir" else padded[0].removesuffix("/")) + ".dpkg-backup"
        if call.files.find(path, follow=False) is not None:
            call.refuse(f"{_NAME}: {path} is there, as after an upgrade")


def _paths(command: str, words: Sequence[str]) -> list[tuple[bool, str]]:
    path, target = words[0], words[1]
    if command == "symlink_to_dir":
        return [
            (bool(path), "symlink parameter is missing"),
            (path.startswith("/"), "symlink pathname is not an absolute path"),
            (not path.endswith("/"), "symlink pathname ends with a slash"),
            (bool(target), "original symlink target is missing"),
        ]
    path = path.removesuffix("/")
    return [
        (bool(path), "directory parameter is missing"),
        (path.startswith("/"), "directory parameter is not an absolute path"),
        (bool(target), "new symlink target is missing"),
    ]


COMMANDS: Mapping[str, Command] = {_NAME: maintscript_helper}
"""This family's commands by name."""
