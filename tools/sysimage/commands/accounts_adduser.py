"""adduser(8) and addgroup(8), as adduser 3.152 has them."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.account_files import GROUP, PASSWD, Accounts, members
from tools.sysimage.commands.adduser_config import (
    BAD_CALL,
    BAD_CONFIG,
    BAD_HOME,
    DIED,
    EXCLUSIVE,
    EXISTS,
    IN_USE,
    MISSING,
    NO_GROUP,
    WRONG,
    ExitError,
    NameRule,
    configuration,
    exiting,
    first_free,
    on,
    options,
    refuse_tales,
    sane_name,
)
from tools.sysimage.commands.adduser_run import Run, missing_group
from tools.sysimage.commands.call import Call, Command

_FLAGS = (
    "add-extra-groups",
    "add_extra_groups",
    "allow-all-names",
    "allow-badname",
    "allow-bad-names",
    "debug",
    "disabled-login",
    "disabled-password",
    "force-badname",
    "group",
    "no-create-home",
    "-q --quiet",
    "system",
    "verbose",
)
_TEXTS = (
    "comment",
    "-c --conf",
    "gecos",
    "home",
    "ingroup",
    "shell",
    "stdoutmsglevel",
    "stderrmsglevel",
    "logmsglevel",
)
_NUMBERS = ("firstgid", "firstuid", "gid", "lastgid", "lastuid", "uid")
_PATH = re.compile(r"[-_$.0-9a-zA-Z/]+")


def adduser(call: Call) -> int:
    """adduser(8) and addgroup(8)."""
    given = options(call, _FLAGS, _TEXTS, _NUMBERS)
    refuse_tales(call, given)
    config = configuration(call, given, ["adduser.conf"])
    bad = ("force-badname", "allow-badname", "allow-bad-names")
    level = 2 if "allow-all-names" in given else int(any(option in given for option in bad))
    regex = config["sys_name_regex" if "system" in given else "name_regex"]
    run = Run(call, given, config, Accounts(call), NameRule(regex, level))
    names = given.operands
    if not 1 <= len(names) <= 2 or not names[0]:
        raise ExitError(BAD_CALL, "Only one or two names allowed.")
    groups, system = call.name == "addgroup", "system" in given
    if len(names) == 2:
        if groups or system or "group" in given:
            raise ExitError(BAD_CALL, "Specify only one name in this mode.")
        return _add_to_group(run, sane_name(names[0]), sane_name(names[1]))
    [name] = names
    run.names.check(name)
    exclusive = sum(option in given for option in ("group", "ingroup", "gid"))
    if (not groups or system) and exclusive > 1:
        raise ExitError(EXCLUSIVE, "The --group, --ingroup, and --gid options are mutually exclusive.")
    _check_values(run)
    if groups and system:
        return _add_system_group(run, name)
    if groups or ("group" in given and not system):
        return _add_group(run, name)
    return _add_system_user(run, name) if system else _add_user(run, name)


def _check_values(run: Run) -> None:
    """Refuses what adduser dies of."""
    given = run.given
    if "ingroup" in given:
        run.names.check(given.value("ingroup"))
    comment = given.value(given.last("comment", "gecos"))
    wrong = [option for option in ("home", "shell") if option in given]
    if any(not _PATH.fullmatch(given.value(option)) for option in wrong):
        raise ExitError(DIED, "invalid characters in input string")
    if re.search(r"[\x00-\x1f\x7f:]", comment):
        raise ExitError(DIED, "unwanted chars in comment")
    if any(not given.value(option).isdigit() for option in _NUMBERS if option in given):
        raise ExitError(DIED, "invalid characters in input string")
    if "home" in given and not given.value("home").startswith("/"):
        raise ExitError(BAD_HOME, "The home dir must be an absolute path.")


def _add_to_group(run: Run, user: str, group: str) -> int:
    if run.accounts.user(user) is None:
        raise ExitError(MISSING, f"The user `{user}' does not exist.")
    row = run.accounts[GROUP].row(group)
    if row is None:
        raise missing_group(group)
    if user in members(row):
        run.call.complain(f"warn: The user `{user}' is already a member of `{group}'.")
    else:
        run.shadow("usermod", "-a", "-G", group, user)
    return 0


def _add_system_group(run: Run, name: str) -> int:
    wanted, gid = run.given.value("gid"), run.gid_of(name)
    taken = wanted not in ("", "0") and bool(run.group_of(wanted))
    if (wanted and gid and int(gid) != int(wanted)) or (gid is None and taken):
        raise ExitError(WRONG, f"The group `{name}' already exists, but has a different GID. Exiting.")
    if gid is not None:
        if run.is_system(gid, "gid"):
            return 0
        raise ExitError(WRONG, f"The group `{name}' already exists and is not a system group. Exiting.")
    if wanted and run.group_of(wanted):
        raise ExitError(IN_USE, f"The GID `{wanted}' is already in use.")
    run.add_group(name, wanted or str(run.free([GROUP], *run.gid_range("system_"))))
    return run.status


def _add_group(run: Run, name: str) -> int:
    wanted = run.given.value("gid")
    if run.gid_of(name) is not None:
        raise ExitError(EXISTS, f"The group `{name}' already exists.")
    if wanted and run.group_of(wanted):
        raise ExitError(IN_USE, f"The GID `{wanted}' is already in use.")
    run.add_group(name, wanted or str(run.free([GROUP], *run.gid_range(""))))
    return run.status


def _check_groups(run: Run) -> None:
    """Refuses groups that are not there."""
    ingroup, gid = run.given.value("ingroup"), run.given.value("gid")
    if ingroup and run.gid_of(ingroup) is None:
        raise missing_group(ingroup)
    if gid and not run.group_of(gid):
        raise ExitError(MISSING, f"No group with GID {gid} found.")


def _add_system_user(run: Run, name: str) -> int:
    given, accounts = run.given, run.accounts
    row, uid = accounts.user(name), given.value("uid")
    if row is not None:
        if not run.is_system(row[2], "uid"):
            raise ExitError(WRONG, f"The user `{name}' already exists, but is not a system user. Exiting.")
        if uid and int(row[2]) != int(uid):
            raise ExitError(WRONG, f"The user `{name}' already exists with a different UID. Exiting.")
        return 0
    if uid not in ("", "0") and run.uid_in_use(uid):
        raise ExitError(WRONG, f"The user `{name}' already exists with a different UID. Exiting.")
    own = "group" in given
    _check_groups(run)
    if own and uid and not int(uid) and run.gid_of(name) is None and run.group_of(uid):
        # Of other numbers, only groupadd knows that they are in use.
        raise ExitError(IN_USE, f"The GID {uid} is already in use.")
    group, gid = _system_group(run, name, own, uid)
    uid = uid or str(run.free([PASSWD], *run.uid_range("system_")))
    if own:
        gid = gid or uid
    if own and run.gid_of(name) is None:
        run.add_group(name, gid)
    home = given.value("home") or "/nonexistent"
    low, high = run.uid_range("system_")
    limits = ["-K", f"SYS_UID_MIN={low}", "-K", f"SYS_UID_MAX={high}"]
    shell = given.value("shell") or "/usr/sbin/nologin"
    run.shadow("useradd", "-r", *limits, "-d", home, "-g", group, "-s", shell, "-u", uid, name, names=True)
    run.set_comment(name)
    # The number that the own group was to have counts, also where there was one of its name.
    run.make_home(name, home, uid, gid, own_group=own)
    return run.status


def _system_group(run: Run, name: str, own: bool, uid: str) -> tuple[str, str]:
    """The name and the number of a system user's group; the number is "" if it is the user's."""
    if own:
        if uid:
            return name, ""
        # There has to be one for the user before one for the group is looked for.
        run.free([PASSWD], *run.uid_range("system_"))
        free = first_free(run.accounts, [GROUP], *run.gid_range("system_"))
        return name, "-1" if free is None else str(free)
    ingroup, gid = run.given.value("ingroup"), run.given.value("gid")
    if not ingroup and not gid:
        gid = run.gid_of("nogroup") or "65534"
    return (run.group_of(gid), gid) if gid else (ingroup, run.gid_of(ingroup) or "")


def _add_user(run: Run, name: str) -> int:
    given, config = run.given, run.config
    if "users_gid" in config and "users_group" in config:
        raise ExitError(
            BAD_CONFIG, "USERS_GID and USERS_GROUP both given in configuration. This is an error."
        )
    own = on(config, "usergroups") and "ingroup" not in given and "gid" not in given
    uid = given.value("uid")
    primary = _primary(run)
    if run.accounts.user(name) is not None:
        raise ExitError(EXISTS, f"The user `{name}' already exists.")
    if own:
        if run.gid_of(name) is not None:
            raise ExitError(EXISTS, f"The group `{name}' already exists.")
        if uid and run.group_of(uid):
            raise ExitError(IN_USE, f"The GID {uid} is already in use.")
    _check_groups(run)
    low, high = run.uid_range("")
    if not uid and "ingroup" in given:
        uid = str(run.free([PASSWD], low, high))
    elif not uid:
        first, last = (low, high) if on(config, "usergroups") else run.gid_range("")
        uid = str(run.free([PASSWD, GROUP], min(low, first), max(high, last)))
    if own:
        primary = uid
        run.add_group(name, primary)
    group = name if own else run.group_of(primary)
    home = given.value("home") or _home(config, name, group)
    if "disabled-login" not in given and "disabled-password" not in given:
        run.call.refuse("adduser: asks for a password; give it --disabled-password")
    if not given.last("comment", "gecos"):
        run.call.refuse("adduser: asks for a comment; give it --comment ''")
    shell = given.value("shell") or ("/usr/sbin/nologin" if "disabled-login" in given else config["dshell"])
    run.shadow("useradd", "-d", home, "-g", primary, "-s", shell, "-u", uid, name, names=True)
    run.make_home(name, home, uid, primary, own_group=own)
    run.set_comment(name)
    run.add_to_groups(name, _further_groups(run))
    if run.call.files.find("/usr/local/sbin/adduser.local") is not None:
        run.call.refuse("adduser: /usr/local/sbin/adduser.local is not modelled")
    return run.status


def _primary(run: Run) -> str:
    """The number of the primary group, if the user gets none of its own."""
    given, config = run.given, run.config
    if given.value("gid"):
        return given.value("gid")
    if given.value("ingroup"):
        return run.gid_of(given.value("ingroup")) or ""
    users_gid = config.get("users_gid")
    found = users_gid if users_gid is not None else "100"
    if users_gid is None and "users_group" in config:
        found = run.gid_of(config["users_group"]) or ""
    if found == "-1" and not on(config, "usergroups"):
        raise ExitError(NO_GROUP, "no primary GID for user set. User not created.")
    return found


def _further_groups(run: Run) -> list[str]:
    """The groups that a new user is a member of."""
    given, config = run.given, run.config
    found: list[str] = []
    if on(config, "usergroups"):
        users_gid = config.get("users_gid")
        if users_gid is None:
            found.append(config.get("users_group", "users"))
        elif users_gid != "-1":
            found.append(run.group_of(users_gid))
    extra = "add-extra-groups" in given or "add_extra_groups" in given
    if extra or config["add_extra_groups"] not in ("0", ""):
        found += config["extra_groups"].split()
    return found


def _home(config: Mapping[str, str], name: str, group: str) -> str:
    parts = [config["dhome"]]
    if on(config, "grouphomes"):
        parts.append(group)
    if on(config, "letterhomes"):
        parts.append(name[0])
    return "/".join([*parts, name])


COMMANDS: Mapping[str, Command] = {"addgroup": exiting(adduser), "adduser": exiting(adduser)}
"""This family's commands by name."""
