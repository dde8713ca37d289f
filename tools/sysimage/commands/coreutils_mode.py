"""chmod, chown, chgrp, touch, mkdir, rmdir, mktemp, mknod, mkfifo, truncate (GNU coreutils)."""

import errno
import re
from collections.abc import Iterator, Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.modes import BadModeError, Mode, mode, owner
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.tree_files import failure
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind, file

_TEMPORARY = "/tmp/tmp.XXXXXXXXXX"


def each(call: Call, names: tuple[str, ...], what: str, action: Command) -> int:
    """Does `action` with a call for each name; what the system refuses is a complaint, and status 1."""
    status = 0
    for name in names:
        try:
            action(Call(call.world, call.machine, [call.argv[0], name]))
        except OSError as error:
            status = call.complain(f"{what} '{name}': {error.strerror}")
    return status


def _walk(call: Call, name: str, given: Given, *, follow: bool) -> Iterator[tuple[str, Inode]]:
    """A file and, with -R, all below it; links below are left alone, or not followed."""
    where, inode = call.files.lookup(call.path(name), follow=follow)
    if inode is None:
        raise failure(errno.ENOENT, name)
    yield where, inode
    if "recursive" in given and inode.kind is Kind.DIRECTORY:
        for path in call.root.tree.below(where):
            yield path, call.root.tree[path]


def _set_mode(call: Call, where: str, inode: Inode, change: Mode) -> None:
    new = change.apply(inode.mode, call.machine.umask, is_directory=inode.kind is Kind.DIRECTORY)
    if new != inode.mode:
        inode.mode = new
        call.world.journal.note(where, f"mode {new:04o}")


def chmod(call: Call) -> int:
    """chmod(1)."""
    # A mode such as -x or -rw looks like an option.
    words = [
        word for word in call.arguments if re.fullmatch(r"-[rwxXstugo,=+-]*[rwxXst][rwxXstugo,=+-]*", word)
    ]
    rest = [word for word in call.arguments if word not in words]
    bare = Call(call.world, call.machine, [call.argv[0], *rest])
    given = bare.options(
        "-R --recursive",
        "-f --silent --quiet",
        "-v --verbose",
        "-c --changes",
        "--reference=",
        "--preserve-root",
    )
    operands = list(given.operands)
    try:
        if "reference" in given:
            change = mode(f"{call.files.get(call.path(given.value('reference'))).mode:05o}")
        else:
            change = mode(",".join(words) if words else operands.pop(0))
    except BadModeError as error:
        return call.complain(f"invalid mode: '{error}'")
    except IndexError:
        return call.complain("missing operand")
    if not operands:
        return call.complain("missing operand")
    status = 0
    for name in operands:
        try:
            for where, inode in _walk(call, name, given, follow=True):
                if inode.kind is not Kind.SYMLINK:
                    _set_mode(call, where, inode, change)
        except OSError as error:
            message = f"cannot access '{name}': {error.strerror}"
            status = 1 if "quiet" in given else call.complain(message)
    return status


def chown(call: Call) -> int:
    """chown(1) and chgrp(1)."""
    given = call.options(
        "-R --recursive",
        "-f --silent --quiet",
        "-v --verbose",
        "-c --changes",
        "-h --no-dereference",
        "--dereference",
        "-H",
        "-L",
        "-P",
        "--from=",
        "--reference=",
        "--preserve-root",
    )
    operands = list(given.operands)
    only: tuple[int | None, int | None] = (None, None)
    try:
        if "reference" in given:
            like = call.files.get(call.path(given.value("reference")))
            uid: int | None = None if call.name == "chgrp" else like.uid
            gid: int | None = like.gid
        elif not operands:
            return call.complain("missing operand")
        else:
            uid, gid = owner(call, operands.pop(0), group_only=call.name == "chgrp")
        if "from" in given:
            only = owner(call, given.value("from"))
    except ToolError as error:
        return call.complain(str(error))
    if not operands:
        return call.complain("missing operand")
    if "L" in given:
        call.refuse(f"{call.name}: the option -L is not modelled")
    status = 0
    for name in operands:
        # With -R, links below are changed themselves; without, what a link leads to.
        follow = "no-dereference" not in given and ("recursive" not in given or "H" in given)
        try:
            for where, inode in _walk(call, name, given, follow=follow):
                if (only[0] in (None, inode.uid)) and (only[1] in (None, inode.gid)):
                    call.files.chown(inode, uid, gid)
                    call.world.journal.note(where, f"owner {inode.uid}:{inode.gid}")
        except OSError as error:
            message = f"cannot access '{name}': {error.strerror}"
            status = 1 if "quiet" in given else call.complain(message)
    return status


def touch(call: Call) -> int:
    """touch(1): the tree has no times, so that it makes files alone."""
    given = call.options(
        "-a", "-m", "-c --no-create", "-d --date=", "-r --reference=", "-t=", "--time=", "-h --no-dereference"
    )

    def one(call: Call) -> int:
        where, inode = call.files.lookup(call.path(call.argv[1]))
        if inode is None and "no-create" not in given:
            if call.argv[1].endswith("/"):
                raise failure(errno.ENOENT, call.argv[1])
            call.files.add(where, file(b"", call.umask(0o666), origin=call.world.who))
        return 0

    return (
        each(call, given.operands, "cannot touch", one)
        if given.operands
        else call.complain("missing operand")
    )


