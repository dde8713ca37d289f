"""One run of adduser(8): its options, its configuration, the accounts; the homes that it makes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tools.sysimage.commands.account_files import GROUP, PASSWD, Accounts, members
from tools.sysimage.commands.account_homes import make_parents
from tools.sysimage.commands.accounts_groups import COMMANDS as GROUPS
from tools.sysimage.commands.accounts_useradd import COMMANDS as USERADD
from tools.sysimage.commands.accounts_usermod import COMMANDS as USERMOD
from tools.sysimage.commands.adduser_config import (
    ABORTED,
    FAILED,
    MISSING,
    NO_NUMBER,
    REFUSED_NAME,
    ExitError,
    NameRule,
    first_free,
    on,
)
from tools.sysimage.commands.call import Call
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Inode, Kind, directory, file, symlink

_SHADOW = {**GROUPS, **USERADD, **USERMOD}
_INVALID_NAME = 19  # of useradd
_NONEXISTENT = re.compile(r"/+nonexistent(/|$)")


@dataclass(slots=True)
class Run:
    """One run of adduser."""

    call: Call
    given: Given
    config: Mapping[str, str]
    accounts: Accounts
    names: NameRule
    status: int = 0  # what it ends with, if nothing else goes wrong

    def number(self, option: str, setting: str) -> int:
        """A number of an option, or of the configuration; 0 counts as none."""
        return int(self.given.value(option) or "0") or int(self.config[setting])

    def uid_range(self, system: str) -> tuple[int, int]:
        """The first and last number of users; `system` is "system_" or ""."""
        low, high = self.number("firstuid", f"first_{system}uid"), self.number("lastuid", f"last_{system}uid")
        return low, high

    def gid_range(self, system: str) -> tuple[int, int]:
        """The first and last number of groups."""
        low, high = self.number("firstgid", f"first_{system}gid"), self.number("lastgid", f"last_{system}gid")
        return low, high

    def free(self, paths: list[str], low: int, high: int) -> int:
        """The lowest number that none of these databases has. Raises ExitError if there is none."""
        found = first_free(self.accounts, paths, low, high)
        if found is None:
            raise ExitError(NO_NUMBER, f"no number from {low} to {high} is free")
        return found

    def is_system(self, number: str, kind: str) -> bool:
        """Whether a number is one of a system account, by the configuration alone."""
        low, high = self.config[f"first_system_{kind}"], self.config[f"last_system_{kind}"]
        return int(low) <= int(number) <= int(high)

    def gid_of(self, group: str) -> str | None:
        """The number of a group, by its name."""
        row = self.accounts[GROUP].row(group)
        return row[2] if row else None

    def group_of(self, gid: str) -> str:
        """The name of a group, by its number, "" if there is none."""
        row = self.accounts[GROUP].by_number(int(gid)) if int(gid) >= 0 else None
        return row[0] if row else ""

    def uid_in_use(self, uid: str) -> bool:
        """Whether a user has a number."""
        return self.accounts[PASSWD].by_number(int(uid)) is not None

    def shadow(self, *argv: str, names: bool = False) -> None:
        """Calls one of shadow's programs; the accounts are read anew after it.

        With `names`, a name that useradd refuses is only a warning for --allow-all-names. Raises ExitError.
        """
        status = _SHADOW[argv[0]](Call(self.call.world, self.call.machine, argv))
        self.accounts = Accounts(self.call)
        if not status:
            return
        if names and status == _INVALID_NAME:
            self.status = REFUSED_NAME
            if self.names.level == 2:
                return
            raise ExitError(REFUSED_NAME, f"`{' '.join(argv)}' refused the given user name")
        raise ExitError(FAILED, f"`{' '.join(argv)}' returned error code {status}. Exiting.")

    def add_group(self, name: str, gid: str) -> None:
        """Makes a group."""
        self.shadow("groupadd", "-g", gid, name, names=True)

    def set_comment(self, name: str) -> None:
        """Gives a user the comment that was asked for."""
        comment = self.given.last("comment", "gecos")
        if comment:
            self.shadow("usermod", "-c", self.given.value(comment), name)

    def add_to_groups(self, name: str, groups: list[str]) -> None:
        """Adds a new user to groups, those that are there."""
        for group in groups:
            row = self.accounts[GROUP].row(group)
            if row is None:
                self.call.complain(f"warn: The group `{group}' does not exist.")
            elif name not in members(row):
                known = [member for member in members(row) if self.accounts.user(member)]
                self.shadow("gpasswd", "-M", ",".join([*known, name]), group)

    def make_home(self, name: str, home: str, uid: str, gid: str, *, own_group: bool = False) -> None:
        """Makes a home, as `create_homedir` does: a system user's is empty. Raises ExitError."""
        call, system = self.call, "system" in self.given
        if _NONEXISTENT.match(home) or "no-create-home" in self.given:
            return
        if call.files.find(home) is not None:
            if not system:
                call.complain(f"warn: The home directory `{home}' already exists.")
            return
        try:
            make_parents(call, home)
        except OSError:
            self._undo(name, own_group)
        made = call.files.get(home)
        made.uid, made.gid, made.mode = int(uid), int(gid), self._mode(system)
        skeleton = self.config["skel"]
        if skeleton and not system:
            self._copy(skeleton, home, int(uid), int(gid))

    def _undo(self, name: str, own_group: bool) -> None:
        self.shadow("userdel", name)
        if own_group and self.gid_of(name):
            self.shadow("groupdel", name)
        raise ExitError(ABORTED, f"Couldn't create home directory of `{name}'.")

    def _mode(self, system: bool) -> int:
        mode = self.config["sys_dir_mode" if system else "dir_mode"]
        if not re.search("[0-7]{3}", mode):
            mode = "755" if system else "0700"
        # As decimal numbers: 0755 becomes 2755.
        if on(self.config, "setgid_home") and (len(mode) == 3 or re.fullmatch("[0145][0-7]{3}", mode)):
            mode = str(int(mode) + 2000)
        return int(mode, 8) & 0o7777

    def _copy(self, skeleton: str, home: str, uid: int, gid: int) -> None:
        call = self.call
        source, target = call.files.find(skeleton), call.files.lookup(home)[0]
        if source is None or source.kind is not Kind.DIRECTORY:
            return
        where = call.files.lookup(skeleton)[0]
        for below in list(call.root.tree.below(where)):
            if re.search(self.config["skel_ignore_regex"], f".{below[len(where) :]}"):
                continue
            call.root.tree.put(
                target + below[len(where) :], self._copied(call.root.tree[below], skeleton, uid, gid)
            )

    def _copied(self, inode: Inode, skeleton: str, uid: int, gid: int) -> Inode:
        who = self.call.world.who
        if inode.kind is Kind.SYMLINK:
            made = symlink(inode.target, who)
            made.uid, made.gid = uid, gid
            return made
        if inode.kind is Kind.DIRECTORY:
            made = directory(inode.mode, uid, gid, who)
            if inode.mode & 0o010 and on(self.config, "setgid_home"):
                made.mode |= 0o2000
            return made
        if inode.kind is not Kind.FILE:
            self.call.refuse(f"adduser: {skeleton} has what is no file, directory or symbolic link")
        made = file(inode.read(), inode.mode, origin=who)
        made.uid, made.gid = uid, gid
        return made


def missing_group(group: str) -> ExitError:
    """What adduser says of a group that is not there."""
    return ExitError(MISSING, f"The group `{group}' does not exist.")
