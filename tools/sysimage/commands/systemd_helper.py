"""deb-systemd-helper(1) and deb-systemd-invoke(1): what debhelper's parts of maintainer scripts call.

The first links units, with a record of each link; its reading of unit files is its own, by lines, and is kept
here with its peculiarities. The second starts nothing, as policy-rc.d forbids it.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.tree import Kind

_ACTIONS = (
    *("is-enabled", "was-enabled", "debian-installed", "update-state", "reenable", "enable", "disable"),
    *("mask", "unmask"),
)


class _EndError(Exception):
    """The program ends with 1, after a message."""


@dataclass(frozen=True, slots=True)
class _Link:
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class _Helper:
    call: Call
    instance: str
    purge: bool
    root: str  # DPKG_ROOT

    @property
    def enabled(self) -> str:
        return f"{self.root}/var/lib/systemd/{self._state}-enabled"

    @property
    def masked(self) -> str:
        return f"{self.root}/var/lib/systemd/{self._state}-masked"

    @property
    def _state(self) -> str:
        return "deb-systemd-user-helper" if self.instance == "user" else "deb-systemd-helper"

    @property
    def config(self) -> str:
        return f"/etc/systemd/{self.instance}"

    def unit(self, name: str) -> str:
        """The path of a unit's file; its name where no folder has it."""
        for folder in ("/etc", "/lib", "/usr/lib"):
            path = f"{folder}/systemd/{self.instance}/{name}"
            inode = self.call.files.find(self.root + path)
            if inode is not None and inode.kind is Kind.FILE:
                return path
        return name

    def record(self, name: str) -> str:
        return f"{self.enabled}/{posixpath.basename(name)}.dsh-also"

    def recorded(self, name: str) -> list[str]:
        """The paths of links that the record of a unit has."""
        path = self.record(name)
        return [self.root + line for line in _lines(self.text(path))] if self.call.files.find(path) else []

    def text(self, path: str) -> str:
        return self.call.files.read(path).decode("utf-8", "surrogateescape")

    def write_record(self, name: str, lines: Sequence[str]) -> None:
        path = self.record(name)
        self.make_path(posixpath.dirname(path))
        if self.call.files.find(path, follow=False):
            self.call.files.unlink(path)
        self.call.files.write(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))

    def touch(self, path: str) -> None:
        self.make_path(posixpath.dirname(path))
        if self.call.files.find(path) is None:
            self.call.files.write(path, b"", self.call.umask(0o666))

    def make_path(self, path: str) -> None:
        if path in ("", "/") or self.call.files.find(path) is not None:
            return
        self.make_path(posixpath.dirname(path))
        self.call.files.make_directory(path, self.call.umask(0o777))

    def is_link(self, path: str) -> bool:
        inode = self.call.files.find(path, follow=False)
        return inode is not None and inode.kind is Kind.SYMLINK

    def leads_to_null(self, path: str) -> bool:
        inode = self.call.files.find(path, follow=False)
        return inode is not None and inode.kind is Kind.SYMLINK and inode.target == "/dev/null"

    def there(self, path: str) -> bool:
        """Whether a file is there, links followed; a link to /dev/null leads to something."""
        return self.call.files.find(path) is not None or self.leads_to_null(path)

    def fail(self, message: str) -> _EndError:
        self.call.complain(f"error: {message}")
        return _EndError()

    def links(self, path: str, visited: list[str]) -> list[_Link]:
        """The links that enabling a unit makes, and those of its Also= units, in the program's order."""
        call = self.call
        unit = wanted = posixpath.basename(path)
        inode = call.files.find(call.path(self.root + path))
        if inode is None or inode.kind is Kind.DIRECTORY:
            raise self.fail(f"unable to read {self.root}{path}")
        made: list[_Link] = []
        folders: list[str] = []
        for line in _lines(inode.read().decode("utf-8", "surrogateescape")):
            if match := re.match(r"\s*(WantedBy|RequiredBy)=(.+)$", line, re.IGNORECASE):
                for word in _split(match[2]):
                    value, quote = _unquoted(word)
                    # The quote takes the place of the key where the program looks for it.
                    suffix = (
                        "" if quote else {"WantedBy": ".wants", "RequiredBy": ".requires"}.get(match[1], "")
                    )
                    folders.append(f"{self.config}/{value}{suffix}/")
            if match := re.match(r"\s*Also=(.+)$", line, re.IGNORECASE):
                for word in _split(match[1]):
                    value = _unquoted(word)[0]
                    if value != unit and value not in visited:
                        visited.append(value)
                        # What a unit below visits is not known here.
                        made += self.links(self.unit(value), [*visited])
            if match := re.match(r"\s*Alias=(.+)$", line, re.IGNORECASE):
                for word in _split(match[1]):
                    value, quote = _unquoted(word)
                    if value != unit:
                        made.append(_Link(path, f"{self.config}/{quote or match[1]}"))
            if match := re.match(r"\s*DefaultInstance=\s*([\"']?+)(.+)\1\s*$", line, re.IGNORECASE):
                parts = re.match(r"(.*@)(\.\w+)$", unit)
                wanted = f"{parts[1]}{match[2]}{parts[2]}" if parts else unit
        return made + [_Link(path, folder + wanted) for folder in folders]

    def enable(self, name: str, path: str) -> None:
        files = self.call.files
        programs = [files.find(f"{self.root}{folder}/systemctl") for folder in ("/bin", "/usr/bin")]
        if not any(program and program.mode & 0o111 for program in programs):
            self.make_links(name, path, create=True)
            return
        create = False
        if self.installed(name):
            create = any(self.is_link(self.root + link.path) for link in self.links(path, []))
        else:
            scope = "--global" if self.instance == "user" else "--system"
            words = [f"--root={self.root or '/'}", scope, "--preset-mode=enable-only", "preset", name]
            if self.call.execute(["systemctl", *words]):
                raise self.fail(f"systemctl preset failed on {name}: ")
        self.make_links(name, path, create=create)

    def make_links(self, name: str, path: str, *, create: bool) -> None:
        for link in self.links(path, []):
            lines = _lines(self.text(self.record(name))) if self.call.files.find(self.record(name)) else []
            self.write_record(name, lines if link.path in lines else [*lines, link.path])
            state = self.state(link.path, self.enabled)
            if self.call.files.find(state) is not None:
                continue
            if create and not self.is_link(self.root + link.path):
                self.make_path(posixpath.dirname(self.root + link.path))
                try:
                    self.call.files.make_symlink(link.target, self.root + link.path)
                except OSError as error:
                    why = f"unable to link {self.root}{link.path} to {link.target}: {error.strerror}"
                    raise self.fail(why) from error
            self.touch(state)

    def state(self, link: str, folder: str) -> str:
        return (
            link.replace(f"{self.config}/", f"{folder}/", 1) if link.startswith(f"{self.config}/") else link
        )

    def installed(self, name: str) -> bool:
        inode = self.call.files.find(self.record(name))
        return inode is not None and inode.kind is Kind.FILE

    def remove(self, path: str) -> None:
        files = self.call.files
        entries = self.recorded(path)
        if self.purge and files.find(self.record(path)):
            files.unlink(self.record(path))
        for link in entries:
            if self.purge or self.is_link(link):
                state = self.state(link.removeprefix(self.root), self.enabled)
                if files.find(state, follow=False):
                    files.unlink(state)
            if self.is_link(link):
                files.unlink(link)
        inode = files.find(self.call.path(self.root + path))
        if inode is None or inode.kind is not Kind.FILE:
            return
        for line in _lines(inode.read().decode("utf-8", "surrogateescape")):
            if match := re.match(r"\s*Also=(.+)$", line, re.IGNORECASE):
                self.remove(self.unit(match[1]))

    def remove_empty(self, path: str) -> None:
        """Removes a folder and those below it as far as they are empty."""
        inode = self.call.files.find(path)
        if inode is None or inode.kind is not Kind.DIRECTORY:
            return
        for name in self.call.files.names(path):
            if not name.startswith("."):
                self.remove_empty(f"{path}/{name}")
        try:
            self.call.files.remove_directory(path)
        except OSError:
            return

    def mask(self, path: str) -> None:
        name = posixpath.basename(path)
        link = f"{self.root}{self.config}/{name}"
        if self.there(link):
            return
        self.make_path(posixpath.dirname(link))
        if self.call.files.find(link, follow=False):
            self.call.files.unlink(link)
        self.call.files.make_symlink("/dev/null", link)
        self.touch(f"{self.masked}/{name}")

    def unmask(self, path: str) -> None:
        name = posixpath.basename(path)
        link, state = f"{self.root}{self.config}/{name}", f"{self.masked}/{name}"
        if self.leads_to_null(link) and self.call.files.find(state) is not None:
            self.call.files.unlink(link)
            self.call.files.unlink(state)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _split(text: str) -> list[str]:
    """Words as Perl splits them: an empty one before a blank at the beginning, none at the end."""
    words = re.split(r"\s+", text)
    while words and not words[-1]:
        words.pop()
    return words


