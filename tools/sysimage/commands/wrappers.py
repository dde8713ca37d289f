"""Programs that execute another: env, nice, timeout, flock, su, runuser, chroot and their like."""

import re
from collections.abc import Mapping, Sequence

from tools.sysimage.commands.call import Call, Command

_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)[smhd]?")
_ENDLESS = re.compile(r"[-+]?inf(inity)?[smhd]?", re.IGNORECASE)


def env(call: Call) -> int:
    """env(1) and printenv(1)."""
    given = call.options("-i --ignore-environment", "-u --unset=", "-0 --null", permute=False)
    variables = call.machine.environment()
    words = list(given.operands)
    end = "\0" if "null" in given else "\n"
    if call.name == "printenv":
        names = words or list(variables)
        found = [name for name in names if name in variables]
        call.out(
            "".join(f"{variables[name] if words else f'{name}={variables[name]}'}{end}" for name in found)
        )
        return 0 if len(found) == len(names) else 1
    if "ignore-environment" in given or words[:1] == ["-"]:
        variables = {}
    if words[:1] == ["-"]:
        words.pop(0)
    for name in given.values("unset"):
        variables.pop(name, None)
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if words:
        return call.execute(words, variables)
    call.out("".join(f"{name}={value}{end}" for name, value in variables.items()))
    return 0


def _wrapper(*options: str, status: int = 125, operands: int = 0) -> Command:
    """A command that executes the rest of its words; without any, it fails with a status."""

    def run(call: Call) -> int:
        words = call.options(*options, permute=False).operands
        if len(words) <= operands:
            call.complain("missing operand")
            return status
        return call.execute(words[operands:])

    return run


def nice(call: Call) -> int:
    """nice(1); alone, it says 0."""
    words = list(call.arguments)
    if words and re.fullmatch(r"-[-+]?\d+", words[0]):
        words[:1] = ["-n", words[0][1:]]
    given = Call(call.world, call.machine, [call.argv[0], *words]).options("-n --adjustment=", permute=False)
    if "adjustment" in given and not re.fullmatch(r"[-+]?\d+", given.value("adjustment")):
        call.complain(f"invalid adjustment '{given.value('adjustment')}'")
        return 125
    if given.operands:
        return call.execute(given.operands)
    if "adjustment" in given:
        call.complain("a command must be given with an adjustment")
        return 125
    call.out("0\n")
    return 0


def timeout(call: Call) -> int:
    """timeout(1): nothing takes time."""
    given = call.options(
        "-k --kill-after=",
        "-s --signal=",
        "-p --preserve-status",
        "-f --foreground",
        "-v --verbose",
        permute=False,
    )
    if len(given.operands) < 2:
        call.complain("missing operand")
        return 125
    if not _DURATION.fullmatch(given.operands[0]):
        call.complain(f"invalid time interval '{given.operands[0]}'")
        return 125
    return call.execute(given.operands[1:])


def sleep(call: Call) -> int:
    """sleep(1): nothing takes time."""
    words = call.options().operands
    if not words:
        return call.complain("missing operand")
    if any(_ENDLESS.fullmatch(word) for word in words):
        call.refuse("sleep: it would not end")
    bad = [word for word in words if not _DURATION.fullmatch(word)]
    return call.complain(f"invalid time interval '{bad[0]}'") if bad else 0


def flock(call: Call) -> int:
    """flock(1): nobody else has a lock. A lock's file is made, as the program makes it."""
    given = call.options(
        "-s --shared",
        "-x -e --exclusive",
        "-n --nonblock",
        "-w --timeout=",
        "-E --conflict-exit-code=",
        "-u --unlock",
        permute=False,
    )
    words = list(given.operands)
    if not words:
        call.complain("requires file descriptor, file or directory")
        return 64
    if len(words) == 1:
        if not words[0].isdigit() or int(words[0]) not in call.machine.descriptors:
            call.complain(f"{words[0]}: Bad file descriptor")
            return 65 if words[0].isdigit() else 64
        return 0
    name = words.pop(0)
    if call.files.find(call.path(name)) is None:
        call.files.write(call.path(name), b"", call.umask(0o666))
    if words[0] in ("-c", "--command"):
        if len(words) != 2:
            call.complain("-c requires exactly one command argument")
            return 64
        words = ["/bin/sh", "-c", words[1]]
    return call.execute(words)


def chroot(call: Call) -> int:
    """chroot(8) to where the script is already."""
    words = call.options(permute=False).operands
    if len(words) < 2:
        call.refuse("chroot is modelled with a command alone")
    try:
        where = call.files.real_path(call.path(words[0]))
    except OSError as error:
        call.complain(f"cannot change root directory to '{words[0]}': {error.strerror}")
        return 125
    if where != "/":
        call.refuse(f"chroot: another root than the image's ({words[0]}) is not modelled")
    return call.execute(words[1:])


