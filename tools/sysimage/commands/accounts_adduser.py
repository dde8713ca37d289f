"""adduser(8), addgroup(8), deluser(8), delgroup(8), systemd-sysusers(8)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.account_files import GROUP, PASSWD, Accounts
from tools.sysimage.commands.accounts_shadow import COMMANDS as SHADOW_COMMANDS
from tools.sysimage.commands.accounts_shadow import create_home
from tools.sysimage.commands.accounts_systemd import check, convert, systemd_sysusers
from tools.sysimage.commands.adduser_configuration import configuration
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given

_NONEXISTENT = re.compile(r"/+nonexistent(/|$)")
# Statuses, of AdduserRetvalues.pm.
_EXISTS, _MISSING, _OTHER, _IN_USE, _NO_NUMBER, _BAD_NAME, _BAD_CALL, _EXCLUSIVE = (
    11,
    12,
    13,
    21,
    22,
    31,
    51,
    53,
)
_NOT_EMPTY, _NOT_MEMBER = 41, 42


class _ExitError(Exception):
    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class _Run:
    """One call of adduser: its options, its configuration, the accounts."""

    call: Call
    given: Given
    config: Mapping[str, str]
    accounts: Accounts

    def check_name(self, name: str) -> None:
        """Refuses a name as `sanitize_name` does."""
        if re.fullmatch(r"-?\d+", name) or name in (".", "..") or len(name.encode()) > 32:
            raise _ExitError(_BAD_NAME, f"the name {name!r} is not allowed")
        if not re.match(r"[^-+~:,/\s][^:,/\s]*$", name):
            raise _ExitError(_BAD_NAME, f"the name {name!r} is not allowed")
        regex = self.config["SYS_NAME_REGEX" if "system" in self.given else "NAME_REGEX"]
        if re.search(regex, name):
            return
        every = "allow-all-names" in self.given
        plain = re.match(r"[a-zA-Z0-9_.@][-a-zA-Z0-9_.@]*\$?$", name)
        allowed = every or {"force-badname", "allow-badname", "allow-bad-names"} & {
            o for o, _ in self.given.options
        }
        if not allowed or not (plain or every):
            raise _ExitError(_BAD_NAME, f"the name {name!r} does not match {regex}")

    def free(self, paths: Sequence[str], low: int, high: int) -> int:
        """The lowest number that none of these databases has."""
        used = {number for path in paths for number in self.accounts[path].numbers()}
        for number in range(low, high + 1):
            if number not in used:
                return number
        raise _ExitError(_NO_NUMBER, f"no number from {low} to {high} is free")

    def range(self, kind: str, system: bool) -> tuple[int, int]:
        """The first and last number of a kind, "UID" or "GID"."""
        middle = "_SYSTEM" if system else ""
        low, high = self.given.value(f"first{kind.lower()}"), self.given.value(f"last{kind.lower()}")
        return int(low or self.config[f"FIRST{middle}_{kind}"]), int(
            high or self.config[f"LAST{middle}_{kind}"]
        )

    def is_system(self, number: int, kind: str) -> bool:
        """Whether a number is one of a system account, by the configuration alone."""
        return int(self.config[f"FIRST_SYSTEM_{kind}"]) <= number <= int(self.config[f"LAST_SYSTEM_{kind}"])

    def shadow(self, *argv: str) -> None:
        """Calls one of shadow's programs; the accounts are read anew after it."""
        status = SHADOW_COMMANDS[argv[0]](Call(self.call.world, self.call.machine, argv))
        self.accounts = Accounts(self.call)
        if status:
            raise _ExitError(82, f"`{' '.join(argv)}' returned error code {status}")

    def say(self, message: str) -> None:
        """Writes what adduser tells of its work, which is nothing unless asked for."""
        if "verbose" in self.given or "debug" in self.given:
            self.call.out(f"info: {message}\n")


def adduser(call: Call) -> int:
    """adduser(8) and addgroup(8)."""
    given = call.options(
        "--add-extra-groups",
        "--add_extra_groups",
        "--allow-all-names",
        "--allow-badname",
        "--allow-bad-names",
        "--comment=",
        "--gecos=",
        "-c --conf=",
        "--debug",
        "--disabled-login",
        "--disabled-password",
        "--firstgid=",
        "--firstuid=",
        "--force-badname",
        "--gid=",
        "--group",
        "--home=",
        "--ingroup=",
        "--lastgid=",
        "--lastuid=",
        "--no-create-home",
        "-q --quiet",
        "--shell=",
        "--system",
        "--uid=",
        "--verbose",
        "--stdoutmsglevel=",
        "--stderrmsglevel=",
        "--logmsglevel=",
    )
    run = _Run(call, given, configuration(call, given), Accounts(call))
    try:
        return _dispatch(run)
    except _ExitError as error:
        if str(error):
            call.complain(f"fatal: {error}")
        return error.status


