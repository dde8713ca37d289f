"""What scripts ask of the system, which has no clock, no processes and no network: fixed answers."""

import re
from collections.abc import Mapping
from decimal import Decimal

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.scripts.streams import Sink

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_VERSION = "#1 SMP PREEMPT_DYNAMIC Debian"
_CONFIGURATION = {
    "ARG_MAX": "2097152",
    "CLK_TCK": "100",
    "HOST_NAME_MAX": "64",
    "LONG_BIT": "64",
    "PAGESIZE": "4096",
    "PAGE_SIZE": "4096",
    "PATH": "/bin:/usr/bin",
    "_NPROCESSORS_CONF": "1",
    "_NPROCESSORS_ONLN": "1",
}
_NUMBER = re.compile(r"[-+]?(\d+)(?:\.(\d+))?")
_MOST = 1 << 20  # numbers that seq writes
_BROKEN_PIPE = 128 + 13  # of a program that SIGPIPE ends


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
    call.options()
    call.out(f"{_machine(call)}\n")
    return 0


def hostname(call: Call) -> int:
    """hostname(1), domainname(1), dnsdomainname(1): localhost, which has no domain."""
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
    if call.name in ("domainname", "nisdomainname", "ypdomainname"):
        call.out("(none)\n")
    elif "domain" in given or call.name == "dnsdomainname":
        # There is no domain, and no line for one.
        return 0
    elif "nis" in given:
        return call.complain("Local domain name not set")
    elif "all-ip-addresses" in given:
        call.out("\n")
    else:
        call.out("127.0.0.1\n" if "ip-address" in given else "localhost\n")
    return 0


def _nothing(status: int = 0) -> Command:
    """A command that changes nothing and says nothing."""
    return lambda _call: status


def tty(call: Call) -> int:
    """tty(1): the input is no terminal."""
    if "quiet" not in call.options("-s --silent --quiet"):
        call.out("not a tty\n")
    return 1


def tput(call: Call) -> int:
    """tput(1): there is no terminal."""
    if any(word.startswith("-") for word in call.arguments):
        call.refuse("tput is not modelled with options")
    call.complain("No value for $TERM and no -T specified")
    return 2


def getconf(call: Call) -> int:
    """getconf(1), of what is the same on all machines."""
    names = call.options().operands
    if len(names) != 1 or names[0] not in _CONFIGURATION:
        call.refuse(f"getconf {' '.join(names)} is not modelled")
    call.out(f"{_CONFIGURATION[names[0]]}\n")
    return 0


def nproc(call: Call) -> int:
    """nproc(1): one, on whatever machine the image is built."""
    call.options("--all")
    call.out("1\n")
    return 0


def which(call: Call) -> int:
    """which(1) of debianutils."""
    given = call.options("-a", "-s", permute=False)
    status = 0 if given.operands else 1
    folders = (call.variable("PATH") or "").split(":")
    for name in given.operands:
        places = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in folders]
        found = [place for place in places if call.machine.find(place) is not None]
        if not found:
            status = 1
        elif "s" not in given:
            call.out("".join(f"{place}\n" for place in (found if "a" in given else found[:1])))
    return status


def seq(call: Call) -> int:
    """seq(1), of numbers without exponents."""
    options = list(call.arguments)
    words: list[str] = []
    # A negative number is no option.
    while options and _NUMBER.fullmatch(options[-1]) and len(words) < 3:
        words.insert(0, options.pop())
        if len(options) > 0 and options[-1] in ("-s", "--separator", "-f", "--format"):
            options.append(words.pop(0))
            break
    given = Call(call.world, call.machine, [call.argv[0], *options]).options(
        "-s --separator=", "-w --equal-width", permute=False
    )
    if given.operands:
        call.refuse(f"seq: the number {given.operands[0]!r} is not modelled")
    if not words:
        return call.complain("missing operand")
    values = [Decimal(word) for word in words]
    first = values[0] if len(values) > 1 else Decimal(1)
    step = values[1] if len(values) > 2 else Decimal(1)
    last = values[-1]
    if not step:
        return call.complain(f"invalid Zero increment value: '{words[1]}'")
    count = (last - first) // step + 1 if (last - first) / step >= 0 else Decimal(0)
    if count > _MOST:
        call.refuse(f"seq: more than {_MOST} numbers are not modelled")
    places = max(len(word.partition(".")[2]) for word in words[:-1] or ["1"])
    numbers = [f"{first + step * at:.{places}f}" for at in range(int(count))]
    if "equal-width" in given:
        width = max(len(f"{value:.{places}f}") for value in (first, last))
        numbers = [number.zfill(width) for number in numbers]
    if numbers:
        call.out((given.value("separator") if "separator" in given else "\n").join(numbers) + "\n")
    return 0


def shuf(call: Call) -> int:
    """shuf(1) --input-range: the first numbers stand for those that are drawn."""
    given = call.options(
        "-i --input-range=", "-n --head-count=", "-r --repeat", "-e --echo", "-z --zero-terminated"
    )
    found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", given.value("input-range"))
    count = given.value("head-count", "1")
    if not found or given.operands or len(given.options) > 2 or not re.fullmatch(r"\d{1,4}", count):
        call.refuse(f"shuf: the words {' '.join(call.arguments)!r} are not modelled")
    first, last = int(found[1]), int(found[2])
    if "head-count" not in given and last > first:
        call.refuse("shuf: an order by chance is not modelled")
    call.world.random(call.machine, "shuf")
    call.out("".join(f"{number}\n" for number in range(first, min(last, first + int(count) - 1) + 1)))
    return 0


def yes(call: Call) -> int:
    """yes(1), whose lines have no end: those are made that the next stage of a pipeline reads."""
    words = [word for at, word in enumerate(call.arguments) if word != "--" or at]
    if words and words[0].startswith("-") and len(words[0]) > 1:
        call.refuse(f"yes: the option {words[0]} is not modelled")
    line = (" ".join(words) if words else "y").encode("utf-8", "surrogateescape") + b"\n"
    stream = call.machine.stream(1)
    if not isinstance(stream, Sink) or not stream.piped:
        call.refuse("yes: nobody ends it, as it writes into no pipeline")
    stream.endless = stream.endless or line
    return _BROKEN_PIPE


COMMANDS: Mapping[str, Command] = {
    "arch": arch,
    "clear": _nothing(),
    "false": _nothing(1),
    **dict.fromkeys(("dnsdomainname", "domainname", "hostname", "nisdomainname", "ypdomainname"), hostname),
    "getconf": getconf,
    "logger": _nothing(),
    "nproc": nproc,
    "seq": seq,
    "shuf": shuf,
    "tput": tput,
    "true": _nothing(),
    "tty": tty,
    "uname": uname,
    "which": which,
    "yes": yes,
}
"""This family's commands by name."""