def _entry(call: Call, name: str) -> Sequence[str] | None:
    rows = [line.split(":") for line in call.root.text("etc/passwd").splitlines()]
    return next((row for row in rows if row[0] == name and len(row) > 6), None)


def su(call: Call) -> int:
    """su(1) and runuser(1) with -c or a command: as another user, of whom new files then are."""
    given = call.options(
        "-c --command=", "-s --shell=", "-l --login", "-m -p --preserve-environment",
        "-u --user=", "-g --group=",
        "-w --whitelist-environment=", "-f --fast", "-P --pty", permute=call.name != "setpriv",
    )  # fmt: skip
    words = [word for word in given.operands if word != "-"]
    user = given.value("user") or (words.pop(0) if words and "user" not in given else "root")
    fields = _entry(call, user)
    if fields is None:
        return call.complain(
            f"user {user} does not exist or the user entry does not contain all the required fields"
        )
    if "command" in given:
        words = [given.value("shell") or "/bin/sh", "-c", given.value("command"), *words]
    elif "user" not in given and call.name != "setpriv":
        words = [given.value("shell") or fields[6] or "/bin/sh", *words]
    variables = call.machine.environment()
    if "preserve-environment" not in given and "user" not in given:
        variables |= {"HOME": fields[5], "SHELL": fields[6], "USER": user, "LOGNAME": user}
    return execute_as(call, words, variables, int(fields[2]), int(fields[3]), _groups(call, user))


def _groups(call: Call, user: str) -> frozenset[int]:
    """The numbers of the groups that have a user as their member."""
    rows = [line.split(":") for line in call.root.text("etc/group").splitlines()]
    return frozenset(int(row[2]) for row in rows if len(row) > 3 and user in row[3].split(","))


def execute_as(
    call: Call,
    words: Sequence[str],
    variables: Mapping[str, str],
    uid: int,
    gid: int,
    groups: frozenset[int] = frozenset(),
) -> int:
    """Executes a command as another user. Returns its status."""
    files, machine = call.files, call.machine
    before = files.uid, files.gid, machine.uid, machine.gid, machine.groups
    files.uid, files.gid = machine.uid, machine.gid = uid, gid
    machine.groups = groups
    try:
        return call.execute(words, variables)
    finally:
        files.uid, files.gid, machine.uid, machine.gid, machine.groups = before


def setpriv(call: Call) -> int:
    """setpriv(1): as another user and group, with the variables as they are."""
    given = call.options(
        "--reuid=",
        "--regid=",
        "--ruid=",
        "--euid=",
        "--init-groups",
        "--clear-groups",
        "--keep-groups",
        "--no-new-privs",
        "--inh-caps=",
        permute=False,
    )
    files = call.files
    numbers = []
    for option, path, present in (("reuid", "etc/passwd", files.uid), ("regid", "etc/group", files.gid)):
        word = given.value(option)
        rows = (line.split(":") for line in call.root.text(path).splitlines())
        number = word if word.isdigit() else next((row[2] for row in rows if row[0] == word), None)
        if option not in given:
            number = str(present)
        if number is None:
            return call.complain(f"failed to parse {option}: '{word}'")
        numbers.append(int(number))
    if any(given.value(option, "0") not in ("0", "root") for option in ("ruid", "euid")):
        call.refuse("setpriv: two users at once are not modelled; give --reuid")
    groups = ("init-groups", "clear-groups", "keep-groups")
    if "regid" in given and not any(option in given for option in groups):
        return call.complain("--[re]gid requires --keep-groups, --clear-groups, --init-groups, or --groups")
    if not given.operands:
        return call.complain("No program specified")
    uid, gid = numbers
    who = frozenset[int]()
    if "keep-groups" in given:
        who = call.machine.groups
    elif "init-groups" in given:
        who = _groups(call, given.value("reuid"))
    return execute_as(call, given.operands, call.machine.environment(), uid, gid, who)


COMMANDS: Mapping[str, Command] = {
    "chroot": chroot,
    "chrt": _wrapper(
        "-b --batch",
        "-f --fifo",
        "-i --idle",
        "-o --other",
        "-r --rr",
        "-a --all-tasks",
        status=1,
        operands=1,
    ),
    "env": env,
    "flock": flock,
    "ionice": _wrapper("-c --class=", "-n --classdata=", "-t --ignore", status=1),
    "nice": nice,
    "nohup": _wrapper(),
    "printenv": env,
    "runuser": su,
    "setpriv": setpriv,
    "setsid": _wrapper("-w --wait", "-f --fork", "-c --ctty", status=1),
    "sleep": sleep,
    "stdbuf": _wrapper("-i --input=", "-o --output=", "-e --error="),
    "su": su,
    "taskset": _wrapper("-c --cpu-list", status=1, operands=1),
    "timeout": timeout,
}
"""This family's commands by name."""
