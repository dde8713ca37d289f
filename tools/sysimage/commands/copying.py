"""The copying that cp and install share."""

import errno
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tools.sysimage.commands.backups import Backups
from tools.sysimage.commands.call import Call
from tools.sysimage.commands.coreutils_words import (
    NULL,
    joined,
    not_modelled,
    quoted,
    reason,
    set_mode,
    set_owner,
    touched,
)
from tools.sysimage.commands.tree_files import Buffer, drop_capabilities
from tools.sysimage.core.span import Content
from tools.sysimage.core.tree import Inode, Kind

_ACL = "system.posix_acl_"


@dataclass(frozen=True, slots=True)
class Policy:
    """What options of cp say."""

    recursive: bool = False
    follow: str = "all"  # which links: "all", "operands", "none"
    preserve: AbstractSet[str] = frozenset()  # of "mode", "ownership", "links", "xattr"
    default_mode: bool = False  # --no-preserve=mode: new files are as if made by the shell
    existing: str = "replace"  # "keep", "fail", "newer"
    unlink_first: bool = False
    force: bool = False
    as_link: str = ""  # "hard", "symbolic"
    verbose: bool = False
    backups: Backups = field(default_factory=lambda: Backups("", "~"))


@dataclass(slots=True)
class Copier:
    """One call of a copying program, with what it has made."""

    call: Call
    policy: Policy
    made: set[int] = field(default_factory=set)  # inodes made from operands
    folders: set[int] = field(default_factory=set)  # directories that were made, not to be copied again
    sources: set[tuple[str, str]] = field(default_factory=set)
    linked: dict[int, str] = field(default_factory=dict)  # of an inode, the path of its copy

    def copy(self, source: str, target: str, *, top: bool = True) -> int:
        """Copies a file, or a tree, to this very name. Returns the status."""
        call, policy = self.call, self.policy
        if source == NULL:
            return self._write(source, target, Inode(Kind.FILE, 0o666))
        follow = policy.follow == "all" or (top and policy.follow == "operands")
        try:
            inode = call.files.get(call.path(source), follow=follow)
        except OSError as error:
            return call.complain(f"cannot stat {quoted(source)}: {reason(error)}")
        if inode.kind is Kind.DIRECTORY and not policy.recursive:
            return call.complain(f"-r not specified; omitting directory {quoted(source)}")
        if inode.kind in (Kind.FILE, Kind.SYMLINK) or policy.recursive:
            return self._write(source, target, inode, top=top)
        return not_modelled(call, f"reading from {source}, which is no file,")

    def _write(self, source: str, target: str, inode: Inode, *, top: bool = True) -> int:
        call, policy = self.call, self.policy
        through = inode.kind is Kind.FILE and not (
            policy.as_link or policy.unlink_first or policy.backups.kind
        )
        there = call.files.find(call.path(target), follow=through)
        entry = call.files.find(call.path(target), follow=False)
        if there is None and entry is not None and through:
            return call.complain(f"not writing through dangling symlink {quoted(target)}")
        if there is not None:
            status = self._conflict(source, target, inode, there)
            if status is not None:
                return status
        if there is not None and id(there) in self.made and inode.kind is not Kind.DIRECTORY:
            what = f"will not overwrite just-created {quoted(target)} with {quoted(source)}"
            return call.complain(what)
        if inode.kind is Kind.DIRECTORY:
            return self._directory(source, target, inode, there)
        try:
            backup = policy.backups.make(call, target) if there is not None else ""
            if backup:
                there = None
            elif there is not None and self._unlinks(inode, there, entry):
                call.files.unlink(call.path(target))
                if policy.verbose and policy.unlink_first:
                    call.out(f"removed {quoted(target)}\n")
                there = None
            if policy.verbose:
                note = f" (backup: {quoted(backup)})" if backup else ""
                call.out(f"{quoted(source)} -> {quoted(target)}{note}\n")
            made = self._file(source, target, inode, there)
        except OSError as error:
            what = {Kind.FILE: "regular file", Kind.SYMLINK: "symbolic link"}.get(inode.kind, "special file")
            link = f" to {quoted(inode.target)}" if inode.kind is Kind.SYMLINK else ""
            text = (
                "Not a directory" if target.endswith("/") and error.errno == errno.ENOENT else reason(error)
            )
            return call.complain(f"cannot create {what} {quoted(target)}{link}: {text}")
        if top:
            self.made.add(id(made))
        return 0

    def _conflict(self, source: str, target: str, inode: Inode, there: Inode) -> int | None:
        """Returns the status if nothing will be written, because of what is there already."""
        call, policy = self.call, self.policy
        there_followed = call.files.find(call.path(target))
        entry = call.files.find(call.path(target), follow=False)
        breaks = policy.unlink_first or policy.force
        if inode is there_followed and inode.kind is not Kind.SYMLINK:
            separate = entry is not inode or self._named_apart(source, target)
            if policy.as_link == "hard" and entry is inode:
                return 0
            if not (breaks and separate) and not (policy.backups.kind and separate):
                return call.complain(f"{quoted(source)} and {quoted(target)} are the same file")
        elif inode is there:
            return call.complain(f"{quoted(source)} and {quoted(target)} are the same file")
        if policy.existing in ("keep", "fail") and inode.kind is not Kind.DIRECTORY:
            return call.complain(f"not replacing {quoted(target)}") if policy.existing == "fail" else 0
        if policy.existing == "newer" and inode.kind is not Kind.DIRECTORY:
            written, old = isinstance(inode.content, Buffer), isinstance(there.content, Buffer)
            if written == old:
                not_modelled(call, "which of two files is newer")
            if old:
                return 0
        if there.kind is Kind.DIRECTORY and inode.kind is not Kind.DIRECTORY:
            return call.complain(f"cannot overwrite directory {quoted(target)} with non-directory")
        if inode.kind is Kind.DIRECTORY and there.kind is not Kind.DIRECTORY and not policy.backups.kind:
            names = f"non-directory {quoted(target)} with directory {quoted(source)}"
            return call.complain(f"cannot overwrite {names}")
        return None

    def _named_apart(self, source: str, target: str) -> bool:
        files = self.call.files
        paths = [files.lookup(self.call.path(name), follow=False)[0] for name in (source, target)]
        return paths[0] != paths[1]

    def _unlinks(self, inode: Inode, there: Inode, entry: Inode | None) -> bool:
        policy = self.policy
        if policy.unlink_first or policy.as_link or inode.kind is not Kind.FILE:
            return True
        if policy.force and entry is not None and inode is there:
            return True
        # Whoever keeps links must not write into another name's file.
        return "links" in policy.preserve and policy.follow == "none" and self._has_names(there)

    def _has_names(self, inode: Inode) -> bool:
        count = sum(1 for _, other in self.call.files.tree.walk() if other is inode)
        return count > 1

    def _file(self, source: str, target: str, inode: Inode, there: Inode | None) -> Inode:
        call, policy = self.call, self.policy
        path = call.path(target)
        if policy.as_link == "hard":
            call.files.make_link(call.path(source), path)
            return inode
        if policy.as_link == "symbolic":
            if not source.startswith("/") and "/" in target.removeprefix("./"):
                what = "can make relative symbolic links only in current directory"
                raise OSError(errno.EINVAL, what, target)
            call.files.make_symlink(source, path)
            return call.files.get(path, follow=False)
        if "links" in policy.preserve and id(inode) in self.linked:
            if there is not None:
                call.files.unlink(path)
            call.files.make_link(f"/{self.linked[id(inode)]}", path)
            return call.files.get(path, follow=False)
        if there is not None:
            made, where = there, call.files.lookup(path)[0]
            drop_capabilities(made)
            made.content = _content(inode)
        else:
            where = call.files.new(path)
            if path.endswith("/"):
                raise OSError(errno.ENOENT, "Not a directory")
            mode = 0o666 if policy.default_mode else inode.mode & 0o777
            made = Inode(
                inode.kind,
                call.umask(mode),
                target=inode.target,
                device=inode.device,
                origin=call.files.origin,
            )
            if made.kind is Kind.SYMLINK:
                made.mode = 0o777
            made.content = _content(inode)
            call.files.add(where, made)
        if not policy.preserve:
            touched(made)
        self._attributes(inode, made, where)
        if "links" in policy.preserve:
            self.linked[id(inode)] = where
        return made

    def _attributes(self, inode: Inode, made: Inode, where: str) -> None:
        preserve = self.policy.preserve
        if "ownership" in preserve:
            set_owner(self.call, where, made, inode.uid, inode.gid)
        if "mode" in preserve and made.kind is not Kind.SYMLINK:
            set_mode(self.call, where, made, inode.mode)
            kept = {name: value for name, value in made.xattrs.items() if not name.startswith(_ACL)}
            acl = {name: value for name, value in inode.xattrs.items() if name.startswith(_ACL)}
            made.xattrs = kept | acl
        if "xattr" in preserve and inode.xattrs:
            made.xattrs = {**made.xattrs, **inode.xattrs}

    def _directory(self, source: str, target: str, inode: Inode, there: Inode | None) -> int:
        call, policy = self.call, self.policy
        try:
            origin, _ = call.files.lookup(call.path(source))
            where, _ = call.files.lookup(call.path(target))
            if there is not None and there.kind is not Kind.DIRECTORY:
                policy.backups.make(call, target)
                there = None
            inside = f"{where}/".startswith(f"{origin}/" if origin else "")
            if there is None:
                call.files.make_directory(call.path(target), call.umask(inode.mode & 0o1777))
                if policy.verbose:
                    call.out(f"{quoted(source)} -> {quoted(target)}\n")
        except OSError as error:
            return call.complain(f"cannot create directory {quoted(target)}: {reason(error)}")
        made = call.files.tree[where]
        if there is None:
            self.folders.add(id(made))
        status = 0
        for child in call.files.tree.children(origin):
            name = child.rpartition("/")[2]
            if id(call.files.tree[child]) in self.folders:
                continue
            status |= self.copy(joined(source, name), joined(target, name), top=False)
        self._attributes(inode, made, where)
        if inside:
            what = f"cannot copy a directory, {quoted(source)}, into itself, {quoted(target)}"
            status = call.complain(what)
        return status


def _content(inode: Inode) -> Content:
    return Buffer(inode.read()) if isinstance(inode.content, Buffer) else inode.content
