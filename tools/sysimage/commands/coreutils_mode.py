"""chmod, chown and chgrp."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tools.sysimage.commands import modes, owners
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_words import (
    curly,
    joined,
    letters,
    not_modelled,
    quoted,
    reason,
    set_mode,
    set_owner,
    usage,
)
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Inode, Kind

_MODE_WORD = re.compile(r"-[rwxXstugoa,+=0-7-]+")
_COMMON = ("-R --recursive", "-v --verbose", "-c --changes", "-f --silent --quiet", "--reference=")
_CHMOD = (*_COMMON, "--preserve-root", "--no-preserve-root")
_CHOWN = (
    *_CHMOD,
    "-h --no-dereference",
    "--dereference",
    "-H --follow-operands",
    "-L --follow-all",
    "-P --follow-none",
    "--from=",
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file that a command is to change: its name as it was given, its path in the tree."""

    name: str
    path: str
    inode: Inode
    top: bool  # whether it was named on the command line


def _below(call: Call, found: _Found, *, follow: bool) -> Iterator[_Found]:
    """Yields what is below a directory, the contents of one before the next."""
    if found.inode.kind is not Kind.DIRECTORY:
        return
    tree = call.files.tree
    for child in tree.children(found.path):
        name = joined(found.name, child.rpartition("/")[2])
        path, inode = child, tree.get(child)
        if inode is not None and inode.kind is Kind.SYMLINK and follow:
            path, inode = call.files.lookup(f"/{child}")
        if inode is None:
            continue
        below = _Found(name, path, inode, False)
        yield below
        yield from _below(call, below, follow=follow)


def _guard_root(call: Call, given: Given, found: _Found) -> None:
    if "recursive" in given and not found.path:
        not_modelled(call, "a change of all that is below /")


# chmod


