"""readlink, realpath, stat, ls, cmp, df, mountpoint and their like: what is known of files."""

import errno
import stat as modes
from collections.abc import Iterable, Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.tree_files import failure
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.scripts import builtin_test
from tools.sysimage.scripts.marked import inward

_TYPES = {
    Kind.FILE: ("regular file", modes.S_IFREG),
    Kind.DIRECTORY: ("directory", modes.S_IFDIR),
    Kind.SYMLINK: ("symbolic link", modes.S_IFLNK),
    Kind.CHARACTER: ("character special file", modes.S_IFCHR),
    Kind.BLOCK: ("block special file", modes.S_IFBLK),
    Kind.FIFO: ("fifo", modes.S_IFIFO),
}
_MOUNTED = ("/", "/proc", "/sys", "/dev", "/dev/pts")  # in the chroot of an installation
_FREE = 1 << 24  # KiB, of any file system


def canonical(call: Call, name: str, missing: str) -> str:
    """Returns a path without links, as realpath(1) has it. Raises OSError.

    `missing` is what may be missing: "nothing", "last" or "all".
    """
    if not name:
        raise failure(errno.ENOENT, name)
    try:
        where, inode = call.files.lookup(call.path(name.rstrip("/") or "/"))
        if inode is not None and name.endswith("/") and inode.kind is not Kind.DIRECTORY:
            raise failure(errno.ENOTDIR, name)
    except OSError as error:
        if missing != "all" or error.errno == errno.ELOOP:
            raise
        return "/" + call.root.tree.resolve(call.path(name).strip("/"))
    if inode is None and missing == "nothing":
        raise failure(errno.ENOENT, name)
    return f"/{where}"


def readlink(call: Call) -> int:
    """readlink(1)."""
    given = call.options(
        "-f --canonicalize",
        "-e --canonicalize-existing",
        "-m --canonicalize-missing",
        "-n --no-newline",
        "-q --quiet",
        "-s --silent",
        "-v --verbose",
        "-z --zero",
    )
    if not given.operands:
        return call.complain("missing operand")
    kind = given.last("canonicalize", "canonicalize-existing", "canonicalize-missing")
    missing = {"canonicalize": "last", "canonicalize-existing": "nothing", "canonicalize-missing": "all"}.get(
        kind
    )
    end = "\0" if "zero" in given else "" if "no-newline" in given and len(given.operands) == 1 else "\n"
    status = 0
    for name in given.operands:
        try:
            if missing:
                call.out(canonical(call, name, missing) + end)
                continue
            inode = call.files.get(call.path(name), follow=False)
            if inode.kind is not Kind.SYMLINK:
                raise failure(errno.EINVAL, name)
            call.out(inode.target + end)
        except OSError as error:
            status = call.complain(f"{name}: {error.strerror}") if "verbose" in given else 1
    return status


def realpath(call: Call) -> int:
    """realpath(1)."""
    given = call.options(
        "-e --canonicalize-existing",
        "-m --canonicalize-missing",
        "-P --physical",
        "-q --quiet",
        "-s --strip --no-symlinks",
        "-z --zero",
        "--relative-to=",
    )
    missing = {"canonicalize-existing": "nothing", "canonicalize-missing": "all"}.get(
        given.last("canonicalize-existing", "canonicalize-missing"), "last"
    )
    if not given.operands:
        return call.complain("missing operand")
    status = 0
    for name in given.operands:
        try:
            if "no-symlinks" in given:
                path = "/" + "/".join(part for part in call.path(name).split("/") if part not in ("", "."))
                if ".." in path.split("/"):
                    call.refuse("realpath: the option -s with '..' is not modelled")
                if missing != "all":
                    call.files.lookup(path)
            else:
                path = canonical(call, name, missing)
            if "relative-to" in given:
                path = _relative(path, canonical(call, given.value("relative-to"), missing))
            call.out(path + ("\0" if "zero" in given else "\n"))
        except OSError as error:
            status = 1 if "quiet" in given else call.complain(f"{name}: {error.strerror}")
    return status


def _relative(path: str, folder: str) -> str:
    to, start = [p for p in path.split("/") if p], [p for p in folder.split("/") if p]
    same = 0
    while same < min(len(to), len(start)) and to[same] == start[same]:
        same += 1
    return "/".join([".."] * (len(start) - same) + to[same:]) or "."


def size(inode: Inode) -> int:
    """The size that a file system gives."""
    if inode.kind is Kind.DIRECTORY:
        return 4096
    return len(inode.target) if inode.kind is Kind.SYMLINK else inode.content.size


