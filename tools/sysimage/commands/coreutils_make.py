"""Commands upon single files: mkdir, rmdir, touch, mktemp, mkfifo, mknod, truncate, link, unlink."""

import errno
import re
from collections.abc import Mapping, Sequence

from tools.sysimage.commands import modes
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_words import (
    curly,
    exists,
    is_directory,
    joined,
    not_modelled,
    numbered,
    quoted,
    reason,
    set_mode,
    touched,
    usage,
)
from tools.sysimage.commands.tree_files import writable
from tools.sysimage.core.tree import Inode, Kind

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def prefixes(path: str) -> list[str]:
    """Returns the names of all directories on the way to a path: "a//b/" has "a" and "a//b"."""
    return [path[: match.end()] for match in re.finditer(r"[^/]+", path)]


def mkdir(call: Call) -> int:
    """mkdir(1)."""
    given = call.options("-m --mode=", "-p --parents", "-v --verbose", "-Z")
    if not given.operands:
        return usage(call, "missing operand")
    changes = None
    if "mode" in given:
        try:
            changes = modes.parse(given.value("mode"))
        except modes.BadModeError:
            return call.complain(f"invalid mode {curly(given.value('mode'))}")
    status = 0
    for operand in given.operands:
        status |= _mkdir(call, operand, changes, "parents" in given, "verbose" in given)
    return status


def _mkdir(
    call: Call, operand: str, changes: Sequence[modes.Change] | None, parents: bool, verbose: bool
) -> int:
    umask = call.machine.umask
    above = prefixes(operand)[:-1]
    try:
        if parents:
            for name in above:
                if not exists(call, name):
                    # Who makes a way has to be able to go on (XCU mkdir).
                    call.files.make_directory(call.path(name), 0o777 & ~umask | 0o300)
                    if verbose:
                        call.out(f"mkdir: created directory {quoted(name)}\n")
            if is_directory(call, operand):
                return 0
        call.files.make_directory(call.path(operand), 0o777 & ~umask)
    except OSError as error:
        # With --parents, it is the first that is no directory that is complained of.
        wrong = next((name for name in above if parents and not is_directory(call, name)), "")
        what = "Not a directory" if wrong and exists(call, wrong) else reason(error)
        return call.complain(f"cannot create directory {curly(wrong or operand)}: {what}")
    if verbose:
        call.out(f"mkdir: created directory {quoted(operand)}\n")
    if changes is not None:
        path, inode = call.files.lookup(call.path(operand))
        assert inode is not None
        mode, bits = modes.adjust(0o777, directory=True, umask=umask, changes=changes)
        made = inode.mode & 0o2000 | mode & 0o1777
        if bits & 0o6000 or mode & 0o1000:
            # Nobody else may write to it before it has all its bits; those that are not named stay so.
            made &= ~0o022
        if (made ^ mode) & bits:
            made = mode | made & ~bits
        set_mode(call, path, inode, made)
    return 0


def rmdir(call: Call) -> int:
    """rmdir(1)."""
    given = call.options("-p --parents", "-v --verbose", "--ignore-fail-on-non-empty")
    if not given.operands:
        return usage(call, "missing operand")
    status = 0
    for operand in given.operands:
        for number, name in enumerate(_upwards(operand, "parents" in given)):
            if "verbose" in given:
                call.out(f"rmdir: removing directory, {quoted(name)}\n")
            try:
                call.files.remove_directory(call.path(name))
            except OSError as error:
                if error.errno == errno.ENOTEMPTY and "ignore-fail-on-non-empty" in given:
                    break
                link = call.files.find(call.path(name.rstrip("/")), follow=False)
                followed = name.endswith("/") and link is not None and link.kind is Kind.SYMLINK
                what = "Symbolic link not followed" if followed else reason(error)
                kind = "directory " if number else ""
                status = call.complain(f"failed to remove {kind}{quoted(name)}: {what}")
                break
    return status


def _upwards(path: str, parents: bool) -> list[str]:
    """Returns a path, and with `parents` what is above it, from the end on."""
    names = [path]
    path = path.rstrip("/")
    while parents and "/" in path:
        path = path.rpartition("/")[0].rstrip("/")
        if not path:
            break
        names.append(path)
    return names


def touch(call: Call) -> int:
    """touch(1). A tree keeps no times: a file is made, or is newer than what was unpacked."""
    given = call.options(
        "-a",
        "-m",
        "-c --no-create",
        "-f",
        "-h --no-dereference",
        "-d --date=",
        "-r --reference=",
        "-t=",
        "--time=",
    )
    if not given.operands:
        return usage(call, "missing file operand")
    if "reference" in given and not exists(call, given.value("reference")):
        what = quoted(given.value("reference"))
        return call.complain(f"failed to get attributes of {what}: No such file or directory")
    timed = bool({"date", "reference", "t"} & {name for name, _ in given.options})
    status = 0
    for operand in given.operands:
        status |= _touch(
            call, operand, timed=timed, no_create="no-create" in given, no_follow="no-dereference" in given
        )
    return status


