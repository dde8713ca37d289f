"""cp, mv, ln, install, rm, unlink, link (GNU coreutils)."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.modes import BadModeError, mode, owner
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.tree_files import Buffer, failure, replace_content
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Content
from tools.sysimage.core.tree import Inode, Kind, directory

_BACKUP = ("-b", "--backup[=]", "-S --suffix=")


class _ComplaintError(Exception):
    """What a program says before it goes on with the next file."""


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or "/"


def _content(inode: Inode) -> Content:
    """A content that is the copy's own; what can't change is shared."""
    return Buffer(inode.content.data) if isinstance(inode.content, Buffer) else inode.content


def _newer(inode: Inode, other: Inode) -> bool:
    """Whether a script has written the one and not the other: all that is known of times."""
    return isinstance(inode.content, Buffer) and not isinstance(other.content, Buffer)


def _is_directory(call: Call, name: str, *, follow: bool = True) -> bool:
    inode = call.files.find(call.path(name), follow=follow)
    return inode is not None and inode.kind is Kind.DIRECTORY


def _targets(call: Call, given: Given, *, follow: bool = True) -> list[tuple[str, str]]:
    """The pairs of source and destination that the operands say. Raises _ComplaintError."""
    names = list(given.operands)
    if "target-directory" in given:
        folder = given.value("target-directory")
        if not _is_directory(call, folder):
            raise _ComplaintError(f"target directory '{folder}': No such file or directory")
    elif len(names) < 2:
        raise _ComplaintError("missing destination file operand" if names else "missing file operand")
    else:
        folder = names.pop()
        if "no-target-directory" in given or not _is_directory(call, folder, follow=follow):
            if len(names) > 1:
                raise _ComplaintError(f"target '{folder}': Not a directory")
            return [(names[0], folder)]
    return [(name, f"{folder.rstrip('/')}/{_name(name)}") for name in names]


def _each(call: Call, pairs: list[tuple[str, str]], what: str, action: Callable[[str, str], None]) -> int:
    """Does something with each source and destination; returns 1 if one of them could not be done."""
    status = 0
    for source, target in pairs:
        try:
            action(source, target)
        except _ComplaintError as complaint:
            status = call.complain(str(complaint))
        except OSError as error:
            status = call.complain(f"{what} '{error.filename}': {error.strerror}")
    return status


def _back_up(call: Call, given: Given, name: str) -> None:
    """Moves what is at a destination aside, if the options ask for it."""
    if not {"b", "backup", "suffix"} & {option for option, _ in given.options}:
        return
    kind = given.value("backup") or call.variable("VERSION_CONTROL") or "existing"
    if kind in ("none", "off"):
        return
    if call.files.find(call.path(name), follow=False) is None:
        return
    if kind in ("numbered", "t"):
        call.refuse(f"{call.name}: numbered backups are not modelled")
    suffix = given.value("suffix") or call.variable("SIMPLE_BACKUP_SUFFIX") or "~"
    call.files.rename(call.path(name), call.path(name + suffix))


@dataclass(slots=True)
class _Copier:
    """What cp does with one source after the other."""

    call: Call
    given: Given
    recursive: bool
    follow: str  # "always", "command line", "never"
    preserve: frozenset[str]
    links: dict[int, Inode] = field(default_factory=dict)  # copies by the source's inode, for hard links

    def copy(self, source: str, target: str, *, top: bool = True) -> None:
        """Copies a file, or a directory with all below it. Raises OSError and _ComplaintError."""
        files = self.call.files
        follow = self.follow == "always" or (top and self.follow == "command line")
        where, inode = files.lookup(source, follow=follow)
        if inode is None:
            raise failure(errno.ENOENT, source)
        there = files.find(target, follow=False)
        if inode.kind is Kind.DIRECTORY:
            self._directory(source, where, inode, target)
            return
        if there is not None and there.kind is Kind.DIRECTORY:
            raise _ComplaintError(f"cannot overwrite directory '{target}' with non-directory")
        if "no-clobber" in self.given and there is not None:
            return
        if "update" in self.given and there is not None and not _newer(inode, there):
            return
        if there is inode or (follow and there is not None and files.find(target) is inode):
            raise _ComplaintError(f"'{source}' and '{target}' are the same file")
        if top:
            _back_up(self.call, self.given, target)
            there = files.find(target, follow=False)
        if "verbose" in self.given:
            self.call.out(f"'{source}' -> '{target}'\n")
        if "symbolic-link" in self.given:
            files.make_symlink(source, target)
        elif "link" in self.given:
            files.make_link(source, target)
        else:
            self._file(inode, target, there)

    def _file(self, inode: Inode, target: str, there: Inode | None) -> None:
        files = self.call.files
        if "links" in self.preserve and id(inode) in self.links:
            if there is not None:
                files.unlink(target)
            files.tree.put(files.new(target), self.links[id(inode)])
            return
        if inode.kind is Kind.FILE and there is not None and "remove-destination" not in self.given:
            old = files.find(target)
            if old is None:
                raise _ComplaintError(f"not writing through dangling symlink '{target}'")
            if old.kind is Kind.FILE and "links" not in self.preserve:
                old.content = _content(inode)
                files.tree.put(files.lookup(target)[0], old)
                self._attributes(inode, old)
                return
            if old.kind is Kind.FILE:
                old.content = _content(inode)
                self._attributes(inode, old)
                self.links[id(inode)] = old
                return
        if there is not None:
            files.unlink(target)
        made = Inode(
            inode.kind,
            inode.mode if inode.kind is Kind.SYMLINK else self.call.umask(inode.mode) & 0o777,
            target=inode.target,
            content=_content(inode),
            device=inode.device,
            origin=self.call.world.who,
        )
        where, dangling = files.lookup(target, follow=False)
        if dangling is None:
            files.add(where, made)
        self._attributes(inode, made)
        self.links[id(inode)] = made

    def _directory(self, source: str, where: str, inode: Inode, target: str) -> None:
        files = self.call.files
        if not self.recursive:
            raise _ComplaintError(f"-r not specified; omitting directory '{source}'")
        if f"{files.lookup(target, follow=False)[0]}/".startswith(f"{where}/"):
            raise _ComplaintError(f"cannot copy a directory, '{source}', into itself, '{target}'")
        there = files.find(target)
        if there is None:
            there = directory(self.call.umask(inode.mode) & 0o777, origin=self.call.world.who)
            files.add(files.new(target), there)
            self._attributes(inode, there)
        elif there.kind is not Kind.DIRECTORY:
            raise _ComplaintError(f"cannot overwrite non-directory '{target}' with directory '{source}'")
        elif self.preserve:
            self._attributes(inode, there)
        for name in list(files.names(source)):
            self.copy(f"{source.rstrip('/')}/{name}", f"{target.rstrip('/')}/{name}", top=False)

    def _attributes(self, source: Inode, made: Inode) -> None:
        if "ownership" in self.preserve:
            made.uid, made.gid = source.uid, source.gid
        if "mode" in self.preserve:
            made.mode = source.mode
        if "xattr" in self.preserve:
            made.xattrs = source.xattrs


def cp(call: Call) -> int:
    """cp(1)."""
    given = call.options(
        "-a --archive",
        "-d",
        "-p",
        "-r",
        "-R --recursive",
        "-f --force",
        "-i --interactive",
        "-n --no-clobber",
        "-u --update",
        "-v --verbose",
        "-l --link",
        "-s --symbolic-link",
        "-L --dereference",
        "-P --no-dereference",
        "-H",
        "-T --no-target-directory",
        "-t --target-directory=",
        "--preserve[=]",
        "--no-preserve=",
        "--remove-destination",
        "--reflink[=]",
        "--sparse=",
        "-x --one-file-system",
        "-Z",
        "--strip-trailing-slashes",
        *_BACKUP,
    )
    recursive = any(option in given for option in ("archive", "r", "recursive"))
    last = given.last("archive", "d", "dereference", "no-dereference", "H")
    follow = {"archive": "never", "d": "never", "no-dereference": "never", "H": "command line"}.get(last)
    copier = _Copier(
        call, given, recursive, follow or ("always" if last or not recursive else "never"), _kept(given)
    )

    def copy(source: str, target: str) -> None:
        if source.endswith("/") and copier.follow == "never" and not _is_directory(call, source):
            raise failure(errno.ENOENT, source)
        copier.copy(call.path(source), call.path(target))

    return _each(call, _targets(call, given), "cannot stat", copy)


def _kept(given: Given) -> frozenset[str]:
    """What cp is to preserve."""
    every = frozenset(("mode", "ownership", "links", "xattr"))
    kept: set[str] = set()
    for option, value in given.options:
        if option == "archive":
            kept |= every
        elif option == "d":
            kept.add("links")
        elif option == "p" or (option == "preserve" and not value):
            kept |= {"mode", "ownership"}
        elif option == "preserve":
            words = (value or "").split(",")
            kept |= every if "all" in words else set(words)
        elif option == "no-preserve":
            kept -= set((value or "").split(",")) if value != "all" else every
    return frozenset(kept)


def mv(call: Call) -> int:
    """mv(1)."""
    given = call.options(
        "-f --force",
        "-i --interactive",
        "-n --no-clobber",
        "-u --update",
        "-v --verbose",
        "-T --no-target-directory",
        "-t --target-directory=",
        "-Z --context",
        "--strip-trailing-slashes",
        *_BACKUP,
    )

    def move(source: str, target: str) -> None:
        there = call.files.find(call.path(target), follow=False)
        if "no-clobber" in given and there is not None:
            return
        inode = call.files.get(call.path(source), follow=False)
        if there is inode:
            raise _ComplaintError(f"'{source}' and '{target}' are the same file")
        if there is not None and inode.kind is Kind.DIRECTORY and there.kind is not Kind.DIRECTORY:
            raise _ComplaintError(f"cannot overwrite non-directory '{target}' with directory '{source}'")
        if there is not None and inode.kind is not Kind.DIRECTORY and there.kind is Kind.DIRECTORY:
            raise _ComplaintError(f"cannot overwrite directory '{target}' with non-directory '{source}'")
        _back_up(call, given, target)
        call.files.rename(call.path(source), call.path(target))
        if "verbose" in given:
            call.out(f"renamed '{source}' -> '{target}'\n")

    return _each(call, _targets(call, given), "cannot move", move)


def ln(call: Call) -> int:
    """ln(1)."""
    given = call.options(
        "-s --symbolic",
        "-f --force",
        "-n --no-dereference",
        "-r --relative",
        "-v --verbose",
        "-T --no-target-directory",
        "-t --target-directory=",
        "-L --logical",
        "-P --physical",
        "-i --interactive",
        *_BACKUP,
    )
    if len(given.operands) == 1 and "target-directory" not in given:
        pairs = [(given.operands[0], _name(given.operands[0]))]
    else:
        pairs = _targets(call, given, follow="no-dereference" not in given)
    return _each(
        call, pairs, "failed to create link", lambda source, target: _link(call, given, source, target)
    )


def _link(call: Call, given: Given, source: str, target: str) -> None:
    files, path = call.files, call.path(target)
    where, there = files.lookup(path, follow=False)
    if "symbolic" not in given:
        inode = files.get(call.path(source), follow="logical" in given)
        if inode.kind is Kind.DIRECTORY:
            raise _ComplaintError(f"{source}: hard link not allowed for directory")
        if there is inode:
            raise _ComplaintError(f"'{source}' and '{target}' are the same file")
    _back_up(call, given, target)
    where, there = files.lookup(path, follow=False)
    if there is not None and "force" in given:
        if there.kind is Kind.DIRECTORY:
            raise _ComplaintError(f"'{target}': cannot overwrite directory")
        files.unlink(path)
    if "symbolic" not in given:
        files.make_link(call.path(source), path)
    else:
        if "relative" in given:
            source = _relative(files.tree.resolve(call.path(source).strip("/")), where.rpartition("/")[0])
        files.make_symlink(source, path)
    if "verbose" in given:
        call.out(f"'{target}' {'->' if 'symbolic' in given else '=>'} '{source}'\n")


def _relative(path: str, folder: str) -> str:
    """The way from a folder of the tree to a path."""
    to, start = path.split("/") if path else [], folder.split("/") if folder else []
    same = 0
    while same < min(len(to), len(start)) and to[same] == start[same]:
        same += 1
    return "/".join([".."] * (len(start) - same) + to[same:]) or "."


def install(call: Call) -> int:
    """install(1)."""
    given = call.options(
        "-d --directory",
        "-D",
        "-m --mode=",
        "-o --owner=",
        "-g --group=",
        "-p --preserve-timestamps",
        "-v --verbose",
        "-c",
        "-C --compare",
        "-T --no-target-directory",
        "-t --target-directory=",
        "-Z --context[=]",
        *_BACKUP,
    )
    try:
        change = mode(given.value("mode", "0755"))
        uid = owner(call, given.value("owner"))[0] if "owner" in given else 0
        gid = owner(call, given.value("group"), group_only=True)[1] if "group" in given else 0
    except BadModeError as error:
        return call.complain(f"invalid mode '{error}'")
    except ToolError as error:
        return call.complain(str(error))

    def finish(inode: Inode) -> None:
        call.files.chown(inode, uid, gid)
        inode.mode = change.apply(0, 0, is_directory=inode.kind is Kind.DIRECTORY)

    status = 0
    try:
        if "directory" in given:
            for name in given.operands:
                _make_directories(call, name)
                finish(call.files.get(call.path(name)))
            return 0
        if "D" in given and len(given.operands) > 1 and "target-directory" not in given:
            _make_directories(call, given.operands[-1].rstrip("/").rpartition("/")[0])
        elif "D" in given and "target-directory" in given:
            _make_directories(call, given.value("target-directory"))
        for source, target in _targets(call, given):
            inode = call.files.get(call.path(source)) if source != "/dev/null" else Inode(Kind.FILE, 0o644)
            if inode.kind is Kind.DIRECTORY:
                status = call.complain(f"omitting directory '{source}'")
                continue
            _back_up(call, given, target)
            if call.files.find(call.path(target), follow=False) is not None:
                call.files.unlink(call.path(target))
            made = Inode(Kind.FILE, 0o600, origin=call.world.who)
            replace_content(made, b"")
            made.content = _content(inode)
            call.files.add(call.files.new(call.path(target)), made)
            finish(made)
    except OSError as error:
        return call.complain(f"cannot create '{error.filename}': {error.strerror}")
    return status


def _make_directories(call: Call, name: str) -> None:
    path = ""
    for part in call.path(name).split("/"):
        path = f"{path}/{part}" if part else path
        if path and call.files.find(path) is None:
            call.files.make_directory(path, 0o755)


def rm(call: Call) -> int:
    """rm(1)."""
    given = call.options(
        "-r",
        "-R --recursive",
        "-f --force",
        "-v --verbose",
        "-d --dir",
        "-i",
        "-I",
        "--preserve-root",
        "--one-file-system",
    )
    recursive = "r" in given or "recursive" in given
    status = 0
    if not given.operands and "force" not in given:
        return call.complain("missing operand")
    for name in given.operands:
        try:
            if _name(name) in (".", ".."):
                raise _ComplaintError(f"refusing to remove '.' or '..' directory: skipping '{name}'")
            where, inode = call.files.lookup(call.path(name), follow=False)
            if inode is None:
                raise failure(errno.ENOENT, name)
            if not where:
                call.refuse("rm: removes the root")
            if inode.kind is not Kind.DIRECTORY:
                call.files.unlink(call.path(name))
            elif (
                recursive
                and name.endswith("/")
                and call.files.find(call.path(name.rstrip("/")), follow=False) is not inode
            ):
                # A link to a directory, with a slash: what is in it goes, the directory stays.
                for path in call.root.tree.children(where):
                    call.root.tree.remove(path)
            elif recursive:
                call.root.tree.remove(where)
            elif "dir" in given:
                call.files.remove_directory(call.path(name))
            else:
                raise _ComplaintError(f"cannot remove '{name}': Is a directory")
            if "verbose" in given:
                call.out(f"removed {'directory ' * (inode.kind is Kind.DIRECTORY)}'{name}'\n")
        except _ComplaintError as complaint:
            status = call.complain(str(complaint))
        except OSError as error:
            if "force" not in given or error.errno not in (errno.ENOENT, errno.ENOTDIR):
                status = call.complain(f"cannot remove '{name}': {error.strerror}")
    return status


def unlink(call: Call) -> int:
    """unlink(1)."""
    call.files.unlink(call.path(call.options().operands[0]))
    return 0


def link(call: Call) -> int:
    """link(1)."""
    old, new = call.options().operands
    call.files.make_link(call.path(old), call.path(new))
    return 0


def _complaining(command: Command) -> Command:
    """Makes a complaint about all operands status 1."""

    def run(call: Call) -> int:
        try:
            return command(call)
        except _ComplaintError as complaint:
            return call.complain(str(complaint))

    return run


COMMANDS: Mapping[str, Command] = {
    "cp": _complaining(cp),
    "install": _complaining(install),
    "link": link,
    "ln": _complaining(ln),
    "mv": _complaining(mv),
    "rm": rm,
    "unlink": unlink,
}
"""This family's commands by name."""
