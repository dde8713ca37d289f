"""Programs that ask a running systemd, kernel or bus: what they say in a chroot where none answers."""

import re
from collections.abc import Mapping, Sequence

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.effects import catalog

_CHROOT = "Running in chroot, ignoring request."
_NOT_BOOTED = """System has not been booted with systemd as init system (PID 1). Can't operate.
Failed to connect to system scope bus via local transport: Host is down"""
_SAFE = re.compile(rb"[A-Za-z0-9:_.]")
_CATALOG = 40  # the effect's place among those at the end


def _say(call: Call, message: str, status: int) -> int:
    try:
        call.machine.stream(2).write(f"{message}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        return status
    return status


def udevadm(call: Call) -> int:
    """udevadm(8): control, trigger and settle are ignored in a chroot; a device is never there."""
    verb = call.arguments[0] if call.arguments else ""
    if verb in ("control", "trigger", "settle"):
        return _say(call, _CHROOT, 0)
    if verb == "hwdb":
        return systemd_hwdb(call)
    if verb == "--version":
        package = call.root.packages.get("udev")
        call.out(f"{package.version.partition('.')[0].partition('-')[0] if package else 257}\n")
        return 0
    if verb != "info":
        call.refuse(f"udevadm {verb} is not modelled")
    return _say(call, "Unknown device: No such device", 1)


def systemd_hwdb(call: Call) -> int:
    """systemd-hwdb(8): nothing is done without files; the index is otherwise made where it lacks, at boot."""
    folders = ("/etc/udev/hwdb.d", "/usr/lib/udev/hwdb.d")
    there = any(call.files.names(folder) for folder in folders if call.files.find(folder))
    return call.leave("cache") if there else _say(call, "No hwdb files found, skipping.", 0)


def journalctl(call: Call) -> int:
    """journalctl(1) --update-catalog, once at the end: nothing reads the index before."""
    given = call.options("--update-catalog")
    if "update-catalog" not in given:
        call.refuse("journalctl reads a journal that no machine has written")
    who = call.world.who
    call.root.late.setdefault((_CATALOG, ""), lambda root: catalog.update(root, who))
    return 0


def init(call: Call) -> int:
    """telinit(8), init(8), runlevel(8) as links to systemctl: ignored, with no output."""
    return _say(call, _CHROOT, 0)


def networkctl(call: Call) -> int:
    """networkctl(1) in a chroot."""
    verb = next((word for word in call.arguments if not word.startswith("-")), "list")
    return _say(call, f"Running in chroot, ignoring command '{verb}'", 0)


def no_bus(call: Call) -> int:
    """loginctl(1), timedatectl(1), hostnamectl(1), localectl(1), resolvectl(1): there is no bus to ask."""
    if "--help" in call.arguments or "--version" in call.arguments:
        call.refuse(f"the output of {call.name} --help is not modelled")
    return _say(call, _NOT_BOOTED, 1)


def busctl(call: Call) -> int:
    """busctl(1) without a bus."""
    return _say(
        call, "Failed to connect to system scope bus via local transport: No such file or directory", 1
    )


def dbus_send(call: Call) -> int:
    """dbus-send(1) without a bus."""
    scope = "session" if "--session" in call.arguments else "system"
    if scope == "session":
        call.refuse("dbus-send to a session's bus is not modelled")
    where = "Failed to connect to socket /run/dbus/system_bus_socket: No such file or directory"
    return _say(call, f'Failed to open connection to "{scope}" message bus: {where}', 1)


def systemd_notify(call: Call) -> int:
    """systemd-notify(1) --booted: no."""
    if list(call.arguments) != ["--booted"]:
        call.refuse("systemd-notify is modelled with --booted alone")
    return 1


def systemd_detect_virt(call: Call) -> int:
    """systemd-detect-virt(1): a chroot it is; what machine builds the image is not to be asked."""
    given = call.options("-c --container", "-r --chroot", "-q --quiet", "-v --vm")
    if "chroot" in given:
        return 0
    if "quiet" not in given:
        call.out("none\n")
    return 1


def pidof(_call: Call) -> int:
    """pidof(8), pgrep(1), pkill(1), killall(1): no process of the image runs."""
    return 1


def ischroot(_call: Call) -> int:
    """ischroot(1): it is one."""
    return 0


def aa_enabled(call: Call) -> int:
    """aa-enabled(1), on a kernel without AppArmor."""
    given = call.options("-q --quiet", "-x --exclusive")
    if "quiet" not in given:
        call.out("No - not available on this system.\n")
    return 1


def aa_status(call: Call) -> int:
    """aa-status(8), on a kernel without AppArmor."""
    if not set(call.arguments) & {"--enabled", "--verbose", "-v"} and call.arguments:
        call.refuse("this call of aa-status is not modelled")
    if list(call.arguments) != ["--enabled"]:
        call.out("apparmor module is not loaded.\n")
    return 1


def kernel(call: Call) -> int:
    """Programs that set something in a running kernel; the guest does it by its own services."""
    return call.leave("kernel")


def selinux_enabled(_call: Call) -> int:
    """selinuxenabled(8): no."""
    return 1


def restorecon(_call: Call) -> int:
    """restorecon(8) does nothing where SELinux is off."""
    return 0


def systemd_escape(call: Call) -> int:
    """systemd-escape(1)."""
    given = call.options(
        "-p --path", "-u --unescape", "-m --mangle", "--suffix=", "--template=", "--instance"
    )
    if (
        "mangle" in given
        or "instance" in given
        or ("unescape" in given and ("suffix" in given or "template" in given))
    ):
        call.refuse("this call of systemd-escape is not modelled")
    if not given.operands:
        return _say(call, "Not enough arguments.", 1)
    call.out(
        " ".join(
            _escaped(call, word, given.value("suffix"), given.value("template")) for word in given.operands
        )
    )
    call.out("\n")
    return 0


def _escaped(call: Call, word: str, suffix: str, template: str) -> str:
    given = call.options("-p --path", "-u --unescape", "--suffix=", "--template=")
    path = "path" in given
    if "unescape" in given:
        text = "/" if path and word == "-" else _unescape(word)
        return f"/{text}" if path and text != "/" else text
    if path:
        parts: Sequence[str] = [part for part in word.split("/") if part not in ("", ".")]
        if ".." in parts:
            call.refuse(f"systemd-escape --path {word} is not modelled")
        word = "/".join(parts) or "/"
    escaped = "-" if path and word == "/" else _escape(word)
    if suffix:
        return f"{escaped}.{suffix}"
    if template:
        stem, _, kind = template.rpartition(".")
        if not stem.endswith("@"):
            call.refuse(f"{template} is no template")
        return f"{stem}{escaped}.{kind}"
    return escaped


def _escape(word: str) -> str:
    done = ""
    for number, byte in enumerate(word.encode("utf-8", "surrogateescape")):
        character = bytes([byte])
        if character == b"/":
            done += "-"
        elif _SAFE.match(character) and not (number == 0 and character == b"."):
            done += character.decode()
        else:
            done += f"\\x{byte:02x}"
    return done


def _unescape(word: str) -> str:
    parts = re.split(r"(\\x[0-9a-f]{2})", word)
    data = b"".join(
        bytes([int(part[2:], 16)])
        if number % 2
        else part.replace("-", "/").encode("utf-8", "surrogateescape")
        for number, part in enumerate(parts)
    )
    return data.decode("utf-8", "surrogateescape")


COMMANDS: Mapping[str, Command] = {
    "udevadm": udevadm,
    "systemd-hwdb": systemd_hwdb,
    "journalctl": journalctl,
    **dict.fromkeys(("telinit", "runlevel", "init"), init),
    "networkctl": networkctl,
    **dict.fromkeys(("loginctl", "timedatectl", "hostnamectl", "localectl"), no_bus),
    "busctl": busctl,
    "dbus-send": dbus_send,
    "systemd-notify": systemd_notify,
    "systemd-detect-virt": systemd_detect_virt,
    "systemd-escape": systemd_escape,
    **dict.fromkeys(("pidof", "pgrep", "pkill", "killall"), pidof),
    "ischroot": ischroot,
    "aa-enabled": aa_enabled,
    **dict.fromkeys(("aa-status", "apparmor_status"), aa_status),
    **dict.fromkeys(
        ("apparmor_parser", "sysctl", "modprobe", "rmmod", "insmod", "setfont", "loadkeys"),
        kernel,
    ),
    "selinuxenabled": selinux_enabled,
    "restorecon": restorecon,
}
"""This family's commands by name."""