def mkdir(call: Call) -> int:
    """mkdir(1)."""
    given = call.options("-p --parents", "-m --mode=", "-v --verbose", "-Z --context[=]")
    if not given.operands:
        return call.complain("missing operand")
    try:
        change = mode(given.value("mode")) if "mode" in given else None
    except BadModeError as error:
        return call.complain(f"invalid mode '{error}'")

    def one(call: Call) -> int:
        name = call.argv[1]
        if "parents" in given:
            for above in _above(name):
                if call.files.find(call.path(above)) is None:
                    # Whoever makes them may go through them, whatever the umask says.
                    call.files.make_directory(call.path(above), call.umask(0o777) | 0o300)
            there = call.files.find(call.path(name))
            if there is not None:
                if there.kind is not Kind.DIRECTORY:
                    raise failure(errno.EEXIST, name)
                return 0
        call.files.make_directory(call.path(name), call.umask(0o777))
        if change is not None:
            inode = call.files.get(call.path(name))
            inode.mode = change.apply(0o777, call.machine.umask, is_directory=True) | inode.mode & 0o2000
        if "verbose" in given:
            call.out(f"mkdir: created directory '{name}'\n")
        return 0

    return each(call, given.operands, "cannot create directory", one)


def _above(name: str) -> Iterator[str]:
    parts = name.rstrip("/").split("/")
    for count in range(1, len(parts)):
        above = "/".join(parts[:count])
        if above.strip("/"):
            yield above


def rmdir(call: Call) -> int:
    """rmdir(1)."""
    given = call.options("-p --parents", "--ignore-fail-on-non-empty", "-v --verbose")
    if not given.operands:
        return call.complain("missing operand")
    status = 0
    for name in given.operands:
        names = [name, *reversed(list(_above(name)))] if "parents" in given else [name]
        for path in names:
            try:
                call.files.remove_directory(call.path(path))
            except OSError as error:
                if error.errno == errno.ENOTEMPTY and "ignore-fail-on-non-empty" in given:
                    break
                status = call.complain(f"failed to remove '{path}': {error.strerror}")
                break
    return status


def mktemp(call: Call) -> int:
    """mktemp(1) and tempfile(1): names have numbers in their order, in place of chance."""
    if call.name == "tempfile":
        given = call.options("-d --directory=", "-p --prefix=", "-s --suffix=", "-m --mode=", "-n --name=")
        folder = given.value("directory") or "/tmp"
        template = f"{folder}/{given.value('prefix', 'file')}XXXXXX{given.value('suffix')}"
        given = Given()
    else:
        given = call.options(
            "-d --directory", "-u --dry-run", "-q --quiet", "--suffix=", "-p --tmpdir[=]", "-t"
        )
        template = given.operands[0] if given.operands else "tmp.XXXXXXXXXX"
        if "tmpdir" in given or "t" in given or not given.operands:
            folder = given.value("tmpdir") or call.variable("TMPDIR") or "/tmp"
            template = f"{folder.rstrip('/')}/{template}"
        template += given.value("suffix")
    match = re.search(r"X{3,}(?=[^X/]*$)", template)
    if match is None:
        return call.complain(f"too few X's in template '{template}'")
    count = call.world.state.get("mktemp", 0)
    number = (count if isinstance(count, int) else 0) + 1
    call.world.state["mktemp"] = number
    name = template[: match.start()] + f"{number:0{len(match[0])}}" + template[match.end() :]
    if "dry-run" not in given:
        if "directory" in given:
            call.files.make_directory(call.path(name), 0o700)
        else:
            call.files.add(call.files.new(call.path(name)), file(b"", 0o600, origin=call.world.who))
    call.out(f"{name}\n")
    return 0


def mknod(call: Call) -> int:
    """mknod(1) and mkfifo(1)."""
    given = call.options("-m --mode=")
    kinds = {"b": Kind.BLOCK, "c": Kind.CHARACTER, "u": Kind.CHARACTER, "p": Kind.FIFO}
    words = [*given.operands, "p"] if call.name == "mkfifo" else list(given.operands)
    if len(words) not in (2, 4) or words[1] not in kinds:
        return call.complain("missing operand")
    bits = call.umask(0o666)
    if "mode" in given:
        bits = mode(given.value("mode")).apply(0o666, call.machine.umask, is_directory=False)
    device = (int(words[2]), int(words[3])) if len(words) == 4 else (0, 0)
    inode = Inode(kinds[words[1]], bits, device=device, origin=call.world.who)
    call.files.add(call.files.new(call.path(words[0])), inode)
    return 0


def truncate(call: Call) -> int:
    """truncate(1), with a size in bytes."""
    given = call.options("-s --size=", "-c --no-create")
    if not given.value("size").isdigit():
        call.refuse(f"truncate: the size {given.value('size')!r} is not modelled")
    size = int(given.value("size"))
    for name in given.operands:
        if call.files.find(call.path(name)) is None and "no-create" in given:
            continue
        old = call.files.read(call.path(name)) if call.files.find(call.path(name)) else b""
        call.files.write(call.path(name), old[:size] + bytes(max(0, size - len(old))), call.umask(0o666))
    return 0


def sync(call: Call) -> int:
    """sync(1): there is nothing to wait for."""
    call.options("-d --data", "-f --file-system")
    return 0


COMMANDS: Mapping[str, Command] = {
    "chgrp": chown,
    "chmod": chmod,
    "chown": chown,
    "mkdir": mkdir,
    "mkfifo": mknod,
    "mknod": mknod,
    "mktemp": mktemp,
    "rmdir": rmdir,
    "sync": sync,
    "tempfile": mktemp,
    "touch": touch,
    "truncate": truncate,
}
"""This family's commands by name."""