def _dispatch(run: _Run) -> int:
    names = run.given.operands
    if not 1 <= len(names) <= 2:
        raise _ExitError(_BAD_CALL, "Only one or two names allowed.")
    group_program = run.call.name == "addgroup"
    system = "system" in run.given
    if len(names) == 2:
        if group_program or system or "group" in run.given:
            raise _ExitError(_BAD_CALL, "Specify only one name in this mode.")
        return _add_to_group(run, *names)
    [name] = names
    run.check_name(name)
    if not group_program and sum(option in run.given for option in ("group", "ingroup", "gid")) > 1:
        raise _ExitError(_EXCLUSIVE, "The --group, --ingroup, and --gid options are mutually exclusive.")
    if group_program or ("group" in run.given and not system):
        return _add_group(run, name, system)
    home = run.given.value("home")
    if home and not home.startswith("/"):
        raise _ExitError(32, "The home dir must be an absolute path.")
    return _add_system_user(run, name) if system else _add_user(run, name)


def _add_to_group(run: _Run, user: str, group: str) -> int:
    if run.accounts.user(user) is None:
        raise _ExitError(_MISSING, f"The user `{user}' does not exist.")
    row = run.accounts[GROUP].row(group)
    if row is None:
        raise _ExitError(_MISSING, f"The group `{group}' does not exist.")
    if user not in row[3].split(","):
        run.shadow("usermod", "-a", "-G", group, user)
    return 0


def _add_group(run: _Run, name: str, system: bool) -> int:
    row = run.accounts[GROUP].row(name)
    wanted = run.given.value("gid")
    if system:
        taken = run.accounts[GROUP].by_number(int(wanted)) if wanted else None
        if row is not None and wanted and row[2] != wanted:
            raise _ExitError(_OTHER, f"The group `{name}' already exists, but has a different GID. Exiting.")
        if row is not None:
            if run.is_system(int(row[2]), "GID"):
                return 0
            raise _ExitError(_OTHER, f"The group `{name}' already exists and is not a system group. Exiting.")
        if taken is not None:
            raise _ExitError(_OTHER, f"The group `{name}' already exists, but has a different GID. Exiting.")
    elif row is not None:
        raise _ExitError(_EXISTS, f"The group `{name}' already exists.")
    elif wanted and run.accounts[GROUP].by_number(int(wanted)) is not None:
        raise _ExitError(_IN_USE, f"The GID `{wanted}' is already in use.")
    gid = int(wanted) if wanted else run.free([GROUP], *run.range("GID", system))
    run.shadow("groupadd", "--badname", "-g", str(gid), name)
    return 0


def _add_system_user(run: _Run, name: str) -> int:
    given, accounts = run.given, run.accounts
    row = accounts.user(name)
    uid_wanted = given.value("uid")
    if row is not None:
        if not run.is_system(int(row[2]), "UID"):
            raise _ExitError(_OTHER, f"The user `{name}' already exists, but is not a system user. Exiting.")
        if uid_wanted and row[2] != uid_wanted:
            raise _ExitError(_OTHER, f"The user `{name}' already exists with a different UID. Exiting.")
        return 0
    if uid_wanted and accounts[PASSWD].by_number(int(uid_wanted)) is not None:
        raise _ExitError(_OTHER, f"The user `{name}' already exists with a different UID. Exiting.")
    own = "group" in given
    group = _group_of_system_user(run, name, own, uid_wanted)
    uid = int(uid_wanted) if uid_wanted else run.free([PASSWD], *run.range("UID", True))
    if own and accounts[GROUP].row(name) is None:
        gid = uid if uid_wanted else run.free([GROUP], *run.range("GID", True))
        run.shadow("groupadd", "--badname", "-g", str(gid), name)
    home = given.value("home") or "/nonexistent"
    shell = given.value("shell") or "/usr/sbin/nologin"
    run.shadow("useradd", "--badname", "-r", "-d", home, "-g", group, "-s", shell, "-u", str(uid), name)
    _comment(run, name)
    if not _NONEXISTENT.match(home) and "no-create-home" not in given:
        # Its group is what was asked for, or the number that the own group was to have.
        _make_home(run, name, home, system=True)
    return 0


def _group_of_system_user(run: _Run, name: str, own: bool, uid: str) -> str:
    """The name of its group. Raises _ExitError for one that is not there, or can't be made."""
    given, accounts = run.given, run.accounts
    if own:
        row = accounts[GROUP].row(name)
        if row is None and uid and accounts[GROUP].by_number(int(uid)) is not None:
            raise _ExitError(_IN_USE, f"The GID {uid} is already in use.")
        return name
    if "ingroup" in given:
        if accounts[GROUP].row(given.value("ingroup")) is None:
            raise _ExitError(_MISSING, f"The group `{given.value('ingroup')}' does not exist.")
        return given.value("ingroup")
    if "gid" in given:
        found = accounts[GROUP].by_number(int(given.value("gid")))
        if found is None:
            raise _ExitError(_MISSING, f"No group with GID {given.value('gid')} found.")
        return found[0]
    return "nogroup"


def _comment(run: _Run, name: str) -> None:
    for option in ("comment", "gecos"):
        if option in run.given:
            run.shadow("usermod", "-c", run.given.value(option), name)
            return


