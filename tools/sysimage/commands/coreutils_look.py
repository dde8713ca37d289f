"""readlink, realpath, stat and ls."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from stat import filemode

from tools.sysimage.commands import owners
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.canonical import Mode, canonicalize, relative
from tools.sysimage.commands.coreutils_words import (
    file_mode,
    is_directory,
    joined,
    names_of,
    not_modelled,
    quoted,
    reason,
    usage,
)
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.sort import versions
from tools.sysimage.core.tree import Inode, Kind

_KINDS = {
    Kind.FILE: "regular file",
    Kind.DIRECTORY: "directory",
    Kind.SYMLINK: "symbolic link",
    Kind.CHARACTER: "character special file",
    Kind.BLOCK: "block special file",
    Kind.FIFO: "fifo",
}
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "a": "\a", "b": "\b", "f": "\f", "r": "\r", "v": "\v"}
_DIRECTIVE = re.compile(r"%([-#0+ ]*\d*(?:\.\d+)?)(.?)", re.DOTALL)
_DEEPEST = 100  # folders within each other
_FILE_SYSTEM = {"T": "ext2/ext3", "t": "ef53"}  # ext4: all of the tree is one
_DEVICE = 0x801  # st_dev of that
_ROOT = 2  # the number of its root
_DATE = "Jan  1  1970"  # a tree keeps no times


def readlink(call: Call) -> int:
    """readlink(1)."""
    given = call.options(
        "-f --canonicalize", "-e --canonicalize-existing", "-m --canonicalize-missing", "-n --no-newline",
        "-q --quiet", "-s --silent", "-v --verbose", "-z --zero",
    )  # fmt: skip
    if not given.operands:
        return usage(call, "missing operand")
    chosen = given.last("canonicalize", "canonicalize-existing", "canonicalize-missing")
    end = "\0" if "zero" in given else "\n"
    if "no-newline" in given and len(given.operands) == 1:
        end = ""
    elif "no-newline" in given:
        call.complain("ignoring --no-newline with multiple arguments")
    status = 0
    for operand in given.operands:
        try:
            if not chosen:
                inode = call.files.get(call.path(operand), follow=False)
                if inode.kind is not Kind.SYMLINK:
                    raise OSError(22, "Invalid argument")
                call.out(inode.target + end)
            else:
                call.out(canonicalize(call.files, call.path(operand), _mode(chosen)) + end)
        except OSError as error:
            status = 1
            if given.last("quiet", "silent", "verbose") == "verbose":
                call.complain(
                    f"{operand if re.fullmatch(r'[-\w./]+', operand) else quoted(operand)}: {reason(error)}"
                )
    return status


def _mode(chosen: str) -> Mode:
    if chosen == "canonicalize-existing":
        return Mode.EXISTING
    return Mode.MISSING if chosen == "canonicalize-missing" else Mode.LAST_MISSING


def realpath(call: Call) -> int:
    """realpath(1)."""
    given = call.options(
        "-e --canonicalize-existing", "-m --canonicalize-missing", "-E --canonicalize", "-P --physical",
        "-q --quiet", "-s --strip --no-symlinks", "-z --zero", "--relative-to=",
    )  # fmt: skip
    if not given.operands:
        return usage(call, "missing operand")
    mode = _mode(given.last("canonicalize", "canonicalize-existing", "canonicalize-missing"))
    links = given.last("physical", "no-symlinks") != "no-symlinks"
    if not links and mode is Mode.LAST_MISSING:
        mode = Mode.MISSING
    start = ""
    status = 0
    if "relative-to" in given:
        name = given.value("relative-to")
        try:
            start = canonicalize(call.files, call.path(name), mode, links=links)
            if mode is Mode.EXISTING and not is_directory(call, name):
                raise OSError(20, "Not a directory")
        except OSError as error:
            return call.complain(f"{_plain(name)}: {reason(error)}")
    for operand in given.operands:
        try:
            path = canonicalize(call.files, call.path(operand), mode, links=links)
            call.out((relative(path, start) if start else path) + ("\0" if "zero" in given else "\n"))
        except OSError as error:
            status = 1
            if "quiet" not in given:
                call.complain(f"{_plain(operand)}: {reason(error)}")
    return status


def _plain(name: str) -> str:
    return name if name and not re.search(r"[\s':\x00-\x1f]", name) else quoted(name)


# stat


def stat(call: Call) -> int:
    """stat(1), with formats of what a tree knows of files."""
    given = call.options("-c --format=", "--printf=", "-L --dereference", "-t --terse", "-f --file-system")
    if not given.operands:
        return usage(call, "missing operand")
    chosen = given.last("format", "printf")
    if not chosen or "terse" in given:
        not_modelled(call, "output with no format")
    text = given.value(chosen)
    status = 0
    for operand in given.operands:
        try:
            inode = call.files.get(
                call.path(operand), follow="dereference" in given or "file-system" in given
            )
        except OSError as error:
            what = "read file system information for" if "file-system" in given else "statx"
            status = call.complain(f"cannot {what} {quoted(operand)}: {reason(error)}")
            continue
        values = functools.partial(
            _of_file_system if "file-system" in given else _directive, call, operand, inode
        )
        call.out(_formatted(call, text, chosen == "printf", values) + ("" if chosen == "printf" else "\n"))
    return status


def _formatted(call: Call, text: str, escapes: bool, value: Callable[[re.Match[str]], str]) -> str:
    parts = []
    place = 0
    for match in _DIRECTIVE.finditer(text):
        parts += [
            _unescaped(call, text[place : match.start()], escapes),
            value(match),
        ]
        place = match.end()
    return "".join(parts) + _unescaped(call, text[place:], escapes)


def _unescaped(call: Call, text: str, escapes: bool) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1][0] in "01234567":
            return chr(int(match[1], 8))
        if match[1] not in _ESCAPES:
            not_modelled(call, f"the escape {match[0]!r}")
        return _ESCAPES[match[1]]

    return re.sub(r"\\([0-7]{1,3}|.)", replace, text, flags=re.DOTALL) if escapes else text


def _of_file_system(call: Call, name: str, _inode: Inode, match: re.Match[str]) -> str:
    flags, letter = match[1], match[2]
    if letter == "%" and not flags:
        return "%"
    value = name if letter == "n" else _FILE_SYSTEM.get(letter)
    if value is None:
        not_modelled(call, f"the directive {match[0]!r} of a file system")
    return f"%{flags}s" % value


def _directive(call: Call, name: str, inode: Inode, match: re.Match[str]) -> str:
    flags, letter = match[1], match[2]
    if letter == "%" and not flags:
        return "%"
    value: str | int
    match letter:
        case "a":
            return f"%{flags}o" % inode.mode
        case "f":
            return f"%{flags}x" % file_mode(inode)
        case "t" | "T":
            return f"%{flags}x" % inode.device[letter == "T"]
        case "u" | "g":
            value = inode.uid if letter == "u" else inode.gid
        case "h":
            value = names_of(call.files, inode)
        case "d" | "i":
            value = _DEVICE if letter == "d" else _number(call, inode)
        case "s":
            value = size_of(inode)
        case "U" | "G":
            table, number = ("etc/passwd", inode.uid) if letter == "U" else ("etc/group", inode.gid)
            known = owners.known(call.root, table, number)
            value = "UNKNOWN" if not known else owner_name(call, inode, letter)
        case "A":
            value = mode_string(inode)
        case "F":
            value = _KINDS[inode.kind]
            if inode.kind is Kind.FILE and not inode.content.size:
                value = "regular empty file"
        case "n":
            value = name
        case "N":
            value = quoted(name)
            if inode.kind is Kind.SYMLINK:
                value += f" -> {quoted(inode.target)}"
        case _:
            not_modelled(call, f"the directive {match[0]!r}")
    return f"%{flags}{'d' if isinstance(value, int) else 's'}" % value


def _number(call: Call, inode: Inode) -> int:
    """A file's number, by its place in the tree: names of one file alone have the same."""
    nodes = (node for _, node in call.files.tree.walk())
    return next(number for number, node in enumerate(nodes, _ROOT) if node is inode)


