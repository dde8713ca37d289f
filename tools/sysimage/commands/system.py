"""What scripts ask of the system, which has no clock, no processes and no network: fixed answers."""

import calendar
import re
import time
from collections.abc import Mapping, Sequence

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.owners import group_name
from tools.sysimage.core.architecture import ARCHITECTURES

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_VERSION = "#1 SMP PREEMPT_DYNAMIC Debian"


def identity(call: Call) -> int:
    """id(1): of root, or of a user of the tree."""
    given = call.options("-u --user", "-g --group", "-n --name", "-G --groups", "-r --real")
    user = given.operands[0] if given.operands else "root"
    fields = next((f for line in _table(call, "passwd") if (f := line.split(":"))[0] == user), None)
    if fields is None and user.isdigit():
        fields = next((f for line in _table(call, "passwd") if (f := line.split(":"))[2:3] == [user]), None)
    if fields is None:
        if given.operands:
            return call.complain(f"'{user}': no such user")
        fields = ["root", "x", "0", "0"]
    names = "name" in given
    groups = [fields[3]] + [
        f[2]
        for line in _table(call, "group")
        if fields[0] in (f := line.split(":"))[3:4][0].split(",") and f[2] != fields[3]
    ]

    def group(number: str) -> str:
        return group_name(call.root, int(number))

    if "user" in given:
        call.out(f"{fields[0] if names else fields[2]}\n")
    elif "group" in given:
        call.out(f"{group(fields[3]) if names else fields[3]}\n")
    elif "groups" in given:
        call.out(" ".join(group(number) if names else number for number in groups) + "\n")
    else:
        listed = ",".join(f"{number}({group(number)})" for number in groups)
        call.out(f"uid={fields[2]}({fields[0]}) gid={fields[3]}({group(fields[3])}) groups={listed}\n")
    return 0


def _table(call: Call, name: str) -> list[str]:
    return [line for line in call.root.text(f"etc/{name}").splitlines() if line.count(":") >= 3]


def groups(call: Call) -> int:
    """groups(1)."""
    names = [*call.options().operands]
    for name in names or ("root",):
        if names:
            call.out(f"{name} : ")
        status = identity(Call(call.world, call.machine, ["id", "-Gn", name]))
        if status:
            return status
    return 0


def whoami(call: Call) -> int:
    """whoami(1) and logname(1): scripts are root's."""
    call.options()
    if call.name == "logname":
        return call.complain("no login name")
    call.out("root\n")
    return 0


def uname(call: Call) -> int:
    """uname(1): the locked kernel, the target's machine."""
    given = call.options(
        "-s --kernel-name",
        "-n --nodename",
        "-r --kernel-release",
        "-v --kernel-version",
        "-m --machine",
        "-p --processor",
        "-i --hardware-platform",
        "-o --operating-system",
        "-a --all",
    )
    values = {
        "kernel-name": "Linux",
        "nodename": "localhost",
        "kernel-release": call.world.kernel,
        "kernel-version": _VERSION,
        "machine": _machine(call),
        "processor": "unknown",
        "hardware-platform": "unknown",
        "operating-system": "GNU/Linux",
    }
    wanted = [name for name in values if name in given] or ["kernel-name"]
    if "all" in given:
        wanted = [name for name in values if name not in ("processor", "hardware-platform")]
    call.out(" ".join(values[name] for name in wanted) + "\n")
    return 0


def _machine(call: Call) -> str:
    return (
        _MACHINES.get(call.root.architecture)
        or ARCHITECTURES[call.root.architecture].triplet.partition("-")[0]
    )


def arch(call: Call) -> int:
    """arch(1)."""
    call.out(f"{_machine(call)}\n")
    return 0


