"""adduser.conf(5), and the names, numbers and options that adduser and deluser read alike."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.account_files import Accounts
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given

_DEFAULTS = {
    "dshell": "/bin/bash",
    "first_system_uid": "100",
    "last_system_uid": "999",
    "first_uid": "1000",
    "last_uid": "59999",
    "first_system_gid": "100",
    "last_system_gid": "999",
    "first_gid": "1000",
    "last_gid": "59999",
    "dhome": "/home",
    "skel": "/etc/skel",
    "usergroups": "yes",
    "grouphomes": "no",
    "letterhomes": "no",
    "dir_mode": "0700",
    "sys_dir_mode": "0755",
    "setgid_home": "no",
    "name_regex": r"^[a-zA-Z][a-zA-Z0-9_-]*\$?$",
    "sys_name_regex": r"^[a-zA-Z_][a-zA-Z0-9_-]*\$?$",
    "skel_ignore_regex": ".(dpkg|ucf)-(old|new|dist)$",
    "extra_groups": "users",
    "add_extra_groups": "0",
}
_REFUSED = ("uid_pool", "gid_pool", "quotauser", "remove_home", "remove_all_files", "backup")
_SILENT = ("warn", "err", "error", "fatal")  # levels of messages that are not of its work
_LINE = re.compile(r"""\s*(\w+)\s*=\s*([-a-zA-Z0-9_/.^$\]\[*?+|@\\":)(~,\s]*)""", re.ASCII)
_PLAIN = re.compile(r"[a-zA-Z0-9_.][a-zA-Z0-9_.-]*\$?")
_SANE = re.compile(r"[^-+~:,\s/][^:,\s/]*")
_MAX_NAME = 32  # bytes
# Statuses, of AdduserRetvalues.pm and of Perl's die().
EXISTS, MISSING, WRONG, IN_USE, NO_NUMBER, BAD_NAME = 11, 12, 13, 21, 22, 31
BAD_HOME, NOT_EMPTY, NOT_MEMBER, NO_GROUP, BAD_CALL, BAD_CONFIG = 32, 41, 42, 43, 51, 52
EXCLUSIVE, IS_ROOT, NEEDS_PERL, ABORTED, FAILED, DIED = 53, 55, 56, 61, 82, 255
REFUSED_NAME = 32


class ExitError(Exception):
    """adduser ends with a status, and what it complains of."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


def exiting(command: Command) -> Command:
    """Makes a command of one that raises ExitError."""

    def run(call: Call) -> int:
        try:
            return command(call)
        except ExitError as error:
            if str(error):
                call.complain(f"fatal: {error}")
            return error.status

    return run


def options(call: Call, flags: Sequence[str], texts: Sequence[str], numbers: Sequence[str]) -> Given:
    """Reads options as Getopt::Long does, which knows them in any case and after one hyphen too.

    Raises ExitError for a number that is none. One that is not declared ends the build by its name.
    """
    words: list[str] = []
    arguments = list(call.arguments)
    optional = ("comment", "gecos")
    while arguments:
        word = arguments.pop(0)
        match = re.fullmatch(r"--?([a-zA-Z][-\w]*)(=.*)?", word, re.DOTALL)
        if word == "--":
            words += [word, *arguments]
            break
        if match is None:
            words.append(word)
            continue
        name, value = match[1].lower(), match[2]
        name = _whole(name, [*flags, *texts, *numbers])
        words.append(f"--{name}{value or ''}")
        if name in optional and value is None and (not arguments or arguments[0].startswith("-")):
            words[-1] += "="
        elif (
            name in (*optional, *(text.split()[-1].removeprefix("--") for text in texts), *numbers)
            and value is None
            and arguments
        ):
            # A value that looks like an option is a value.
            words[-1] += f"={arguments.pop(0)}"
    declared = [*(f"--{flag}" if flag[0] != "-" else flag for flag in flags)]
    declared += [f"--{name}=" if name[0] != "-" else f"{name}=" for name in (*texts, *numbers)]
    call_like = Call(call.world, call.machine, [call.argv[0], *words])
    given = call_like.options(*declared)
    for option, text in given.options:
        if option in numbers and not re.fullmatch(r"[-+]?\d+", text or ""):
            raise ExitError(BAD_CALL, f'Value "{text}" invalid for option {option} (number expected)')
    return given


def _whole(name: str, declared: Sequence[str]) -> str:
    """The option of which a name is the beginning, if that is one only; a letter may be a name of its own."""
    known = {
        word.lstrip("-"): option.split()[-1].removeprefix("--")
        for option in declared
        for word in option.split()
    }
    if name in known:
        return known[name]
    found = {whole for option, whole in known.items() if option.startswith(name)}
    return found.pop() if len(found) == 1 else name


def configuration(call: Call, given: Given, names: Sequence[str]) -> dict[str, str]:
    """The settings of these files of /etc, or of the last one that is given by --conf."""
    found = dict(_DEFAULTS)
    for path in given.values("conf")[-1:] or [f"/etc/{name}" for name in names]:
        for line in call.root.text(path.lstrip("/")).splitlines():
            match = _LINE.match(line)
            if line.startswith("#") or match is None:
                continue
            value = re.sub(r'^"(.*)"$', r"\1", match[2], flags=re.DOTALL)
            found[match[1].lower()] = re.sub(r"^'(.*)'$", r"\1", value, flags=re.DOTALL)
    for key in _REFUSED:
        if found.get(key, "0") not in ("", "0"):
            call.refuse(f"{call.name}: the setting {key.upper()} of its configuration is not modelled")
    return found


def refuse_tales(call: Call, given: Given) -> None:
    """Ends the build where the program tells its output what it does: warnings go to descriptor 2."""
    level = given.value("stdoutmsglevel", "warn")
    if "verbose" in given or "debug" in given or level not in _SILENT:
        call.refuse(f"{call.name}: what it tells of its work is not modelled; leave --verbose out")


def on(config: Mapping[str, str], key: str) -> bool:
    """Whether a setting says yes."""
    return "yes" in config[key].lower()


def sane_name(name: str) -> str:
    """A name as `namere` allows it. Raises ExitError."""
    if not _SANE.fullmatch(name):
        raise ExitError(DIED, "invalid characters in input string")
    return name


@dataclass(frozen=True, slots=True)
class NameRule:
    """Which names are allowed."""

    regex: str  # of the configuration
    level: int  # 0, 1 for --allow-bad-names, 2 for --allow-all-names

    def check(self, name: str) -> None:
        """Refuses a name as `sanitize_name` does. Raises ExitError."""
        too_long = len(name.encode("utf-8", "surrogateescape")) > _MAX_NAME
        if re.fullmatch(r"-?\d+", name) or name in (".", "..") or too_long or not _SANE.fullmatch(name):
            raise ExitError(BAD_NAME, f"the name '{name}' is not allowed")
        if re.search(self.regex, name):
            return
        if (not _PLAIN.fullmatch(name) and self.level < 2) or not self.level:
            raise ExitError(BAD_NAME, f"the name '{name}' does not match {self.regex}")


def first_free(accounts: Accounts, paths: Sequence[str], low: int, high: int) -> int | None:
    """The lowest number that none of these databases has, None if there is none."""
    used = {number for path in paths for number in accounts[path].numbers()}
    return next((number for number in range(low, high + 1) if number not in used), None)
