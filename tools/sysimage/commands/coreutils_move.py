"""mv, ln, rm and shred."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.sysimage.commands.backups import OPTIONS, Backups, backups
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.canonical import Mode, canonicalize, relative
from tools.sysimage.commands.coreutils_copy import targets
from tools.sysimage.commands.coreutils_words import (
    base,
    exists,
    is_directory,
    is_linked,
    joined,
    not_modelled,
    quoted,
    reason,
    usage,
)
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.tree_files import Buffer
from tools.sysimage.core.tree import Inode, Kind

_TARGET = ("-t --target-directory=", "-T --no-target-directory")


# mv


def mv(call: Call) -> int:
    """mv(1)."""
    given = call.options(
        *OPTIONS, *_TARGET, "-f --force", "-n --no-clobber", "-u", "--update[=]", "-v --verbose",
        "-Z --context", "--strip-trailing-slashes",
    )  # fmt: skip
    pairs = targets(call, given)
    if isinstance(pairs, int):
        return pairs
    existing = "keep" if given.last("force", "no-clobber") == "no-clobber" else "replace"
    if existing != "keep" and ("u" in given or "update" in given):
        update = given.value("update") or "older"
        existing = {"all": "replace", "none": "keep", "none-fail": "fail", "older": "newer"}.get(update, "")
        if not existing:
            not_modelled(call, f"--update={update}")
    if existing in ("keep", "fail") and backups(call, given).kind:
        return usage(call, "cannot combine --backup with --exchange, -n, or --update=none-fail")
    mover = _Mover(call, existing, "verbose" in given, backups(call, given))
    status = 0
    for source, target in pairs:
        name = source.rstrip("/") if "strip-trailing-slashes" in given else source
        status |= mover.move(name, target)
    return status


@dataclass(slots=True)
class _Mover:
    call: Call
    existing: str
    verbose: bool
    backups: Backups
    made: set[int] = field(default_factory=set)

    def move(self, source: str, target: str) -> int:
        call = self.call
        if self.existing == "keep" and all(
            exists(call, name.rstrip("/") or name, follow=False) for name in (source, target)
        ):
            return 0
        try:
            inode = call.files.get(call.path(source), follow=False)
        except OSError as error:
            return call.complain(f"cannot stat {quoted(source)}: {reason(error)}")
        try:
            there = call.files.lookup(call.path(target), follow=False)[1]
        except OSError as error:
            there = None
            if error.errno == errno.ENOTDIR and not target.endswith("/"):
                return call.complain(f"cannot stat {quoted(target)}: {reason(error)}")
        if there is not None:
            status = self._conflict(source, target, inode, there)
            if status is not None:
                return status
        if base(source) in (".", "..") or not call.files.lookup(call.path(source), follow=False)[0]:
            return self._failed(source, target, OSError(errno.EBUSY, "Device or resource busy"))
        try:
            backup = self.backups.make(call, target) if there is not None else ""
            if there is inode and not backup:
                call.files.unlink(call.path(source))
                if self.verbose:
                    call.out(f"removed {quoted(source)}\n")
                return 0
            call.files.rename(call.path(source), call.path(target))
        except OSError as error:
            return self._failed(source, target, error)
        self.made.add(id(inode))
        if self.verbose:
            note = f" (backup: {quoted(backup)})" if backup else ""
            call.out(f"renamed {quoted(source)} -> {quoted(target)}{note}\n")
        return 0

    def _failed(self, source: str, target: str, error: OSError) -> int:
        names = f"{quoted(source)} to {quoted(target)}"
        if error.errno == errno.EINVAL:
            what = f"cannot move {quoted(source)} to a subdirectory of itself, {quoted(target)}"
            return self.call.complain(what)
        if error.errno == errno.ENOTEMPTY:
            return self.call.complain(f"cannot overwrite {quoted(target)}: {reason(error)}")
        return self.call.complain(f"cannot move {names}: {reason(error)}")

    def _conflict(self, source: str, target: str, inode: Inode, there: Inode) -> int | None:
        call = self.call
        files = call.files
        if there is inode:
            apart = (
                files.lookup(call.path(source), follow=False)[0]
                != files.lookup(call.path(target), follow=False)[0]
            )
            if not apart:
                if inode.kind is Kind.DIRECTORY:
                    what = f"cannot move {quoted(source)} to a subdirectory of itself, {quoted(target)}"
                    return call.complain(what)
                return call.complain(f"{quoted(source)} and {quoted(target)} are the same file")
        if self.existing in ("keep", "fail"):
            return call.complain(f"not replacing {quoted(target)}") if self.existing == "fail" else 0
        folders = inode.kind is Kind.DIRECTORY, there.kind is Kind.DIRECTORY
        if self.existing == "newer" and not folders[0]:
            written, old = isinstance(inode.content, Buffer), isinstance(there.content, Buffer)
            if written == old:
                not_modelled(call, "which of two files is newer")
            if old:
                return 0
        if id(there) in self.made and there is not inode:
            what = f"will not overwrite just-created {quoted(target)} with {quoted(source)}"
            return call.complain(what)
        if folders == (False, True):
            what = f"cannot overwrite directory {quoted(target)} with non-directory {quoted(source)}"
            return call.complain(what)
        if folders == (True, False) and not self.backups.kind:
            what = f"cannot overwrite non-directory {quoted(target)} with directory {quoted(source)}"
            return call.complain(what)
        return None


# ln


def ln(call: Call) -> int:
    """ln(1)."""
    given = call.options(
        *OPTIONS, *_TARGET, "-s --symbolic", "-f --force", "-n -h --no-dereference", "-r --relative",
        "-v --verbose", "-L --logical", "-P --physical",
    )  # fmt: skip
    symbolic = "symbolic" in given
    if "relative" in given and not symbolic:
        return call.complain("cannot do --relative without --symbolic")
    operands = list(given.operands)
    if not operands:
        return usage(call, "missing file operand")
    pairs: list[tuple[str, str]] | int
    if "no-target-directory" in given and len(operands) == 1:
        return usage(call, f"missing destination file operand after {quoted(operands[0])}")
    if len(operands) == 1 and "target-directory" not in given:
        pairs = [(operands[0], joined(".", base(operands[0])))]
    else:
        pairs = targets(call, given, follow="no-dereference" not in given)
    if isinstance(pairs, int):
        return pairs
    linker = _Linker(call, given, symbolic, backups(call, given))
    status = 0
    for source, target in pairs:
        status |= linker.link(source, target)
    return status


@dataclass(slots=True)
class _Linker:
    call: Call
    given: Given
    symbolic: bool
    backups: Backups
    made: set[int] = field(default_factory=set)

    def link(self, source: str, target: str) -> int:
        call, files = self.call, self.call.files
        old: Inode | None = None
        path = ""
        if not self.symbolic:
            try:
                follow = "logical" in self.given
                # What is replaced may be on the way to it.
                old = files.get(call.path(source), follow=follow)
                path = files.lookup(call.path(source), follow=follow)[0]
            except OSError as error:
                return call.complain(f"failed to access {quoted(source)}: {reason(error)}")
            if old.kind is Kind.DIRECTORY:
                return call.complain(f"{source}: hard link not allowed for directory")
        text = self._relative(source, target) if "relative" in self.given else source
        there = files.find(call.path(target), follow=False)
        backup = ""
        try:
            if there is not None and ("force" in self.given or self.backups.kind):
                status = self._conflict(text, target, old, there)
                if status is not None:
                    return status
                backup = self.backups.make(call, target)
                if not backup:
                    files.unlink(call.path(target))
            if self.symbolic:
                files.make_symlink(text, call.path(target))
            else:
                files.make_link(f"/{path}", call.path(target))
        except OSError as error:
            kind = "symbolic" if self.symbolic else "hard"
            names = quoted(target)
            if error.errno not in (errno.EEXIST, errno.ENOENT, errno.ENOTDIR) or not text:
                names += f" {'->' if self.symbolic else '=>'} {quoted(text)}"
            return call.complain(f"failed to create {kind} link {names}: {reason(error)}")
        self.made.add(id(files.get(call.path(target), follow=False)))
        if "verbose" in self.given:
            note = f"{quoted(backup)} ~ " if backup else ""
            call.out(f"{note}{quoted(target)} {'->' if self.symbolic else '=>'} {quoted(text)}\n")
        return 0

    def _conflict(self, source: str, target: str, old: Inode | None, there: Inode) -> int | None:
        call = self.call
        if there.kind is Kind.DIRECTORY:
            return call.complain(f"{target}: cannot overwrite directory")
        if id(there) in self.made and "force" in self.given:
            what = f"will not overwrite just-created {quoted(target)} with {quoted(source)}"
            return call.complain(what)
        if self.symbolic:
            old = None if self.backups.kind else call.files.find(call.path(source))
        if old is there:
            paths = [call.files.lookup(call.path(name), follow=False)[0] for name in (source, target)]
            if paths[0] == paths[1] or not is_linked(call.files, there):
                return call.complain(f"{quoted(source)} and {quoted(target)} are the same file")
        return None

    def _relative(self, source: str, target: str) -> str:
        call = self.call
        folder = target.rstrip("/").rpartition("/")[0] or ("/" if target.startswith("/") else ".")
        real = canonicalize(call.files, call.path(folder), Mode.MISSING)
        path = canonicalize(call.files, call.path(source), Mode.MISSING)
        return relative(path, real)


# rm


def rm(call: Call) -> int:
    """rm(1)."""
    given = call.options(
        "-f --force", "-r", "-R --recursive", "-d --dir", "-v --verbose", "--interactive=",
        "--one-file-system", "--preserve-root",
    )  # fmt: skip
    if given.value("interactive", "never") not in ("never", "no", "none"):
        not_modelled(call, "--interactive")
    force = "force" in given
    if not given.operands:
        return 0 if force else usage(call, "missing operand")
    remover = _Remover(call, force, "r" in given or "recursive" in given, "dir" in given, "verbose" in given)
    status = 0
    for operand in given.operands:
        status |= remover.remove(operand)
    return status


def shred(call: Call) -> int:
    """shred(1) --remove: nothing of a file is left in an image that does not have it."""
    given = call.options(
        "-f --force", "-n --iterations=", "-s --size=", "-u", "--remove[=]", "-v --verbose", "-x --exact",
        "-z --zero", "--random-source=",
    )  # fmt: skip
    if not given.operands:
        return usage(call, "missing file operand")
    if "u" not in given and "remove" not in given:
        not_modelled(call, "a file of random numbers")
    if "verbose" in given:
        not_modelled(call, "--verbose")
    status = 0
    for operand in given.operands:
        try:
            inode = call.files.get(call.path(operand))
        except OSError as error:
            status = call.complain(f"{operand}: failed to open for writing: {reason(error)}")
            continue
        if inode.kind is not Kind.FILE:
            status = call.complain(f"{operand}: invalid file type")
            continue
        status |= _Remover(call, force=True, recursive=False, folders=False, verbose=False).remove(operand)
    return status


@dataclass(frozen=True, slots=True)
class _Remover:
    call: Call
    force: bool
    recursive: bool
    folders: bool
    verbose: bool

    def remove(self, operand: str) -> int:
        call = self.call
        if self.recursive and base(operand) in (".", ".."):
            return call.complain(f"refusing to remove '.' or '..' directory: skipping {quoted(operand)}")
        try:
            path, inode = call.files.lookup(call.path(operand), follow=False)
            if inode is None:
                if exists(call, operand.rstrip("/") or "/", follow=False):
                    raise OSError(errno.ENOTDIR, "Not a directory")
                raise OSError(errno.ENOENT, "No such file or directory")
        except OSError as error:
            if self.force and error.errno in (errno.ENOENT, errno.ENOTDIR):
                return 0
            return call.complain(f"cannot remove {quoted(operand)}: {reason(error)}")
        if not path and self.recursive:
            not_modelled(call, "removing all that is below /")
        return self._remove(operand)

    def _remove(self, name: str) -> int:
        call = self.call
        path, inode = call.files.lookup(call.path(name), follow=False)
        assert inode is not None
        if inode.kind is Kind.DIRECTORY and not self.recursive:
            if not self.folders:
                return call.complain(f"cannot remove {quoted(name)}: Is a directory")
        elif inode.kind is Kind.DIRECTORY:
            status = 0
            for child in call.files.tree.children(path):
                status |= self._remove(joined(name, child.rpartition("/")[2]))
            if status:
                return status
        try:
            if inode.kind is Kind.DIRECTORY:
                if call.files.tree.children(path):
                    raise OSError(errno.ENOTEMPTY, "Directory not empty")
                if name.endswith("/") and not is_directory(call, name.rstrip("/"), follow=False):
                    raise OSError(errno.ENOTDIR, "Not a directory")
                call.files.remove_directory(call.path(name))
            else:
                call.files.unlink(call.path(name))
        except OSError as error:
            if self.force and error.errno == errno.ENOTDIR:
                return 0
            return call.complain(f"cannot remove {quoted(name)}: {reason(error)}")
        if self.verbose:
            call.out(f"removed {'directory ' if inode.kind is Kind.DIRECTORY else ''}{quoted(name)}\n")
        return 0


COMMANDS: Mapping[str, Command] = {"ln": ln, "mv": mv, "rm": rm, "shred": shred}
"""This family's commands by name."""