def hostname(call: Call) -> int:
    """hostname(1) and domainname(1)."""
    given = call.options(
        "-f --fqdn --long",
        "-s --short",
        "-d --domain",
        "-i --ip-address",
        "-I --all-ip-addresses",
        "-y --yp --nis",
    )
    if given.operands:
        call.refuse("hostname: setting a name is not modelled")
    if "domain" in given or call.name in ("domainname", "dnsdomainname", "nisdomainname"):
        call.out("\n" if call.name == "hostname" else "(none)\n")
    elif "ip-address" in given or "all-ip-addresses" in given:
        call.out("127.0.0.1\n")
    else:
        call.out("localhost\n")
    return 0


def date(call: Call) -> int:
    """date(1): the time is the beginning of 1970, or what -d says of seconds."""
    given = call.options(
        "-u --utc --universal",
        "-d --date=",
        "-R --rfc-email",
        "-I --iso-8601[=]",
        "-r --reference=",
        "--rfc-3339=",
        "-s --set=",
    )
    text = given.value("date", "@0")
    written = re.fullmatch(r"(?:\w{3} )?(\w{3} +\d+ \d\d:\d\d:\d\d) (?:UTC )?(\d{4})", text)
    if written:
        text = f"@{calendar.timegm(time.strptime(f'{written[1]} {written[2]}', '%b %d %H:%M:%S %Y'))}"
    if not re.fullmatch(r"@\d+", text) and text not in ("now", "today", ""):
        call.refuse(f"date: the time {text!r} is not modelled")
    moment = time.gmtime(int(text[1:]) if text.startswith("@") else 0)
    form = given.operands[0] if given.operands else "+%a %b %e %H:%M:%S UTC %Y"
    if "rfc-email" in given:
        form = "+%a, %d %b %Y %H:%M:%S +0000"
    elif "iso-8601" in given:
        form = {"": "+%Y-%m-%d", "date": "+%Y-%m-%d", "seconds": "+%Y-%m-%dT%H:%M:%S+00:00"}.get(
            given.value("iso-8601"), ""
        )
    if not form.startswith("+"):
        call.refuse("date: these arguments are not modelled")
    call.out(_formatted(call, form[1:], moment) + "\n")
    return 0


def _formatted(call: Call, form: str, moment: time.struct_time) -> str:
    def value(match: re.Match[str]) -> str:
        flag, letter = match[1], match[2]
        fixed = {
            "s": str(_seconds(moment)),
            "N": "000000000",
            "n": "\n",
            "t": "\t",
            "%": "%",
            "Z": "UTC",
            "z": "+0000",
        }
        if letter in fixed:
            return fixed[letter]
        if letter not in "aAbBcCdDeFgGhHIjklmMpPrRSTuUVwWxXyY":
            call.refuse(f"date: the format %{letter} is not modelled")
        text = time.strftime(f"%{letter}", moment)
        return text.lstrip("0 ") or "0" if flag == "-" else text

    return re.sub(r"%([-_0^#]?)(\w|%)", value, form)


def _seconds(moment: time.struct_time) -> int:
    return calendar.timegm(moment)


def _nothing(*options: str, status: int = 0) -> Command:
    """A command that changes nothing and says nothing."""

    def run(call: Call) -> int:
        if options:
            call.options(*options)
        return status

    return run


def env(call: Call) -> int:
    """env(1) and printenv(1)."""
    given = call.options("-i --ignore-environment", "-u --unset=", "-C --chdir=", "-0 --null", permute=False)
    if "chdir" in given:
        call.refuse("env: the option -C is not modelled")
    variables = (
        {} if "ignore-environment" in given or "-" in given.operands[:1] else call.machine.environment()
    )
    for name in given.values("unset"):
        variables.pop(name, None)
    words = list(given.operands)
    if words[:1] == ["-"]:
        words.pop(0)
    if call.name == "printenv":
        for name in words:
            if name not in variables:
                return 1
            call.out(f"{variables[name]}\n")
        if words:
            return 0
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if words:
        return call.execute(words, variables)
    for name, value in variables.items():
        call.out(f"{name}={value}" + ("\0" if "null" in given else "\n"))
    return 0


