"""ucf(1), ucfr(1) and ucfq(1): configuration files with three versions, and the records of them.

Nobody answers a question: a file that was changed stays, and the new version lies beside it as `.ucf-dist`.
"""

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tools.sysimage.commands import debconf, ucfr
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.tree_files import failure
from tools.sysimage.commands.ucf_records import (
    PLAIN,
    diversion,
    first,
    first_words,
    lines,
    make_directory,
    say,
    settings,
)
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.effects import ucf as records

_CONFMODULE = "/usr/share/debconf/confmodule"
_NEVER = "A" * 32  # the sum of no version

type _Talk = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _File:
    """A call of ucf: the new version, the file's name, and where records and old sums are."""

    call: Call
    given: Given
    new: str
    inode: Inode
    path: str
    state: str
    keep: str  # "old", "new", "ask" or ""
    missing: bool  # whether a file that was removed is made anew
    sums: str
    source: str
    backups: int = records.BACKUPS

    @property
    def merges(self) -> bool:
        """Whether this version is kept for a merge."""
        return "three-way" in self.given

    def record(self) -> None:
        """Makes this the version that is known."""
        call = self.call
        name = f"{self.state}/hashfile"
        if call.files.find(f"/{name}") is not None:
            records.back_up(call.root, call.world.who, name, preserve=True, count=self.backups)
        records.record(
            call.root, call.world.who, inode=self.inode, path=self.path, state=self.state, merges=self.merges
        )
        call.files.get(f"/{name}").mode = call.umask(0o666)

    def replace(self, *, retain: bool = False) -> int:
        """Puts this version in place."""
        call = self.call
        path = call.path(self.path)
        where, there = call.files.lookup(path, follow=False)
        if there is not None and there.kind is Kind.SYMLINK:
            try:
                where, there = call.files.lookup(path)
            except OSError:
                call.files.unlink(path)
                where, there = call.files.lookup(path, follow=False)
        if retain and there is not None:
            records.duplicate(call.root, there, f"{where}.ucf-old", call.world.who, preserve=True)
        if there is not None and there.kind is not Kind.FILE:
            raise failure(errno.EISDIR, path)
        records.duplicate(call.root, self.inode, where, call.world.who, preserve=there is None)
        self.record()
        return 0

    def put_beside(self) -> int:
        """Leaves the file as it is, and this version beside it."""
        self.record()
        call = self.call
        where, _ = call.files.lookup(f"{call.path(self.path)}.ucf-dist")
        records.duplicate(call.root, self.inode, where, call.world.who, preserve=True)
        return 0


def ucf(call: Call) -> int:
    """ucf(1)."""
    given = call.options(
        "-v --verbose", "-P --package=", "-s --src-dir=", "--sum-file=", "--state-dir=", "-p --purge",
        "--three-way", "--debconf-ok", "--debconf-template=",
        "-Z",  # of SELinux, which no tree has
        alternative=True,
    )  # fmt: skip
    purge = "purge" in given
    if len(given.operands) != (1 if purge else 2):
        say(call, f"*** ERROR: Need exactly {'one' if purge else 'two'} file arguments")
        return 2
    chosen = settings(call)
    state = first(given.value("state-dir"), call, chosen, "STATE_DIR") or "/var/lib/ucf"
    state = call.path(state).strip("/")
    if purge:
        path = _destination(call, given, given.operands[0])
        return _purge(call, path, state) if path else 2
    new, target = given.operands
    if call.files.find(call.path(new)) is None:
        say(call, f"Error: The new file {new} does not exist!")
        return 1
    new = call.files.real_path(call.path(new))
    path = _destination(call, given, target)
    if not path:
        return 2
    keep, missing = _forced(call, chosen)
    if keep == "both":
        say(call, "Error: Only one of FORCE_CONFFOLD and FORCE_CONFFNEW should be set")
        return 1
    source = first(given.value("src-dir"), call, chosen, "SOURCE_DIR") or new.rpartition("/")[0] or "/"
    source = f"{call.path(source)}/{new.rpartition('/')[2]}.md5sum"
    sums = first(given.value("sum-file"), call, chosen, "OLD_MDSUM_FILE") or source
    inode = call.files.get(new)
    if inode.kind is not Kind.FILE or not PLAIN.fullmatch(new + path):
        call.refuse(f"ucf: {new} to {path} is not modelled")
    make_directory(call, f"{state}/cache")
    return _with_debconf(
        _File(call, given, new, inode, path, state, keep, missing, call.path(sums), f"{source}.d")
    )