def name_of(call: Call, table: str, number: int) -> str:
    """The name of a user ("passwd") or group ("group"), or the number."""
    for line in call.root.text(f"etc/{table}").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(number):
            return fields[0]
    return ""


def stat(call: Call) -> int:
    """stat(1) with a format of what a tree has: no times, no numbers of inodes."""
    given = call.options("-c --format=", "--printf=", "-L --dereference", "-t --terse", "-f --file-system")
    if not {"format", "printf"} & {option for option, _ in given.options} or "file-system" in given:
        call.refuse("stat: without a format, or of a file system, it is not modelled")
    text = given.value("format") + "\n" if "format" in given else _escaped(given.value("printf"))
    status = 0
    for name in given.operands:
        inode = call.files.find(call.path(name), follow="dereference" in given)
        if inode is None:
            status = call.complain(f"cannot stat '{name}': No such file or directory")
            continue
        call.out(_formatted(call, text, name, inode))
    return status


def _escaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")


def _formatted(call: Call, text: str, name: str, inode: Inode) -> str:
    what, kind = _TYPES[inode.kind]
    if inode.kind is Kind.FILE and not inode.content.size:
        what = "regular empty file"
    values = {
        "%": "%",
        "a": f"{inode.mode:o}",
        "A": modes.filemode(kind | inode.mode),
        "f": f"{kind | inode.mode:x}",
        "F": what,
        "g": str(inode.gid),
        "G": name_of(call, "group", inode.gid) or "UNKNOWN",
        "n": name,
        "N": f"'{name}' -> '{inode.target}'" if inode.kind is Kind.SYMLINK else f"'{name}'",
        "s": str(size(inode)),
        "u": str(inode.uid),
        "U": name_of(call, "passwd", inode.uid) or "UNKNOWN",
        "Y": "0",
        "X": "0",
        "Z": "0",
    }
    out, position = "", 0
    while (at := text.find("%", position)) >= 0:
        letter = text[at + 1 : at + 2]
        if letter not in values:
            call.refuse(f"stat: the format %{letter} is not modelled")
        out += text[position:at] + values[letter]
        position = at + 2
    return out + text[position:]


def ls(call: Call) -> int:
    """ls(1), as scripts read it: a name a line."""
    given = call.options(
        "-1", "-a --all", "-A --almost-all", "-d --directory", "-l", "-n", "-r --reverse", "-p", "-L",
        "-U", "-f", "-t", "-v",
        "-Q", "-q", "--color[=]",
    )  # fmt: skip
    if "l" in given or "n" in given:
        return _long(call, given.operands, "directory" in given, "n" in given)
    if "p" in given or "v" in given:
        call.refuse("ls: the options -p and -v are not modelled")
    status = 0
    plain: list[str] = []
    folders: list[str] = []
    for name in given.operands or (".",):
        inode = call.files.find(call.path(name)) or call.files.find(call.path(name), follow=False)
        if inode is None:
            call.complain(f"cannot access '{name}': No such file or directory")
            status = 2
        elif inode.kind is Kind.DIRECTORY and "directory" not in given:
            folders.append(name)
        else:
            plain.append(name)
    lines = _sorted(plain, given.last("reverse") != "")
    blocks = ["".join(f"{line}\n" for line in lines)] if plain else []
    for folder in _sorted(folders, given.last("reverse") != ""):
        names = _sorted(call.files.names(call.path(folder)), given.last("reverse") != "")
        if "all" in given or "f" in given:
            names = [".", "..", *names]
        elif "almost-all" not in given:
            names = [name for name in names if not name.startswith(".")]
        head = f"{folder}:\n" if len(given.operands) > 1 else ""
        blocks.append(head + "".join(f"{name}\n" for name in names))
    call.out("\n".join(blocks))
    return status


def _sorted(names: Iterable[str], reverse: bool) -> list[str]:
    return sorted(names, key=lambda name: name.encode("utf-8", "surrogateescape"), reverse=reverse)