def wrapper(*options: str, operands: int = 0) -> Command:
    """A command that executes the rest of its words: nice, timeout, setsid and others."""

    def run(call: Call) -> int:
        given = call.options(*options, permute=False)
        words = given.operands[operands:]
        return call.execute(words) if words else 0

    return run


def which(call: Call) -> int:
    """which(1) of debianutils."""
    given = call.options("-a", "-s")
    status = 0 if given.operands else 1
    for name in given.operands:
        found = call.machine.find(name)
        if found is None:
            status = 1
        elif "s" not in given:
            call.out(f"{found}\n")
    return status


def seq(call: Call) -> int:
    """seq(1), of whole numbers."""
    given = call.options("-s --separator=", "-w --equal-width", "-f --format=", permute=False)
    words = list(given.operands)
    if "format" in given or not all(re.fullmatch(r"-?\d+", word) for word in words):
        call.refuse("seq: these arguments are not modelled")
    first, step, last = 1, 1, 0
    match [int(word) for word in words]:
        case [last]:
            pass
        case [first, last]:
            pass
        case [first, step, last]:
            pass
        case _:
            return call.complain("missing operand")
    numbers = [str(number) for number in range(first, last + (1 if step > 0 else -1), step)]
    if "equal-width" in given:
        width = max(map(len, numbers), default=0)
        numbers = [number.zfill(width) for number in numbers]
    if numbers:
        call.out(given.value("separator", "\n").join(numbers) + "\n")
    return 0


def su(call: Call) -> int:
    """su(1) and runuser(1) with -c or a command: as another user, of whom new files then are."""
    given = call.options(
        "-c --command=", "-s --shell=", "-l --login", "-m -p --preserve-environment", "-u --user=", "-g --group=",
        "-w --whitelist-environment=", "-f --fast", "-P --pty", permute=call.name == "su",
    )  # fmt: skip
    words = [word for word in given.operands if word != "-"]
    user = given.value("user") or (words.pop(0) if words and "user" not in given else "root")
    fields = next((f for line in _table(call, "passwd") if (f := line.split(":"))[0] == user), None)
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
    return execute_as(call, words, variables, int(fields[2]), int(fields[3]))


def execute_as(call: Call, words: Sequence[str], variables: Mapping[str, str], uid: int, gid: int) -> int:
    """Executes a command as another user. Returns its status."""
    files, machine = call.files, call.machine
    before = files.uid, files.gid, machine.uid, machine.gid
    files.uid, files.gid = machine.uid, machine.gid = uid, gid
    try:
        return call.execute(words, variables)
    finally:
        files.uid, files.gid, machine.uid, machine.gid = before


COMMANDS: Mapping[str, Command] = {
    "arch": arch,
    "clear": _nothing(),
    "date": date,
    "dnsdomainname": hostname,
    "domainname": hostname,
    "env": env,
    "groups": groups,
    "hostname": hostname,
    "id": identity,
    "ionice": wrapper("-c --class=", "-n --classdata=", "-t --ignore", "-p="),
    "logger": _nothing(),
    "logname": whoami,
    "nice": wrapper("-n --adjustment="),
    "nohup": wrapper(),
    "printenv": env,
    "seq": seq,
    "setpriv": wrapper(
        "--reuid=",
        "--regid=",
        "--euid=",
        "--egid=",
        "--init-groups",
        "--clear-groups",
        "--groups=",
        "--no-new-privs",
        "--bounding-set=",
        "--inh-caps=",
        "--reset-env",
    ),
    "runuser": su,
    "setsid": wrapper("-w --wait", "-f --fork", "-c --ctty"),
    "sleep": _nothing(),
    "stdbuf": wrapper("-i --input=", "-o --output=", "-e --error="),
    "su": su,
    "timeout": wrapper(
        "-k --kill-after=", "-s --signal=", "--preserve-status", "--foreground", "-v", operands=1
    ),
    "tty": _nothing("-s --silent --quiet", status=1),
    "uname": uname,
    "which": which,
    "whoami": whoami,
}
"""This family's commands by name."""