def _unquoted(word: str) -> tuple[str, str]:
    match = re.match(r"([\"'])(.*)\1$", word)
    return (match[2], match[1]) if match else (word, "")


def deb_systemd_helper(call: Call) -> int:
    """deb-systemd-helper: enable, disable, purge, mask, unmask, update-state, reenable, and the questions."""
    given = call.options("--quiet", "--user", "--system")
    action, *names = given.operands or ("",)
    if not action:
        call.out(f"{call.name} is a program which should be called by dpkg maintscripts only.\n")
        call.out("Please do not run it interactively, ever. Also see the manpage deb-systemd-helper(1).\n")
        return 0
    if not call.variable("DPKG_MAINTSCRIPT_PACKAGE"):
        call.complain("was not called from dpkg. Exiting.")
        return 1
    purge = action == "purge" or call.variable("_DEB_SYSTEMD_HELPER_PURGE") == "1"
    instance = "user" if given.last("user", "system") == "user" else "system"
    helper = _Helper(call, instance, purge, call.variable("DPKG_ROOT") or "")
    action = "disable" if action == "purge" else action
    good = action not in ("is-enabled", "was-enabled", "debian-installed")
    try:
        for name in names:
            if action in _ACTIONS:
                good = _act(helper, action, name, quiet="quiet" in given) or good
    except _EndError:
        return 1
    return 0 if good else 1