def owner_name(call: Call, inode: Inode, letter: str) -> str:
    """Returns the name of a file's user ("U") or group ("G")."""
    if letter == "U":
        return owners.user_name(call.root, inode.uid)
    return owners.group_name(call.root, inode.gid)


def size_of(inode: Inode) -> int:
    """Returns st_size; of a directory, that of a small one on ext4."""
    if inode.kind is Kind.DIRECTORY:
        return 4096
    return (
        len(inode.target.encode("utf-8", "surrogateescape"))
        if inode.kind is Kind.SYMLINK
        else inode.content.size
    )


def mode_string(inode: Inode) -> str:
    """Returns a file's type and mode as ls has them: "drwxr-xr-x"."""
    return filemode(file_mode(inode))


# ls


def ls(call: Call) -> int:
    """ls(1) to what is no terminal: names, one a line; with -l, the date is the epoch's."""
    given = call.options(
        "-1", "-a --all", "-A --almost-all", "-d --directory", "-l", "-n --numeric-uid-gid",
        "-r --reverse", "-L", "-p", "-F --classify", "-h --human-readable", "--color[=]", "-N --literal",
        "-U", "-v", "-R --recursive",
    )  # fmt: skip
    if given.value("color", "never") not in ("never", "auto"):
        not_modelled(call, "colour")
    for option in ("U", "human-readable"):
        if option in given:
            not_modelled(call, f"the option {option}")
    lengthy = "l" in given or "numeric-uid-gid" in given or "classify" in given
    operands = _ordered(given, given.operands or (".",))
    files: list[str] = []
    folders: list[str] = []
    status = 0
    for operand in given.operands or (".",):
        if call.files.find(call.path(operand)) is None and (
            "L" in given or call.files.find(call.path(operand), follow=False) is None
        ):
            try:
                call.files.get(call.path(operand))
            except OSError as error:
                status = 2
                call.complain(f"cannot access {quoted(operand)}: {reason(error)}")
            operands.remove(operand)
            continue
    for operand in operands:
        is_folder = is_directory(call, operand, follow=not lengthy or operand.endswith("/") or "L" in given)
        (folders if is_folder and "directory" not in given else files).append(operand)
    _list(call, given, files, files)
    headed = len(given.operands) > 1 or "recursive" in given
    waiting, first = folders[::-1], not files
    while waiting:
        folder = waiting.pop()
        if headed:
            call.out(f"{'' if first else chr(10)}{folder}:\n")
        first = False
        names = list(call.files.names(call.path(folder)))
        shown = given.last("all", "almost-all")
        if not shown:
            names = [name for name in names if not name.startswith(".")]
        if "recursive" in given:
            below = [joined(folder, name) for name in _ordered(given, names)]
            waiting += [path for path in below if is_directory(call, path, follow="L" in given)][::-1]
            _bounded(call, waiting)
        names = _ordered(given, [".", "..", *names] if shown == "all" else names)
        if "l" in given or "numeric-uid-gid" in given:
            call.out(f"total {sum(_blocks(call, joined(folder, name)) for name in names)}\n")
        _list(call, given, names, [joined(folder, name) for name in names])
    return status