def _with_debconf(chosen: _File) -> int:
    """Joins ucf to debconf as sourcing confmodule does: to one that runs, or to one of its own."""
    call, given = chosen.call, chosen.given
    running = bool(call.variable("DEBIAN_HAS_FRONTEND"))
    allowed = "debconf-ok" in given or not running
    if running and not allowed:
        call.out(
            "*** WARNING: ucf was run from a maintainer script that uses debconf, without --debconf-ok\n"
        )
    if call.files.find(_CONFMODULE) is None or not allowed:
        return _process(chosen, None)
    # confmodule leaves IFS empty where it was unset, and ucf then counts its backups in one word.
    chosen = replace(chosen, backups=1)
    load = "X_LOADTEMPLATEFILE /var/lib/dpkg/info/ucf.templates ucf"
    if running:

        def talk(line: str) -> str:
            call.machine.stream(3).write(f"{line}\n".encode("utf-8", "surrogateescape"))
            return call.machine.stream(0).readline().decode("utf-8", "surrogateescape").rstrip("\n")

        return int(talk(load).partition(" ")[0]) or _process(chosen, talk)
    with debconf.own_session(call, "unknown") as own:
        if own is None:
            return 1
        return int(own(load).partition(" ")[0]) or _process(chosen, own)


def _process(chosen: _File, talk: _Talk | None) -> int:
    """Decides what becomes of the file (ucf(1))."""
    call = chosen.call
    there = call.files.find(call.path(chosen.path))
    if there is None:
        return _process_missing(chosen, talk)
    if there.kind is not Kind.FILE:
        call.refuse(f"ucf: {chosen.path} is no file")
    current = records.digest(there)
    last = _recorded(call, chosen)
    renew = False
    if not last:
        known, last = _history(chosen, current)
        if known:
            return chosen.put_beside() if chosen.keep == "old" else chosen.replace()
        renew = bool(last)
    return _compare(chosen, last or _NEVER, current, talk, renew=renew)


def _process_missing(chosen: _File, talk: _Talk | None) -> int:
    """Decides about a file that is not there: new, or removed by somebody."""
    last = _recorded(chosen.call, chosen)
    if not last or chosen.missing:
        say(chosen.call, f"Creating config file {chosen.path} with new version")
        return chosen.replace()
    if last == records.digest(chosen.inode):
        say(chosen.call, f"Not replacing deleted config file {chosen.path}")
    elif chosen.keep == "old":
        return 0
    return _compare(chosen, last, _NEVER, talk)


def _compare(chosen: _File, last: str, current: str, talk: _Talk | None, *, renew: bool = False) -> int:
    """Decides by the sums of the last version and of the file."""
    new = records.digest(chosen.inode)
    if last == new:
        if chosen.keep != "ask":
            if renew:
                chosen.record()
            return 0
        current = _NEVER
    if current == last:
        if chosen.keep == "old":
            return chosen.put_beside()
        say(chosen.call, f"Replacing config file {chosen.path} with new version")
        return chosen.replace()
    return _conflict(chosen, new == current, talk)


def _conflict(chosen: _File, same: bool, talk: _Talk | None) -> int:
    """Decides about a file that somebody has changed."""
    if chosen.keep == "new":
        say(chosen.call, f"Replacing config file {chosen.path} with new version\nsince you asked for it.")
        return chosen.replace()
    if chosen.keep == "old":
        return chosen.put_beside()
    if same:
        chosen.record()
        return 0
    if talk is None:
        say(chosen.call, "Need debconf to interact")
        return 2
    answer = _ask(chosen, talk)
    if answer not in ("keep_current", "install_new", ""):
        chosen.call.refuse(f"ucf: debconf's answer {answer!r} is not modelled")
    return chosen.replace(retain=True) if answer == "install_new" else chosen.put_beside()


