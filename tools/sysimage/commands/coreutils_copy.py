"""cp and install."""

import errno
from collections.abc import Mapping

from tools.sysimage.commands import modes, owners
from tools.sysimage.commands.backups import OPTIONS, backups
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.copying import Copier, Policy
from tools.sysimage.commands.coreutils_make import prefixes
from tools.sysimage.commands.coreutils_words import (
    base,
    curly,
    exists,
    is_directory,
    joined,
    not_modelled,
    quoted,
    reason,
    set_mode,
    set_owner,
    usage,
)
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Inode

_TARGET = ("-t --target-directory=", "-T --no-target-directory")
_PRESERVED = {
    "mode": {"mode"},
    "ownership": {"ownership"},
    "timestamps": {"timestamps"},
    "links": {"links"},
    "xattr": {"xattr"},
    "context": set[str](),
    "all": {"mode", "ownership", "timestamps", "links", "xattr"},
    "": {"mode", "ownership", "timestamps"},
}
_UPDATE = {"": "newer", "older": "newer", "all": "replace", "none": "keep", "none-fail": "fail"}


def targets(call: Call, given: Given, *, follow: bool = True) -> list[tuple[str, str]] | int:
    """Returns sources and the names that they get, or a status. Sources are as they were given."""
    operands = list(given.operands)
    if not operands:
        return usage(call, "missing file operand")
    into = ""
    if "target-directory" in given:
        into = given.value("target-directory")
        if not is_directory(call, into):
            return call.complain(f"target directory {quoted(into)}: {_no_directory(call, into)}")
    elif len(operands) == 1:
        return usage(call, f"missing destination file operand after {quoted(operands[0])}")
    elif "no-target-directory" in given:
        if len(operands) > 2:
            return usage(call, f"extra operand {quoted(operands[2])}")
    elif is_directory(call, operands[-1], follow=follow or operands[-1].endswith("/")):
        into = operands.pop()
    elif len(operands) > 2:
        return call.complain(f"target {quoted(operands[-1])}: {_no_directory(call, operands[-1])}")
    if not into:
        return [(operands[0], operands[1])]
    return [(name, into if base(name) == ".." else joined(into, base(name))) for name in operands]


def _no_directory(call: Call, name: str) -> str:
    try:
        call.files.get(call.path(name))
    except OSError as error:
        return reason(error)
    return "Not a directory"


def cp(call: Call) -> int:
    """cp(1)."""
    given = call.options(
        *OPTIONS, *_TARGET, "-a --archive", "-d", "-p", "--preserve[=]", "--no-preserve=", "-R",
        "-r --recursive", "-f --force", "-n --no-clobber", "-u", "--update[=]", "-l --link",
        "-s --symbolic-link", "-L --dereference", "-P --no-dereference", "-H", "-v --verbose",
        "-x --one-file-system", "--remove-destination", "--reflink[=]", "--sparse=",
        "--strip-trailing-slashes", "--parents", "-Z",
    )  # fmt: skip
    policy = _policy(call, given)
    if "link" in given and "symbolic-link" in given:
        return usage(call, "cannot make both hard and symbolic links")
    if "parents" in given:
        return _with_parents(call, given, policy)
    pairs = targets(call, given)
    if isinstance(pairs, int):
        return pairs
    copier = Copier(call, policy)
    status = 0
    seen: set[str] = set()
    for source, target in pairs:
        name = source.rstrip("/") or "/"
        if name in seen and not policy.backups.kind:
            kind = "directory" if is_directory(call, name) else "file"
            call.complain(f"warning: source {kind} {quoted(source)} specified more than once")
            continue
        seen.add(name)
        status |= copier.copy(name if "strip-trailing-slashes" in given else source, target)
    return status


def _policy(call: Call, given: Given) -> Policy:  # noqa: PLR0912 - one option each
    preserve: set[str] = set()
    recursive = follow = existing = as_link = ""
    default_mode = False
    for name, value in given.options:
        match name:
            case "archive":
                preserve |= _PRESERVED["all"]
                recursive, follow = "r", "none"
            case "d":
                preserve.add("links")
                follow = "none"
            case "p":
                preserve |= _PRESERVED[""]
            case "preserve" | "no-preserve":
                for word in (value or "").split(","):
                    if word not in _PRESERVED:
                        not_modelled(call, f"--{name}={value}")
                    preserve = (
                        preserve | _PRESERVED[word] if name == "preserve" else preserve - _PRESERVED[word]
                    )
                    default_mode = name == "no-preserve" and word in ("mode", "all")
            case "R" | "recursive":
                recursive = "r"
            case "dereference":
                follow = "all"
            case "no-dereference":
                follow = "none"
            case "H":
                follow = "operands"
            case "no-clobber":
                existing = "keep"
            case "u" | "update" if existing != "keep":
                if (value or "") not in _UPDATE:
                    not_modelled(call, f"--update={value}")
                existing = _UPDATE[value or ""]
            case "link":
                as_link = "hard"
            case "symbolic-link":
                as_link = "symbolic"
            case "one-file-system" if "/" in given.operands:
                not_modelled(call, "which directories are mounted")
    if not follow:
        follow = "none" if recursive and as_link != "hard" else "all"
    return Policy(
        bool(recursive), follow, preserve, default_mode, existing or "replace", "remove-destination" in given,
        "force" in given, as_link, "verbose" in given, backups(call, given),
    )  # fmt: skip


