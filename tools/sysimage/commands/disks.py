"""What scripts ask of disks and devices: df, du, dd, mountpoint, sync; test as a program.

A tree is on no disk: df tells of one of 64 GiB, half of it free.
"""

import errno
import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_look import size_of
from tools.sysimage.commands.coreutils_words import not_modelled, numbered, quoted, reason
from tools.sysimage.commands.tree_files import Buffer
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.scripts import builtin_test
from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.marked import inward
from tools.sysimage.scripts.redirect import RANDOM

_SIZE, _USED = 64 << 30, 32 << 30
_MOUNTED = ("", "proc", "sys", "dev", "dev/pts")


def df(call: Call) -> int:
    """df(1): the root filesystem, in POSIX's format or as columns (--output)."""
    given = call.options("-P --portability", "-k", "-m", "-B --block-size=", "-l --local", "--output=", "-T")
    unit = 1 << 20 if "m" in given else 1024
    if "block-size" in given:
        unit = numbered(call, re.sub(r"^(?=[kKMG])", "1", given.value("block-size")), "block size")
    status = 0
    for operand in given.operands:
        if call.files.find(call.path(operand)) is None:
            status = call.complain(f"{operand}: No such file or directory")
    if status and len(given.operands) == 1:
        return status
    count = len(given.operands) or 1
    size, used, free = (-(-number // unit) for number in (_SIZE, _USED, _SIZE - _USED))
    if "output" in given:
        fields = {"avail": ("Avail", free), "size": (f"{unit // 1024}K-blocks", size), "used": ("Used", used)}
        name = given.value("output")
        if name not in fields or "T" in given:
            not_modelled(call, f"--output={name}")
        head, number = fields[name]
        width = max(len(head), len(str(number)))
        call.out(f"{head:>{width}}\n" + f"{number:>{width}}\n" * count)
        return status
    blocks = f"{unit}-blocks" if "portability" in given else f"{unit // 1024}K-blocks"
    capacity = "Capacity" if "portability" in given else "Use%"
    rows: list[tuple[str, ...]] = [("Filesystem", blocks, "Used", "Available", capacity, "Mounted on")]
    rows += [("/dev/root", str(size), str(used), str(free), "50%", "/")] * count
    if "T" in given:
        # du counts blocks as this one does, too.
        rows = [(name, "Type" if not at else "ext4", *rest) for at, (name, *rest) in enumerate(rows)]
    last = len(rows[0]) - 1
    widths = [max(len(row[column]) for row in rows) for column in range(last)]
    for row in rows:
        texts = last - 4  # at the left
        cells = [cell.ljust(width) for cell, width in zip(row[:texts], widths, strict=False)]
        cells += [cell.rjust(width) for cell, width in zip(row[texts:last], widths[texts:], strict=True)]
        call.out(" ".join([*cells, row[last]]) + "\n")
    return status


def du(call: Call) -> int:
    """du(1), in blocks of 4 KiB as ext4 has them, or with -b in bytes."""
    given = call.options(
        "-s --summarize", "-k", "-b --bytes", "-x --one-file-system", "-m", "-c --total", "-L"
    )
    if "summarize" not in given or "total" in given or "L" in given:
        not_modelled(call, "output of other than one sum")
    status = 0
    for operand in given.operands or (".",):
        path, inode = call.files.lookup(call.path(operand), follow=False)
        if inode is None:
            status = call.complain(f"cannot access {quoted(operand)}: No such file or directory")
            continue
        seen: set[int] = set()
        total = 0
        for _, below in call.files.tree.walk(path):
            if id(below) not in seen:
                seen.add(id(below))
                total += size_of(below) if "bytes" in given else _allocated(below)
        unit = 1 if "bytes" in given else 1 << 20 if "m" in given else 1024
        call.out(f"{-(-total // unit)}\t{operand}\n")
    return status


def _allocated(inode: Inode) -> int:
    return -(-size_of(inode) // 4096) * 4096 if inode.kind in (Kind.FILE, Kind.DIRECTORY) else 0


def mountpoint(call: Call) -> int:
    """mountpoint(1): what mmdebstrap mounts in its chroot."""
    given = call.options("-q --quiet", "-d --fs-devno", "--nofollow")
    if len(given.operands) != 1 or "fs-devno" in given:
        not_modelled(call, "this form")
    name = given.operands[0]
    try:
        path, inode = call.files.lookup(call.path(name))
        if inode is None and path not in _MOUNTED:
            raise OSError(errno.ENOENT, "No such file or directory")
    except OSError as error:
        if "quiet" not in given:
            call.complain(f"{name}: {reason(error)}")
        return 1
    mounted = path in _MOUNTED
    if "quiet" not in given:
        call.out(f"{name} is {'' if mounted else 'not '}a mountpoint\n")
    return 0 if mounted else 32


def sync(call: Call) -> int:
    """sync(1)."""
    given = call.options("-d --data", "-f --file-system")
    status = 0
    for operand in given.operands:
        try:
            call.files.get(call.path(operand))
        except OSError as error:
            status = call.complain(f"error opening {quoted(operand)}: {reason(error)}")
    return status


def dd(call: Call) -> int:
    """dd(1) from files and /dev/zero; what it counts goes to descriptor 2."""
    values = {"bs": "512"}
    for word in call.arguments:
        name, equals, value = word.partition("=")
        if not equals or name not in ("if", "of", "bs", "count", "skip", "seek", "conv", "status"):
            not_modelled(call, f"the operand {word!r}")
        values[name] = value
    conversions = set(filter(None, values.get("conv", "").split(",")))
    if conversions - {"notrunc", "fsync", "fdatasync"}:
        not_modelled(call, f"conv={values['conv']}")
    size = numbered(call, values["bs"], "block size")
    count = numbered(call, values["count"], "count") if "count" in values else None
    source = values.get("if", "-")
    try:
        data = _source(call, source, size, count, numbered(call, values.get("skip", "0"), "skip"))
    except OSError as error:
        return call.complain(f"failed to open {quoted(source)}: {reason(error)}")
    if "of" not in values:
        call.out(data)
    elif source in RANDOM:
        # A file of nothing else is a key.
        call.place(values["of"])
    elif values["of"] != "/dev/null":
        try:
            _put(
                call, values["of"], data, numbered(call, values.get("seek", "0"), "seek") * size, conversions
            )
        except OSError as error:
            return call.complain(f"failed to open {quoted(values['of'])}: {reason(error)}")
    if values.get("status") != "none":
        whole, part = divmod(len(data), size)
        records = f"{whole}+{1 if part else 0} records"
        took = "" if values.get("status") == "noxfer" else f"{len(data)} bytes copied, 0 s, 0 B/s\n"
        # No clock runs, so that no time passes.
        call.machine.stream(2).write(f"{records} in\n{records} out\n{took}".encode())
    return 0


def _source(call: Call, name: str, size: int, count: int | None, skip: int) -> bytes:
    if name == "/dev/zero":
        if count is None:
            not_modelled(call, "an endless input")
        call.machine.meter.held(size * count)
        return bytes(size * count)
    if name in RANDOM:
        if count is None:
            not_modelled(call, "an endless input")
        data = call.input(name)
        return (data * (1 + count * size // len(data)))[: count * size]
    if name.startswith("/dev/") and name not in ("/dev/null", "/dev/stdin"):
        not_modelled(call, f"reading {name}")
    data = b"" if name == "/dev/null" else call.input(name)
    return data[skip * size :][: None if count is None else count * size]


def _put(call: Call, name: str, data: bytes, offset: int, conversions: set[str]) -> None:
    where, inode = call.files.lookup(call.path(name))
    if inode is None:
        inode = Inode(Kind.FILE, call.umask(0o666), origin=call.files.origin)
        call.files.add(where, inode)
    elif inode.kind is not Kind.FILE:
        raise OSError(errno.EISDIR, "Is a directory")
    call.machine.meter.held(offset)
    old = inode.read()
    tail = old[offset + len(data) :] if "notrunc" in conversions else b""
    inode.content = Buffer(old[:offset].ljust(offset, b"\0") + data + tail)


def test(call: Call) -> int:
    """test(1) as a program."""
    try:
        words = [call.name, *map(inward, call.arguments)]
        return builtin_test.test(call.machine, words, True)
    except ShellError as error:
        call.complain(error.message)
        return 2


COMMANDS: Mapping[str, Command] = {
    "[": test,
    "dd": dd,
    "df": df,
    "du": du,
    "mountpoint": mountpoint,
    "sync": sync,
    "test": test,
}
"""This family's commands by name."""