def _ask(chosen: _File, talk: _Talk) -> str:
    """Asks by debconf, and returns its answer; each question is asked anew."""
    cached = chosen.call.files.find("/" + records.cached(chosen.path, chosen.state))
    template = "ucf/changeprompt_threeway" if cached is not None and chosen.merges else "ucf/changeprompt"
    other = chosen.given.value("debconf-template")
    if other and talk(f"METAGET {template} Choices-C") == talk(f"METAGET {other} Choices-C"):
        template = other
    for line in (
        f"FSET {template} seen false",
        f"RESET {template}",
        f"SUBST {template} FILE {chosen.path}",
        f"SUBST {template} NEW {chosen.new}",
        f"SUBST {template} BASENAME {chosen.path.rpartition('/')[2]}",
        f"INPUT critical {template}",
        "GO",
    ):
        talk(line)
    return talk(f"GET {template}").partition(" ")[2]


def _history(chosen: _File, current: str) -> tuple[bool, str]:
    """Asks a package's old sums: whether the file is one of the old versions, and which one is the last."""
    call = chosen.call
    folder = call.files.find(chosen.source)
    if folder is not None and folder.kind is Kind.DIRECTORY:
        names = [name for name in call.files.names(chosen.source) if not name.startswith(".")]
        if not names:
            call.refuse(f"ucf: {chosen.source} is empty")
        for name in names:
            if first_words(call.files.read(f"{chosen.source}/{name}")) == [current]:
                return True, ""
        default = f"{chosen.source}/default"
        return False, "\n".join(first_words(call.files.read(default))) if "default" in names else ""
    listed = call.files.find(chosen.sums)
    if listed is None or listed.kind is not Kind.FILE:
        return False, ""
    sums = lines(listed.read())
    if any(line.startswith(current) for line in sums):
        return True, ""
    defaults = [line for line in sums if records.names(line, "default")]
    return False, "\n".join(line.split()[0] for line in defaults)


def _recorded(call: Call, chosen: _File) -> str:
    inode = call.files.find(f"/{chosen.state}/hashfile")
    known = lines(inode.read()) if inode else []
    return "\n".join(line.split()[0] for line in known if records.names(line, chosen.path))


def _purge(call: Call, path: str, state: str) -> int:
    make_directory(call, f"{state}/cache")
    name = f"{state}/hashfile"
    if call.files.find(f"/{name}") is not None:
        records.back_up(call.root, call.world.who, name, preserve=True)
        records.change(call.root, call.world.who, name, path, "")
    else:
        records.back_up(call.root, call.world.who, name, preserve=True)
    cached = f"/{records.cached(path, state)}"
    inode = call.files.find(cached)
    if inode is not None and inode.kind is Kind.FILE:
        call.files.unlink(cached)
    return 0


def _destination(call: Call, given: Given, name: str) -> str:
    """Returns the file's name as it is recorded: without links if it exists, and diverted; "" is an error."""
    path = name
    if call.files.find(call.path(name)) is not None:
        path = call.files.real_path(call.path(name))
    if not path.startswith("/"):
        say(call, f'dpkg-divert: error: filename "{path}" is not absolute')
        return ""
    divert = diversion(call, path)
    return divert[1] if divert and divert[0] != given.value("package") else path


def _forced(call: Call, settings: Mapping[str, str]) -> tuple[str, bool]:
    """Returns which version is kept ("both": a contradiction), and whether missing files are made."""
    keep = ""
    for old, new in (
        (settings.get("conf_force_conffold"), settings.get("conf_force_conffnew")),
        (call.variable("UCF_FORCE_CONFFOLD"), call.variable("UCF_FORCE_CONFFNEW")),
    ):
        if old and new:
            return "both", False
        keep = "old" if old else "new" if new else keep
    missing = bool(call.variable("UCF_FORCE_CONFFMISS") or settings.get("conf_force_conffmiss"))
    for force in (call.variable("DPKG_FORCE") or "").split(","):
        if force == "confmiss":
            missing = True
        elif force in ("confold", "confnew"):
            keep = force.removeprefix("conf")
        elif force in ("confdef", "confask"):
            keep = "ask" if force == "confask" else ""
            break
    return keep, missing


COMMANDS: Mapping[str, Command] = {"ucf": ucf, "ucfq": ucfr.ucfq, "ucfr": ucfr.ucfr}
"""This family's commands by name."""