def _with_parents(call: Call, given: Given, policy: Policy) -> int:
    operands = list(given.operands)
    into = given.value("target-directory") if "target-directory" in given else operands.pop()
    if not is_directory(call, into) or policy.verbose or any(".." in name.split("/") for name in operands):
        not_modelled(call, "this use of --parents")
    copier = Copier(call, policy)
    status = 0
    for name in (operand.rstrip("/") for operand in operands):
        made: list[tuple[Inode, str]] = []
        try:
            for above in prefixes(name)[:-1]:
                inode = call.files.get(call.path(above))
                target = joined(into, above.lstrip("/"))
                if not exists(call, target):
                    call.files.make_directory(call.path(target), call.umask(inode.mode & 0o1777))
                if policy.preserve:
                    made.append((inode, target))
        except OSError as error:
            status = call.complain(f"cannot stat {quoted(name)}: {reason(error)}")
            continue
        status |= copier.copy(name, joined(into, name.lstrip("/")))
        for inode, target in reversed(made):
            where, new = call.files.lookup(call.path(target))
            assert new is not None
            if "ownership" in policy.preserve:
                set_owner(call, where, new, inode.uid, inode.gid)
            if "mode" in policy.preserve:
                set_mode(call, where, new, inode.mode)
    return status


# install


def install(call: Call) -> int:
    """install(1)."""
    given = call.options(
        *OPTIONS, *_TARGET, "-c", "-C --compare", "-d --directory", "-D", "-g --group=", "-m --mode=",
        "-o --owner=", "-p --preserve-timestamps", "-v --verbose", "-Z",
    )  # fmt: skip
    try:
        changes = modes.parse(given.value("mode")) if "mode" in given else ()
    except modes.BadModeError:
        return call.complain(f"invalid mode {quoted(given.value('mode'))}")
    uid = gid = None
    try:
        if given.value("owner"):
            uid = owners.parse(call.root, given.value("owner").replace(":", "\0")).uid
    except owners.BadOwnerError:
        return call.complain(f"invalid user {quoted(given.value('owner'))}")
    try:
        if given.value("group"):
            gid = owners.parse_group(call.root, given.value("group"))
    except owners.BadOwnerError:
        return call.complain(f"invalid group {quoted(given.value('group'))}")
    if "directory" in given:
        if not given.operands:
            return usage(call, "missing file operand")
        mode, bits = 0o755, 0o7777
        if changes:
            mode, bits = modes.adjust(0, directory=True, umask=0, changes=changes)
        status = 0
        for operand in given.operands:
            status |= _install_directory(call, operand, (mode, bits), (uid, gid), "verbose" in given)
        return status
    mode = modes.adjust(0, directory=False, umask=0, changes=changes)[0] if changes else 0o755
    return _install_files(call, given, mode, uid, gid)


def _install_directory(
    call: Call, operand: str, wanted: tuple[int, int], owner: tuple[int | None, int | None], verbose: bool
) -> int:
    if not operand:
        return call.complain(f"cannot create directory {curly(operand)}: No such file or directory")
    mode, bits = wanted
    first = mode & 0o1777
    if owner != (None, None):
        first &= ~0o077
    elif bits & 0o6000 or mode & 0o1000:
        first &= ~0o022
    last = operand.rstrip("/")
    for name in prefixes(operand):
        try:
            if not is_directory(call, name):
                call.files.make_directory(call.path(name), first if name == last else 0o755)
                if verbose:
                    call.out(f"install: creating directory {quoted(name)}\n")
        except OSError as error:
            return call.complain(f"cannot create directory {curly(name)}: {reason(error)}")
    path, inode = call.files.lookup(call.path(operand))
    assert inode is not None
    set_owner(call, path, inode, *owner)
    set_mode(call, path, inode, mode | inode.mode & ~bits & 0o7777)
    return 0


def _install_files(call: Call, given: Given, mode: int, uid: int | None, gid: int | None) -> int:
    if "D" in given:
        status = _make_way(call, given)
        if status:
            return status
    pairs = targets(call, given)
    if isinstance(pairs, int):
        return pairs
    policy = Policy(unlink_first=True, verbose="verbose" in given, backups=backups(call, given))
    copier = Copier(call, policy)
    status = 0
    for source, target in pairs:
        if is_directory(call, source):
            status = call.complain(f"omitting directory {quoted(source)}")
            continue
        if "compare" in given and _is_installed(call, source, target, (mode, uid or 0, gid or 0)):
            continue
        failed = copier.copy(source, target)
        if failed:
            status = failed
            continue
        path, inode = call.files.lookup(call.path(target))
        assert inode is not None
        set_owner(call, path, inode, uid, gid)
        set_mode(call, path, inode, mode)
    return status


def _make_way(call: Call, given: Given) -> int:
    """Makes the directories above a target, for -D."""
    if "target-directory" in given:
        folder = given.value("target-directory")
    elif len(given.operands) == 2:
        folder = "/".join(given.operands[1].rstrip("/").split("/")[:-1])
    else:
        return 0
    for name in prefixes(folder):
        try:
            if not is_directory(call, name):
                call.files.make_directory(call.path(name), 0o755)
                if "verbose" in given:
                    call.out(f"install: creating directory {quoted(name)}\n")
        except OSError as error:
            what = "Not a directory" if error.errno == errno.EEXIST else reason(error)
            return call.complain(f"cannot create directory {curly(name)}: {what}")
    return 0


def _is_installed(call: Call, source: str, target: str, wanted: tuple[int, int, int]) -> bool:
    there = call.files.find(call.path(target), follow=False)
    inode = call.files.find(call.path(source))
    if there is None or inode is None or there.kind is not inode.kind:
        return False
    if (there.mode, there.uid, there.gid) != wanted or wanted[0] & 0o7000:
        return False
    return there.content.size == inode.content.size and there.read() == inode.read()


COMMANDS: Mapping[str, Command] = {"cp": cp, "install": install}
"""This family's commands by name."""
