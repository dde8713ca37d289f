"""Extended attributes and flags of files: setcap, getcap, setfattr, chattr."""

import re
import struct
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_words import exists, not_modelled, reason
from tools.sysimage.core.tree import Inode, Kind

CAPABILITIES = [
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control",
    "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
    "perfmon", "bpf", "checkpoint_restore",
]  # fmt: skip
"""Names of capabilities(7) by their number, without "cap_"."""
_ALL = (1 << len(CAPABILITIES)) - 1
_NAME = "security.capability"
_REVISION, _EFFECTIVE = 0x0200_0000, 1  # VFS_CAP_REVISION_2, VFS_CAP_FLAGS_EFFECTIVE
_CLAUSE = re.compile(r"([a-z0-9_,]*)((?:[-+=][eip]*)+)", re.IGNORECASE)


class BadCapabilitiesError(Exception):
    """Text that says no capabilities (cap_text_formats(7))."""


def parse(text: str) -> dict[str, int]:
    """Reads capabilities. Returns the sets "e", "i" and "p" as bits. Raises BadCapabilitiesError."""
    sets = dict.fromkeys("eip", 0)
    if not text.split():
        raise BadCapabilitiesError(text)
    for clause in text.split():
        match = _CLAUSE.fullmatch(clause)
        if match is None or (not match[1] and match[2][0] != "="):
            raise BadCapabilitiesError(text)
        bits = _bits(match[1]) if match[1] else _ALL
        for operator, letters in re.findall(r"([-+=])([eipEIP]*)", match[2]):
            for letter in sets:
                chosen = letter in letters.lower()
                if operator == "=":
                    sets[letter] &= ~bits
                if chosen:
                    sets[letter] = sets[letter] & ~bits if operator == "-" else sets[letter] | bits
    return sets


def _bits(names: str) -> int:
    bits = 0
    for name in names.lower().split(","):
        if name == "all":
            bits |= _ALL
        elif name.removeprefix("cap_") in CAPABILITIES and name.startswith("cap_"):
            bits |= 1 << CAPABILITIES.index(name.removeprefix("cap_"))
        else:
            raise BadCapabilitiesError(name)
    return bits


def encode(sets: Mapping[str, int]) -> bytes:
    """Returns the value of security.capability, revision 2 (capabilities(7), linux/capability.h).

    Raises BadCapabilitiesError if only some of what is permitted or inheritable is effective.
    """
    effective, inheritable, permitted = sets["e"], sets["i"], sets["p"]
    if effective and effective != permitted | inheritable:
        raise BadCapabilitiesError("effective")
    magic = _REVISION | (_EFFECTIVE if effective else 0)
    low, high = 0xFFFF_FFFF, 32
    return struct.pack(
        "<5I", magic, permitted & low, inheritable & low, permitted >> high, inheritable >> high
    )


def decode(value: bytes) -> dict[str, int]:
    """Returns the sets of a security.capability of revision 2 or 3."""
    magic, permitted, inheritable, permitted_high, inheritable_high = struct.unpack_from("<5I", value)
    sets = {"p": permitted | permitted_high << 32, "i": inheritable | inheritable_high << 32}
    return sets | {"e": sets["p"] | sets["i"] if magic & _EFFECTIVE else 0}


def text_of(sets: Mapping[str, int]) -> str:
    """Returns capabilities as getcap(8) writes them, if all have the same flags; else ""."""
    groups: dict[str, list[str]] = {}
    for number, name in enumerate(CAPABILITIES):
        flags = "".join(letter for letter in "eip" if sets[letter] >> number & 1)
        if flags:
            groups.setdefault(flags, []).append(f"cap_{name}")
    if len(groups) > 1 or any(len(names) * 2 > len(CAPABILITIES) for names in groups.values()):
        return ""
    return "".join(f"{','.join(names)}={flags}" for flags, names in groups.items()) or "="


def setcap(call: Call) -> int:
    """setcap(8)."""
    words = list(call.arguments)
    quiet = False
    while words and words[0] in ("-q", "--"):
        quiet |= words.pop(0) == "-q"
    if not words or len(words) % 2 or words[0] in ("-v", "-n", "-f", "-"):
        not_modelled(call, "this form")
    for text, name in zip(words[::2], words[1::2], strict=True):
        status = _setcap(call, text, name)
        if status:
            return status
    return 0