def _ordered(given: Given, names: Sequence[str]) -> list[str]:
    ordered = sorted(names, key=functools.cmp_to_key(_versions) if "v" in given else None)
    return ordered[::-1] if "reverse" in given else ordered


def _versions(left: str, right: str) -> int:
    return versions(*(name.encode("utf-8", "surrogateescape") for name in (left, right)))


def _bounded(call: Call, waiting: Sequence[str]) -> None:
    """Ends a walk along links that lead back: ls says of each that it is in a circle."""
    if any(path.count("/") > _DEEPEST for path in waiting):
        not_modelled(call, "a circle of links")


def _blocks(call: Call, name: str) -> int:
    inode = call.files.find(call.path(name), follow=False)
    if inode is None or inode.kind not in (Kind.FILE, Kind.DIRECTORY):
        return 0
    return -(-size_of(inode) // 4096) * 4


def _list(call: Call, given: Given, names: Sequence[str], paths: Sequence[str]) -> None:
    rows: list[list[str]] = []
    for name, path in zip(names, paths, strict=True):
        inode = call.files.get(call.path(path), follow=False)
        followed = call.files.find(call.path(path)) if "L" in given else None
        rows.append(_row(call, given, name, followed or inode))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        if len(row) == 1:
            call.out(f"{row[0]}\n")
            continue
        left = "numeric-uid-gid" not in given
        cells = [row[0], row[1].rjust(widths[1])]
        cells += [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width in zip(row[2:4], widths[2:4], strict=True)
        ]
        cells += [row[4].rjust(widths[4]), _DATE, row[5]]
        call.out(" ".join(cells) + "\n")


def _row(call: Call, given: Given, name: str, inode: Inode) -> list[str]:
    shown = name
    marks = {Kind.DIRECTORY: "/", Kind.SYMLINK: "@", Kind.FIFO: "|"}
    long = "l" in given or "numeric-uid-gid" in given
    if "classify" in given or "p" in given:
        mark = marks.get(inode.kind, "*" if inode.kind is Kind.FILE and inode.mode & 0o111 else "")
        if mark == "/" or ("classify" in given and not (long and mark == "@")):
            shown += mark
    if not long:
        return [shown]
    numeric = "numeric-uid-gid" in given
    user = str(inode.uid) if numeric else owners.user_name(call.root, inode.uid)
    group = str(inode.gid) if numeric else owners.group_name(call.root, inode.gid)
    size = str(size_of(inode))
    if inode.kind in (Kind.CHARACTER, Kind.BLOCK):
        size = f"{inode.device[0]}, {inode.device[1]}"
    if inode.kind is Kind.SYMLINK:
        shown += f" -> {inode.target}"
    return [mode_string(inode), str(names_of(call.files, inode)), user, group, size, shown]


COMMANDS: Mapping[str, Command] = {
    "kpsereadlink": readlink,
    "ls": ls,
    "readlink": readlink,
    "realpath": realpath,
    "stat": stat,
}
"""This family's commands by name."""