def _touch(call: Call, operand: str, *, timed: bool, no_create: bool, no_follow: bool) -> int:
    if operand == "-" or operand.startswith("/dev/"):
        return 0
    path = call.path(operand)
    try:
        where, inode = call.files.lookup(path, follow=not no_follow)
        if inode is None and not no_create and not no_follow:
            if path.endswith("/"):
                return call.complain(f"setting times of {quoted(operand)}: No such file or directory")
            inode = Inode(Kind.FILE, call.umask(0o666), origin=call.files.origin)
            call.files.add(where, inode)
        if inode is None:
            if no_create:
                return 0
            return call.complain(f"setting times of {quoted(operand)}: No such file or directory")
    except OSError as error:
        if no_create and error.errno == errno.ENOENT:
            return 0
        what = (
            "setting times of" if no_create or no_follow or error.errno == errno.ENOTDIR else "cannot touch"
        )
        if error.errno == errno.ENOTDIR and not path.endswith("/"):
            what = "setting times of" if no_create or no_follow else "cannot touch"
        return call.complain(f"{what} {quoted(operand)}: {reason(error)}")
    if not timed:
        touched(inode)
    return 0


def mktemp(call: Call) -> int:
    """mktemp(1), with names that are counted, not random."""
    given = call.options(
        "-d --directory",
        "-u --dry-run",
        "-q --quiet",
        "-t",
        "-p --tmpdir[=]",
        "-p=",
        "--suffix=",
        permute=True,
    )
    if len(given.operands) > 1:
        return usage(call, "too many templates")
    template = given.operands[0] if given.operands else "tmp.XXXXXXXXXX"
    suffix = given.value("suffix")
    if "suffix" in given:
        if not template.endswith("X"):
            return call.complain(f"with --suffix, template {curly(template)} must end in X")
    else:
        end = template.rfind("X") + 1
        template, suffix = template[:end], template[end:]
    count = len(template) - len(template.rstrip("X"))
    if count < 3 or "/" in suffix:
        return call.complain(f"too few X's in template {curly(template + suffix)}")
    if not given.operands or "t" in given or "tmpdir" in given or "p" in given:
        folder = given.value("p") or given.value("tmpdir") or ""
        if "t" in given or not folder:
            folder = call.variable("TMPDIR") or folder or "/tmp"
        if "t" in given and "/" in template:
            return call.complain(f"invalid template, {curly(template)}, contains directory separator")
        if template.startswith("/"):
            what = "with --tmpdir, it may not be absolute"
            return call.complain(f"invalid template, {curly(template)}; {what}")
        template = joined(folder, template)
    name = template[:-count] + _unused(call, template[:-count], count, suffix) + suffix
    made = 0 if "dry-run" in given else _make_temporary(call, name, "directory" in given)
    if made:
        kind = "directory" if "directory" in given else "file"
        if "quiet" not in given:
            error = OSError(made, "Not a directory" if made == errno.ENOTDIR else "No such file or directory")
            call.complain(f"failed to create {kind} via template {curly(template + suffix)}: {reason(error)}")
        return 1
    call.out(f"{name}\n")
    return 0


def _make_temporary(call: Call, name: str, folder: bool) -> int:
    """Makes a file or directory of one's own. Returns 0, or the number of the error."""
    try:
        if folder:
            call.files.make_directory(call.path(name), call.umask(0o700))
        else:
            where = call.files.new(call.path(name))
            call.files.add(where, Inode(Kind.FILE, call.umask(0o600), origin=call.files.origin))
            touched(call.files.tree[where])
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _unused(call: Call, head: str, width: int, suffix: str) -> str:
    """Returns the next letters of which there is no file."""
    while True:
        counted = call.world.state.get("temporary files", 0)
        number = counted + 1 if isinstance(counted, int) else 1
        call.world.state["temporary files"] = number
        text = ""
        while number:
            number, digit = divmod(number, len(_DIGITS))
            text = _DIGITS[digit] + text
        text = text.rjust(width, "0")[-width:]
        if not exists(call, f"{head}{text}{suffix}", follow=False):
            return text


def tempfile(call: Call) -> int:
    """tempfile(1) of debianutils before version 5."""
    given = call.options("-d --directory=", "-m --mode=", "-n --name=", "-p --prefix=", "-s --suffix=")
    folder = call.variable("TMPDIR") or given.value("directory") or "/tmp"
    suffix = given.value("suffix")
    head = joined(folder, given.value("prefix", "file")[:5])
    name = given.value("name") or head + _unused(call, head, 6, suffix) + suffix
    if made := _make_temporary(call, name, False):
        return call.complain(
            f"{name}: {'File exists' if made == errno.EEXIST else 'No such file or directory'}"
        )
    if "mode" in given:
        call.files.get(call.path(name)).mode = int(given.value("mode"), 8)
    call.out(f"{name}\n")
    return 0