def _long(call: Call, operands: tuple[str, ...], directory: bool, numbers: bool) -> int:
    """A line each for files, or directories themselves: mode, links, owner, size, a fixed date, name."""
    status = 0
    for name in operands or (".",):
        inode = call.files.find(call.path(name), follow=False)
        if inode is None:
            call.complain(f"cannot access '{name}': No such file or directory")
            status = 2
            continue
        if inode.kind is Kind.DIRECTORY and not directory:
            call.refuse("ls: the option -l of a directory's content is not modelled")
        user = str(inode.uid) if numbers else name_of(call, "passwd", inode.uid) or str(inode.uid)
        group = str(inode.gid) if numbers else name_of(call, "group", inode.gid) or str(inode.gid)
        shown = f"{name} -> {inode.target}" if inode.kind is Kind.SYMLINK else name
        mode = modes.filemode(_TYPES[inode.kind][1] | inode.mode)
        call.out(f"{mode} 1 {user} {group} {size(inode)} Jan  1  1970 {shown}\n")
    return status


def cmp(call: Call) -> int:
    """cmp(1)."""
    given = call.options("-s --silent --quiet", "-b --print-bytes", "-l --verbose", "-n --bytes=")
    if "print-bytes" in given or "verbose" in given:
        call.refuse("cmp: the options -b and -l are not modelled")
    data: list[bytes] = []
    for name in given.operands[:2]:
        try:
            data.append(call.input(name))
        except OSError as error:
            call.complain(f"{name}: {error.strerror}")
            return 2
    limit = int(given.value("bytes") or 0) or None
    left, right = (part[:limit] for part in data)
    if left == right:
        return 0
    at = next(
        (at for at, (x, y) in enumerate(zip(left, right, strict=False)) if x != y), min(len(left), len(right))
    )
    if "quiet" not in given:
        names = given.operands
        if at == min(len(left), len(right)):
            short = names[0] if len(left) < len(right) else names[1]
            call.complain(f"EOF on {short} after byte {at}")
        else:
            line = left[:at].count(b"\n") + 1
            call.out(f"{names[0]} {names[1]} differ: byte {at + 1}, line {line}\n")
    return 1


def mountpoint(call: Call) -> int:
    """mountpoint(1): what is mounted where Debian is installed."""
    given = call.options("-q --quiet", "-d --fs-devno", "-x --devno")
    [name] = given.operands
    if call.files.find(call.path(name)) is None and call.path(name) not in _MOUNTED:
        return call.complain(f"{name}: No such file or directory")
    mounted = call.path(name).rstrip("/") in _MOUNTED or call.path(name) == "/"
    if "quiet" not in given:
        call.out(f"{name} is {'' if mounted else 'not '}a mountpoint\n")
    return 0 if mounted else 32


def df(call: Call) -> int:
    """df(1): one file system with room enough."""
    given = call.options(
        "-P --portability",
        "-k",
        "-m",
        "-B --block-size=",
        "--output[=]",
        "-h",
        "-T",
        "-l --local",
        "-t --type=",
    )
    if "output" in given or "block-size" in given or "h" in given or "T" in given:
        call.refuse("df: the options -B, -h, -T and --output are not modelled")
    total = 2 * _FREE >> (10 if "m" in given else 0)
    unit = "1M-blocks" if "m" in given else "1024-blocks" if "portability" in given else "1K-blocks"
    use = "Capacity" if "portability" in given else "Use%"
    call.out(f"Filesystem {unit} Used Available {use} Mounted on\n")
    for _ in given.operands or ("/",):
        call.out(f"none {total} {total // 2} {total // 2} 50% /\n")
    return 0


def du(call: Call) -> int:
    """du(1) with -s: sizes of contents, in KiB."""
    given = call.options("-s --summarize", "-k", "-x --one-file-system", "-c --total", "-b --bytes", "-h")
    if "summarize" not in given or "h" in given:
        call.refuse("du: without -s, or with -h, it is not modelled")
    for name in given.operands:
        where, inode = call.files.lookup(call.path(name), follow=False)
        if inode is None:
            return call.complain(f"cannot access '{name}': No such file or directory")
        sizes = [size(inode) for _, inode in call.root.tree.walk(where)]
        total = sum(sizes) if "bytes" in given else sum(-(-one // 4096) * 4 for one in sizes)
        call.out(f"{total}\t{name}\n")
    return 0


def test(call: Call) -> int:
    """test(1) and [(1), as programs."""
    return builtin_test.test(call.machine, [call.name, *map(inward, call.arguments)], False)


COMMANDS: Mapping[str, Command] = {
    "[": test,
    "cmp": cmp,
    "df": df,
    "du": du,
    "ls": ls,
    "mountpoint": mountpoint,
    "readlink": readlink,
    "realpath": realpath,
    "stat": stat,
    "test": test,
}
"""This family's commands by name."""