def _act(helper: _Helper, action: str, name: str, *, quiet: bool) -> bool:
    path = helper.unit(name)
    if action == "debian-installed":
        return helper.installed(name)
    if action in ("is-enabled", "was-enabled"):
        links = (
            [helper.root + link.path for link in helper.links(path, [])]
            if action == "is-enabled"
            else helper.recorded(name)
        )
        good = all(helper.is_link(link) for link in links)
        if not quiet:
            helper.call.machine.stream(2).write(b"enabled\n" if good else b"disabled\n")
        return good
    if action == "update-state":
        helper.write_record(name, [link.path for link in helper.links(path, [])])
    elif action == "enable":
        helper.enable(name, path)
    elif action == "reenable":
        helper.remove(path)
        helper.make_links(name, path, create=True)
    elif action == "disable":
        helper.remove(path)
        for folder in ("helper", "user-helper"):
            helper.remove_empty(f"{helper.root}/var/lib/systemd/deb-systemd-{folder}-enabled")
        for folder in ("system", "user"):
            above = f"{helper.root}/etc/systemd/{folder}"
            for child in helper.call.files.names(above) if helper.call.files.find(above) else ():
                helper.remove_empty(f"{above}/{child}")
    elif action == "mask":
        helper.mask(path)
    elif action == "unmask":
        helper.unmask(path)
        for folder in ("helper", "user-helper"):
            helper.remove_empty(f"{helper.root}/var/lib/systemd/deb-systemd-{folder}-masked")
    return True


def deb_systemd_invoke(call: Call) -> int:
    """deb-systemd-invoke: asks policy-rc.d for each unit, which denies; without units, systemctl decides."""
    if len(call.arguments) < 2:
        return call.complain("Syntax: deb-systemd-invoke <action> [<unit file> [<unit file> ...]]")
    given = call.options("--user", "--system", "--no-dbus")
    action, *units = given.operands or ("",)
    if units:
        words = " ".join(given.operands)
        call.machine.stream(2).write(
            f"/usr/sbin/policy-rc.d returned 101, not running '{words}'\n".encode("utf-8", "surrogateescape")
        )
        return 0
    if given.last("user", "system") == "user":
        return 0
    return call.execute(["systemctl", action])


COMMANDS: Mapping[str, Command] = {
    "deb-systemd-helper": deb_systemd_helper,
    "deb-systemd-invoke": deb_systemd_invoke,
}
"""This family's commands by name."""
