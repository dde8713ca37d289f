"""deluser(8) and delgroup(8), as adduser 3.152 has them."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.account_files import GROUP, PASSWD, Accounts, members
from tools.sysimage.commands.adduser_config import (
    BAD_CALL,
    DIED,
    IS_ROOT,
    MISSING,
    NEEDS_PERL,
    NO_GROUP,
    NOT_EMPTY,
    NOT_MEMBER,
    WRONG,
    ExitError,
    NameRule,
    configuration,
    exiting,
    options,
    refuse_tales,
    sane_name,
)
from tools.sysimage.commands.adduser_run import Run, missing_group
from tools.sysimage.commands.call import Call, Command

_FLAGS = (
    "debug",
    "group",
    "no-preserve-root",
    "only-if-empty",
    "-q --quiet",
    "remove-all-files",
    "remove-home",
    "system",
    "verbose",
)
_TEXTS = ("-c --conf", "stdoutmsglevel", "stderrmsglevel", "logmsglevel")


def deluser(call: Call) -> int:
    """deluser(8) and delgroup(8). The option --group does nothing, as the program's name comes before it."""
    given = options(call, _FLAGS, _TEXTS, ())
    refuse_tales(call, given)
    config = configuration(call, given, ["adduser.conf", "deluser.conf"])
    run = Run(call, given, config, Accounts(call), NameRule("", 0))
    names = [sane_name(name) for name in given.operands]
    if not 1 <= len(names) <= 2:
        raise ExitError(BAD_CALL, "Only one or two names allowed.")
    if len(names) == 2:
        return _leave_group(run, *names)
    return _delete_group(run, names[0]) if call.name == "delgroup" else _delete_user(run, names[0])


def _delete_user(run: Run, name: str) -> int:
    call, given, system = run.call, run.given, "system" in run.given
    row = run.accounts.user(name)
    files = "remove-home" in given or "remove-all-files" in given
    perl = any("File/Find.pm" in path for path in _perl_modules(call))
    if files and not perl:
        message = "to use the --remove-home and --remove-all-files features, you need the `perl' package."
        if not system:
            raise ExitError(NEEDS_PERL, message)
        call.complain(f"warn: {message}")
    if system:
        if row is None:
            return 0
        if not run.is_system(row[2], "uid"):
            raise ExitError(WRONG, f"The user `{name}' is not a system user. Exiting.")
    if row is None:
        raise ExitError(MISSING, f"The user `{name}' does not exist.")
    if row[2] == "0" and "no-preserve-root" not in given:
        raise ExitError(IS_ROOT, "You are just about to delete the root account (uid 0).")
    if files and perl:
        call.refuse("deluser: the options --remove-home and --remove-all-files are not modelled")
    if call.files.find("/usr/bin/crontab") is None:
        if not system:
            call.complain("warn: `/usr/bin/crontab' not executed. Skipping crontab removal.")
    elif call.files.find(f"/var/spool/cron/crontabs/{name}") is not None:
        call.files.unlink(f"/var/spool/cron/crontabs/{name}")
    if call.files.find("/usr/local/sbin/deluser.local") is not None:
        call.refuse("deluser: /usr/local/sbin/deluser.local is not modelled")
    run.shadow("userdel", name)
    return 0


def _perl_modules(call: Call) -> list[str]:
    found = []
    for folder in ("usr/share/perl", "usr/share/perl-base", "usr/lib/x86_64-linux-gnu/perl-base"):
        versions = [folder, *(f"{folder}/{name}" for name in call.root.names(folder))]
        found += [f"{path}/File/Find.pm" for path in versions if call.root.tree.find(f"{path}/File/Find.pm")]
    return found


def _delete_group(run: Run, name: str) -> int:
    row = run.accounts[GROUP].row(name)
    if row is None:
        run.call.complain(f"warn: The group `{name}' does not exist.")
        return 0 if "system" in run.given else MISSING
    if "system" in run.given and not run.is_system(row[2], "gid"):
        raise ExitError(WRONG, f"The group `{name}' is not a system group. Exiting.")
    if "only-if-empty" in run.given and row[3]:
        raise ExitError(NOT_EMPTY, f"The group `{name}' is not empty!")
    run.shadow("groupdel", name)
    return 0


def _leave_group(run: Run, user: str, group: str) -> int:
    # Names are read more strictly here, so that no others leave a group.
    if not re.fullmatch("[a-zA-Z0-9 _]*", user) or not re.fullmatch("[a-zA-Z0-9 _]*", group):
        raise ExitError(DIED, "invalid characters in input string")
    who, row = run.accounts[PASSWD].row(user), run.accounts[GROUP].row(group)
    if who is None:
        raise ExitError(MISSING, f"The user `{user}' does not exist.")
    if row is None:
        raise missing_group(group)
    if who[3] != "0" and run.group_of(who[3]) == group:
        raise ExitError(NO_GROUP, "You may not remove the user from their primary group.")
    known = [member for member in members(row) if run.accounts.user(member)]
    if user not in known:
        raise ExitError(NOT_MEMBER, f"The user `{user}' is not a member of group `{group}'.")
    run.shadow("gpasswd", "-M", ",".join(member for member in known if member != user), group)
    return 0


COMMANDS: Mapping[str, Command] = {"delgroup": exiting(deluser), "deluser": exiting(deluser)}
"""This family's commands by name."""