def _split_mode(call: Call) -> tuple[list[str], list[str]]:
    """Takes modes such as -w, which look like options, out of the arguments."""
    found: list[str] = []
    rest: list[str] = []
    words = list(call.arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            rest += [word, *words]
            break
        if _MODE_WORD.fullmatch(word) and not word.startswith("--"):
            found.append(word)
        else:
            rest.append(word)
    return found, rest


def chmod(call: Call) -> int:
    """chmod(1)."""
    hyphened, rest = _split_mode(call)
    call = Call(call.world, call.machine, [call.argv[0], *rest])
    given = call.options(*_CHMOD)
    operands = list(given.operands)
    text = ",".join(hyphened)
    if not operands or (len(operands) == 1 and not text and "reference" not in given):
        missing = f"missing operand after {curly(operands[0])}" if operands else "missing operand"
        return usage(call, missing)
    if "reference" in given:
        try:
            other = call.files.get(call.path(given.value("reference")))
        except OSError as error:
            what = quoted(given.value("reference"))
            return call.complain(f"failed to get attributes of {what}: {reason(error)}")
        changes = modes.parse(f"{other.mode:05o}")
    else:
        text = text or operands.pop(0)
        try:
            changes = modes.parse(text)
        except modes.BadModeError:
            return usage(call, f"invalid mode: {curly(text)}")
    changer = _Chmod(call, given, tuple(changes), bool(hyphened))
    return max([changer.change(operand) for operand in operands])


@dataclass(frozen=True, slots=True)
class _Chmod:
    """A call of chmod. `surprises`: whether the umask can keep bits that the caller names."""

    call: Call
    given: Given
    changes: tuple[modes.Change, ...]
    surprises: bool

    def change(self, operand: str) -> int:
        call = self.call
        try:
            path, inode = call.files.lookup(call.path(operand))
        except OSError as error:
            return self._complain(operand, f"cannot access {quoted(operand)}: {reason(error)}")
        if inode is None:
            if call.files.find(call.path(operand), follow=False) is not None:
                return self._complain(operand, f"cannot operate on dangling symlink {quoted(operand)}")
            return self._complain(operand, f"cannot access {quoted(operand)}: No such file or directory")
        found = _Found(operand, path, inode, True)
        _guard_root(call, self.given, found)
        status = self._set(found)
        if "recursive" in self.given:
            for below in _below(call, found, follow=False):
                status |= self._set(below)
        return status

    def _complain(self, operand: str, message: str) -> int:
        if "quiet" not in self.given:
            self.call.complain(message)
        if self.given.last("verbose", "changes") == "verbose":
            self.call.out(f"{quoted(operand)} could not be accessed\n")
        return 1

    def _set(self, found: _Found) -> int:
        inode, name = found.inode, quoted(found.name)
        told = self.given.last("verbose", "changes")
        if inode.kind is Kind.SYMLINK:
            if told == "verbose":
                self.call.out(f"neither symbolic link {name} nor referent has been changed\n")
            return 0
        old, is_directory = inode.mode, inode.kind is Kind.DIRECTORY
        umask = self.call.machine.umask
        new, _ = modes.adjust(old, directory=is_directory, umask=umask, changes=self.changes)
        set_mode(self.call, found.path, inode, new)
        if new != old and told:
            before, after = f"{old:04o} ({letters(old)})", f"{new:04o} ({letters(new)})"
            self.call.out(f"mode of {name} changed from {before} to {after}\n")
        elif told == "verbose":
            self.call.out(f"mode of {name} retained as {new:04o} ({letters(new)})\n")
        if self.surprises:
            naive, _ = modes.adjust(old, directory=is_directory, umask=0, changes=self.changes)
            if new & ~naive:
                what = f"new permissions are {letters(new)}, not {letters(naive)}"
                return self.call.complain(f"{quoted_plain(found.name)}: {what}")
        return 0


def quoted_plain(name: str) -> str:
    """Returns a name as messages have it that begin with one."""
    return quoted(name) if re.search(r"[\s':]", name) else name


# chown, chgrp


def chown(call: Call) -> int:
    """chown(1)."""

    def owner(text: str) -> owners.Owner:
        return owners.parse(call.root, text)

    return _change_owner(call, owner, lambda owner: owner)


def chgrp(call: Call) -> int:
    """chgrp(1)."""

    def owner(text: str) -> owners.Owner:
        return owners.Owner(None, owners.parse_group(call.root, text) if text else None, group=text)

    return _change_owner(call, owner, lambda owner: owners.Owner(None, owner.gid, group=owner.group))


def _change_owner(
    call: Call, parse: Callable[[str], owners.Owner], limit: Callable[[owners.Owner], owners.Owner]
) -> int:
    given = call.options(*_CHOWN)
    operands = list(given.operands)
    if len(operands) < (1 if "reference" in given else 2):
        return usage(call, f"missing operand after {curly(operands[0])}" if operands else "missing operand")
    if "follow-all" in given:
        not_modelled(call, "following all links (-L)")
    required = owners.Owner()
    text = given.value("from")
    try:
        if text:
            required = owners.parse(call.root, text)
        if "reference" in given:
            try:
                other = call.files.get(call.path(given.value("reference")))
            except OSError as error:
                what = quoted(given.value("reference"))
                return call.complain(f"failed to get attributes of {what}: {reason(error)}")
            user, group = owners.user_name(call.root, other.uid), owners.group_name(call.root, other.gid)
            wanted = limit(owners.Owner(other.uid, other.gid, user, group))
        else:
            text = operands.pop(0)
            wanted = parse(text)
    except owners.BadOwnerError as error:
        return call.complain(f"{error}: {curly(text)}")
    changer = _Chown(call, given, wanted, required)
    return max([changer.change(operand) for operand in operands])


@dataclass(frozen=True, slots=True)
class _Chown:
    call: Call
    given: Given
    wanted: owners.Owner
    required: owners.Owner

    def change(self, operand: str) -> int:
        call, recursive = self.call, "recursive" in self.given
        follow = "follow-operands" in self.given if recursive else "no-dereference" not in self.given
        try:
            path, inode = call.files.lookup(call.path(operand), follow=follow)
        except OSError as error:
            return self._complain(f"cannot access {quoted(operand)}: {reason(error)}")
        if inode is None:
            dangling = follow and call.files.find(call.path(operand), follow=False) is not None
            what = "dereference" if dangling else "access"
            return self._complain(f"cannot {what} {quoted(operand)}: No such file or directory")
        found = _Found(operand, path, inode, True)
        _guard_root(call, self.given, found)
        if recursive:
            # What is below a directory comes first, as the program does it.
            for below in [*_below(call, found, follow=False)]:
                self._set(below)
        self._set(found)
        return 0

    def _complain(self, message: str) -> int:
        return 1 if "quiet" in self.given else self.call.complain(message)

    def _set(self, found: _Found) -> None:
        inode, wanted = found.inode, self.wanted
        fits = self.required.uid in (None, inode.uid) and self.required.gid in (None, inode.gid)
        before = inode.uid, inode.gid
        if fits:
            set_owner(self.call, found.path, inode, wanted.uid, wanted.gid)
        changed = before != (inode.uid, inode.gid)
        told = self.given.last("verbose", "changes")
        if told == "verbose" or (told and changed):
            self.call.out(self._said(found, before, changed))

    def _said(self, found: _Found, before: tuple[int, int], changed: bool) -> str:
        root = self.call.root
        old = owners.user_name(root, before[0]), owners.group_name(root, before[1])
        name, wanted = quoted(found.name), self.wanted
        if wanted.gid is not None and self.call.name == "chown":
            # A user that is given as a number has no name here.
            user = "" if wanted.user.strip("+").isdigit() else wanted.user
            what, was, now = "ownership", ":".join(old), f"{user}:{wanted.group}"
        elif wanted.uid is not None:
            what, was, now = "ownership", old[0], wanted.user
        elif wanted.gid is not None:
            what, was, now = "group", old[1], wanted.group.removeprefix("+")
        else:
            return f"ownership of {name} retained\n"
        return f"{'changed ' if changed else ''}{what} of {name} " + (
            f"from {was} to {now}\n" if changed else f"retained as {was}\n"
        )


COMMANDS: Mapping[str, Command] = {"chgrp": chgrp, "chmod": chmod, "chown": chown}
"""This family's commands by name."""