def _make_home(run: _Run, name: str, home: str, *, system: bool) -> None:
    row = run.accounts.user(name)
    if row is None:
        raise _ExitError(62)
    mode = int(run.config["SYS_DIR_MODE" if system else "DIR_MODE"], 8)
    if run.config["SETGID_HOME"].lower() == "yes":
        mode |= 0o2000
    skeleton = "" if system else run.config["SKEL"]
    create_home(run.call, home.rstrip("/") or "/", int(row[2]), int(row[3]), mode, skeleton)


def _add_user(run: _Run, name: str) -> int:
    given, accounts, config = run.given, run.accounts, run.config
    if accounts.user(name) is not None:
        raise _ExitError(_EXISTS, f"The user `{name}' already exists.")
    if "disabled-password" not in given and "disabled-login" not in given:
        run.call.refuse("adduser: asks for a password")
    own = config["USERGROUPS"].lower() == "yes" and "ingroup" not in given and "gid" not in given
    low, high = run.range("UID", False)
    if own:
        if accounts[GROUP].row(name) is not None:
            raise _ExitError(_EXISTS, f"The group `{name}' already exists.")
        uid = int(given.value("uid")) if "uid" in given else run.free([PASSWD, GROUP], low, high)
        if accounts[GROUP].by_number(uid) is not None:
            raise _ExitError(_IN_USE, f"The GID {uid} is already in use.")
        run.shadow("groupadd", "--badname", "-g", str(uid), name)
        group = str(uid)
    else:
        uid = int(given.value("uid")) if "uid" in given else run.free([PASSWD], low, high)
        wanted = given.value("ingroup") or given.value("gid") or config["USERS_GROUP"]
        row = accounts.group(wanted)
        if row is None:
            raise _ExitError(_MISSING, f"The group `{wanted}' does not exist.")
        group = row[2]
    home = given.value("home") or _home(config, name, group)
    default = "/usr/sbin/nologin" if "disabled-login" in given else config["DSHELL"]
    run.shadow(
        "useradd",
        "--badname",
        "-d",
        home,
        "-g",
        group,
        "-s",
        given.value("shell") or default,
        "-u",
        str(uid),
        name,
    )
    if not _NONEXISTENT.match(home) and "no-create-home" not in given:
        _make_home(run, name, home, system=False)
    _comment(run, name)
    extra = [config["USERS_GROUP"]] if config["USERGROUPS"].lower() == "yes" else []
    if (
        "add-extra-groups" in given
        or "add_extra_groups" in given
        or config["ADD_EXTRA_GROUPS"] not in ("0", "")
    ):
        extra += config["EXTRA_GROUPS"].split()
    for other in dict.fromkeys(extra):
        row = run.accounts[GROUP].row(other)
        if row is not None and name not in row[3].split(","):
            run.shadow("gpasswd", "-M", ",".join([*filter(None, row[3].split(",")), name]), other)
    return 0


def _home(config: Mapping[str, str], name: str, group: str) -> str:
    home = config["DHOME"]
    if config["GROUPHOMES"].lower() == "yes":
        home += f"/{group}"
    if config["LETTERHOMES"].lower() == "yes":
        home += f"/{name[0]}"
    return f"{home}/{name}"


def deluser(call: Call) -> int:
    """deluser(8) and delgroup(8)."""
    given = call.options(
        "--system",
        "--group",
        "--only-if-empty",
        "--remove-home",
        "-q --quiet",
        "--force",
        "-c --conf=",
        "--user=",
    )
    accounts = Accounts(call)
    names = given.operands
    try:
        if len(names) == 2:
            user, group = names
            if accounts.user(user) is None:
                raise _ExitError(_MISSING, f"The user `{user}' does not exist.")
            if accounts[GROUP].row(group) is None:
                raise _ExitError(_MISSING, f"The group `{group}' does not exist.")
            if not accounts.remove_member(group, user):
                raise _ExitError(_NOT_MEMBER, f"The user `{user}' is not a member of group `{group}'.")
            accounts.save()
            return 0
        [name] = names
        program = "groupdel" if call.name == "delgroup" or "group" in given else "userdel"
        row = accounts[GROUP].row(name) if program == "groupdel" else accounts.user(name)
        if row is None:
            if "system" in given:
                return 0
            raise _ExitError(_MISSING, f"`{name}' does not exist.")
        if "only-if-empty" in given and program == "groupdel" and row[3]:
            raise _ExitError(_NOT_EMPTY, f"The group `{name}' is not empty!")
        if "remove-home" in given:
            call.refuse("deluser: the option --remove-home is not modelled")
        return SHADOW_COMMANDS[program](Call(call.world, call.machine, [program, name]))
    except _ExitError as error:
        call.complain(f"fatal: {error}")
        return error.status


COMMANDS: Mapping[str, Command] = {
    "addgroup": adduser,
    "adduser": adduser,
    "delgroup": deluser,
    "deluser": deluser,
    "grpck": check,
    "grpconv": convert,
    "pwck": check,
    "pwconv": convert,
    "systemd-sysusers": systemd_sysusers,
}
"""This family's commands by name."""