def _setcap(call: Call, text: str, name: str) -> int:
    value = None
    if text != "-r":
        try:
            value = encode(parse(text))
        except BadCapabilitiesError as error:
            if str(error) == "effective":
                not_modelled(call, "a set that is effective in part")
            return _fatal(
                call,
                f"fatal error: Invalid argument\nusage: {call.name} [-q] [-v] [-n <rootid>] (-r|-|<caps>)",
            )
    inode = call.files.find(call.path(name), follow=False)
    if inode is None or inode.kind is not Kind.FILE:
        what = "No such file or directory" if inode is None else "Invalid argument"
        return _fatal(call, f"Failed to set capabilities on file '{name}': {what}")
    if value is None and _NAME not in inode.xattrs:
        return _fatal(call, f"Failed to set capabilities on file '{name}': No data available")
    _set(call, inode, name, _NAME, value)
    return 0


def _fatal(call: Call, message: str) -> int:
    call.machine.stream(2).write(f"{message}\n".encode("utf-8", "surrogateescape"))
    return 1


def _set(call: Call, inode: Inode, name: str, attribute: str, value: bytes | None) -> None:
    inode.xattrs = {key: old for key, old in inode.xattrs.items() if key != attribute}
    if value is not None:
        inode.xattrs = {**inode.xattrs, attribute: value}
    path = call.files.lookup(call.path(name))[0]
    call.world.journal.note(path, f"{attribute} {'removed' if value is None else 'set'}")


def getcap(call: Call) -> int:
    """getcap(8)."""
    given = call.options("-v")
    for name in given.operands:
        inode = call.files.find(call.path(name), follow=False)
        if inode is None:
            call.machine.stream(2).write(f"{name} (No such file or directory)\n".encode())
            return 1
        value = inode.xattrs.get(_NAME)
        if value is None:
            if "v" in given:
                call.out(f"{name}\n")
            continue
        text = text_of(decode(value))
        if not text:
            not_modelled(call, f"writing the capabilities of {name}")
        call.out(f"{name} {text}\n")
    return 0


def setfattr(call: Call) -> int:
    """setfattr(1), with values as plain text, in base 64 or hexadecimal."""
    given = call.options("-n --name=", "-v --value=", "-x --remove=", "-h --no-dereference")
    attribute = given.value("name") or given.value("remove")
    value = None if "remove" in given else _value(call, given.value("value"))
    status = 0
    for name in given.operands:
        try:
            inode = call.files.get(call.path(name), follow="no-dereference" not in given)
        except OSError as error:
            status = call.complain(f"{name}: {reason(error)}")
            continue
        if value is None and attribute not in inode.xattrs:
            status = call.complain(f"{name}: No such attribute")
            continue
        _set(call, inode, name, attribute, value)
    return status


def _value(call: Call, text: str) -> bytes:
    if text[:2] in ("0x", "0X"):
        return bytes.fromhex(text[2:])
    if text[:2] in ("0s", "0S") or text[:1] == '"' or "\\" in text:
        not_modelled(call, f"the value {text!r}")
    return text.encode("utf-8", "surrogateescape")


def chattr(call: Call) -> int:
    """chattr(1): flags are no part of an image; those by which a file can't be changed end the build."""
    recursive = "-R" in call.arguments
    words = [word for word in call.arguments if word not in ("-R", "-f", "-V", "--")]
    if not words or not re.fullmatch(r"[-+=][aAcCdDijPsStTuFxm]*", words[0]) or recursive:
        not_modelled(call, "this form")
    flags, *names = words
    if flags[0] != "-" and set(flags) & set("ai"):
        not_modelled(call, f"a file that nothing can change ({flags})")
    status = 0
    for name in names:
        if not exists(call, name):
            status = call.complain(f"No such file or directory while trying to stat {name}")
        elif "C" in flags and flags[0] != "-":
            status = call.complain(f"Operation not supported while setting flags on {name}")
    return status


COMMANDS: Mapping[str, Command] = {"chattr": chattr, "getcap": getcap, "setcap": setcap, "setfattr": setfattr}
"""This family's commands by name."""