def _special(call: Call, operand: str, kind: Kind, device: tuple[int, int], mode: int | None) -> int:
    try:
        where = call.files.new(call.path(operand))
    except OSError as error:
        what = "cannot create fifo " if call.name == "mkfifo" else ""
        return call.complain(f"{what}{quoted(operand) if what else operand}: {reason(error)}")
    inode = Inode(kind, call.umask(0o666), device=device, origin=call.files.origin)
    call.files.add(where, inode)
    if mode is not None:
        inode.mode = mode
    return 0


def _mode(call: Call, text: str) -> int:
    try:
        changes = modes.parse(text)
    except modes.BadModeError:
        not_modelled(call, f"the mode {text!r}")
    return modes.adjust(0o666, directory=False, umask=call.machine.umask, changes=changes)[0]


def mkfifo(call: Call) -> int:
    """mkfifo(1)."""
    given = call.options("-m --mode=")
    if not given.operands:
        return usage(call, "missing operand")
    mode = _mode(call, given.value("mode")) if "mode" in given else None
    return max([_special(call, operand, Kind.FIFO, (0, 0), mode) for operand in given.operands])


def mknod(call: Call) -> int:
    """mknod(1)."""
    given = call.options("-m --mode=")
    kinds = {"b": Kind.BLOCK, "c": Kind.CHARACTER, "u": Kind.CHARACTER, "p": Kind.FIFO}
    operands = given.operands
    if len(operands) < 2 or operands[1][:1] not in kinds or len(operands) != (2 if operands[1] == "p" else 4):
        not_modelled(call, "this number of operands")
    mode = _mode(call, given.value("mode")) if "mode" in given else None
    device = (0, 0) if operands[1] == "p" else (int(operands[2], 0), int(operands[3], 0))
    return _special(call, operands[0], kinds[operands[1][0]], device, mode)


def truncate(call: Call) -> int:
    """truncate(1)."""
    given = call.options("-s --size=", "-c --no-create", "-r --reference=")
    if not given.operands:
        return usage(call, "missing file operand")
    text = given.value("size")
    if not text and "reference" not in given:
        return usage(call, f"you must specify either {curly('--size')} or {curly('--reference')}")
    status = 0
    for operand in given.operands:
        try:
            where, inode = call.files.lookup(call.path(operand))
            if inode is None and "no-create" in given:
                continue
            if inode is None and operand.endswith("/"):
                raise OSError(errno.EISDIR, "Is a directory")
            if inode is None:
                inode = Inode(Kind.FILE, call.umask(0o666), origin=call.files.origin)
                call.files.add(where, inode)
            elif inode.kind is Kind.DIRECTORY:
                raise OSError(errno.EISDIR, "Is a directory")
            if "reference" in given:
                size = call.files.get(call.path(given.value("reference"))).content.size
            else:
                size = numbered(call, text.lstrip("+-"), "size")
                if text[0] in "+-":
                    size = max(0, inode.content.size + (size if text[0] == "+" else -size))
            data = writable(inode).data
            call.machine.meter.store(max(size - len(data), 0))
            del data[size:]
            data.extend(bytes(size - len(data)))
        except OSError as error:
            if error.errno == errno.ENOENT and "no-create" in given:
                continue
            status = call.complain(f"cannot open {quoted(operand)} for writing: {reason(error)}")
    return status


def link(call: Call) -> int:
    """link(1)."""
    given = call.options()
    if len(given.operands) != 2:
        return usage(call, "missing operand" if not given.operands else "wrong number of operands")
    old, new = given.operands
    try:
        call.files.make_link(call.path(old), call.path(new))
    except OSError as error:
        return call.complain(f"cannot create link {quoted(new)} to {quoted(old)}: {reason(error)}")
    return 0


def unlink(call: Call) -> int:
    """unlink(1)."""
    given = call.options()
    if len(given.operands) != 1:
        return usage(call, "missing operand" if not given.operands else "wrong number of operands")
    try:
        call.files.unlink(call.path(given.operands[0]))
    except OSError as error:
        return call.complain(f"cannot unlink {quoted(given.operands[0])}: {reason(error)}")
    return 0


COMMANDS: Mapping[str, Command] = {
    "link": link,
    "mkdir": mkdir,
    "mkfifo": mkfifo,
    "mknod": mknod,
    "mktemp": mktemp,
    "rmdir": rmdir,
    "tempfile": tempfile,
    "touch": touch,
    "truncate": truncate,
    "unlink": unlink,
}
"""This family's commands by name."""
