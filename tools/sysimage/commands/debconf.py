"""debconf's programs: the frontend that scripts are started by, and those that ask its database.

A script that sources confmodule executes the frontend, which runs it again with descriptors 0 and 1 joined to
the protocol. The frontend is always Noninteractive: there is no terminal.

Nothing is preconfigured, as in mmdebstrap: dpkg-preconfigure(8) ends where apt-utils is not installed.
A package's config script so runs before its postinst, from the frontend.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tools.sysimage.commands import debconf_tools, perl_scripts
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.debconf_database import Database, DebconfError, database
from tools.sysimage.commands.debconf_protocol import reply
from tools.sysimage.commands.debconf_session import Session, Settings
from tools.sysimage.commands.debconf_tools import lock
from tools.sysimage.commands.shell_script import is_bash, shell_options, with_options
from tools.sysimage.debian import dpkg
from tools.sysimage.scripts import shell
from tools.sysimage.scripts.machine import Machine

_PREINST = "/var/lib/dpkg/tmp.ci/"
_HANGS = "the script waits for ever for debconf's answer"


class _Link:
    """Both ends of the pipes to a script: what it writes are commands, what it reads are the answers."""

    def __init__(self, session: Session, machine: Machine) -> None:
        self._session = session
        self._machine = machine
        self._said = b""
        self._answers = b""
        self.stopped = False

    def read(self, size: int) -> bytes:
        """Reads of the answers."""
        if not self._answers:
            raise self._machine.meter.refused(_HANGS, "call no debconf command after STOP, nor read its pipe")
        part, self._answers = self._answers[:size], self._answers[size:]
        return part

    def readline(self) -> bytes:
        """Reads an answer, or what is left of it."""
        return self.read((self._answers.find(b"\n") + 1) or len(self._answers))

    def write(self, data: bytes) -> None:
        """Answers each line."""
        self._machine.meter.write(len(data))
        if self.stopped:
            return
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            self._answer(line)

    def finish(self) -> None:
        """Answers what has no newline at its end, and ends the conversation."""
        if self._said:
            self._answer(self._said)
        self._session.finish()

    def _answer(self, line: bytes) -> None:
        if self.stopped:
            return
        answer = _reply(self._machine, self._session, line)
        self.stopped = answer is None
        self._answers += b"" if answer is None else answer + b"\n"


def _reply(machine: Machine, session: Session, line: bytes) -> bytes | None:
    try:
        answer = reply(session, line.decode("latin-1"))
    except DebconfError as error:
        what = str(error).strip().encode("latin-1", "replace").decode("utf-8", "replace")
        raise machine.meter.refused(f"debconf's frontend would fail: {what}", "correct the script") from None
    return None if answer is None else answer.encode("latin-1")


def _session(call: Call, owner: str) -> Session:
    if call.variable("DEBIAN_FRONTEND") in ("passthrough", "web"):
        call.refuse("debconf: only a frontend that asks nothing is modelled")

    def display(text: str) -> None:
        if call.machine.find("mail"):
            call.refuse("debconf would mail an error to root")
        call.out(text.encode("latin-1"))

    settings = Settings(
        read=lambda name: call.files.read(call.path(name)),
        display=display,
        priority=call.variable("DEBIAN_PRIORITY") or "",
        marks=(call.variable("DEBCONF_NONINTERACTIVE_SEEN") or "false") == "true",
    )
    return Session(database(call.world), settings, owner=owner)


def _converse(call: Call, owner: str, argv: Sequence[str], data: bytes | None) -> int:
    """Runs a script, or the program `argv` if `data` is None, joined to the protocol."""
    machine = call.machine.subshell()
    link = _Link(_session(call, owner), machine)
    machine.descriptors[0] = machine.descriptors[1] = link
    machine.variables.set("DEBIAN_HAS_FRONTEND", "1", exported=True)
    if data is None:
        status = Call(call.world, machine, argv).execute(argv)
    else:
        options = shell_options(data)
        if options is None and (told := perl_scripts.find(data)):
            status = Call(call.world, machine, argv).run(told)
            link.finish()
            return status
        if options is None:
            call.refuse(f"debconf's frontend is to run {argv[0]}, which is no shell script")
        status = shell.run_program(machine, with_options(options, data), argv, bash=is_bash(data))
    link.finish()
    return status


def _script(call: Call, path: str) -> bytes | None:
    """Returns a file of a package's control archive, as dpkg has it in the tree."""
    inode = call.files.find(path)
    if inode is not None:
        return inode.read()
    package = call.world.package
    if package is None:
        return None
    for prefix in (f"/{dpkg.info_prefix(package)}.", _PREINST):
        if path.startswith(prefix):
            return package.deb.control.get(path.removeprefix(prefix))
    return None


def _owner(call: Call, name: str) -> tuple[str, bool]:
    """Returns the package that a script is of, and whether it could be told."""
    given = call.variable("DEBCONF_PACKAGE")
    if given:
        return given, True
    match = re.match(r".*/(.*?)\.(?:postinst|postrm|prerm)$", name)
    if match:
        return match[1], True
    if name.startswith(_PREINST) and call.world.package is not None:
        return call.world.package.name, True
    return "", False


def frontend(call: Call) -> int:
    """/usr/share/debconf/frontend: loads a script's templates, runs its config script, then the script."""
    argv = list(call.arguments)
    if argv[:1] == ["--"]:
        del argv[0]
    if not argv:
        call.refuse("debconf's frontend is given no script")
    data = lock(call)
    if data is None:
        return 1
    name = argv[0]
    owner, known = _owner(call, name)
    try:
        if owner and not (name.endswith(("postinst", "postrm", "prerm")) and argv[1:2] == ["triggered"]):
            data.title = f"Configuring {owner}"
        if not known:
            _try_templates(call, data, name)
        base = re.fullmatch(r"(.*[./])(?:preinst|postinst|prerm|postrm)", name, re.DOTALL)
        status = 0
        if base:
            templates = _script(call, f"{base[1]}templates")
            if templates is not None:
                data.load(templates, owner, f"{base[1]}templates")
            if name.endswith(("postinst", "preinst")):
                status = _configure(call, owner, base[1], argv)
        if not status:
            text = _script(call, call.path(name)) if "/" in name else None
            known_shell = base is not None and text is not None
            status = _converse(call, owner, argv, text if known_shell else None)
    except DebconfError as error:
        call.refuse(f"debconf's frontend would fail: {str(error).strip()}")
    finally:
        data.end()
    return status


def _try_templates(call: Call, data: Database, name: str) -> None:
    names = [f"{name}.templates"]
    if name.endswith("config"):
        names.append(f"{name.removesuffix('config')}templates")
    names.append(f"/usr/share/debconf/templates/{name.rpartition('/')[2]}.templates")
    for candidate in names:
        inode = call.files.find(call.path(candidate))
        if inode is not None:
            data.load(inode.read(), "", candidate)
            return


def _configure(call: Call, owner: str, base: str, argv: Sequence[str]) -> int:
    config = _script(call, f"{base}config")
    if config is None:
        return 0
    if shell_options(config) is None and perl_scripts.find(config) is None:
        call.leave("questions")
        return 0
    world = call.world
    outer, world.script = world.script, "config"
    version = argv[2] if len(argv) > 2 else ""
    try:
        return _converse(call, owner, [f"{base}config", "configure", version], config)
    finally:
        world.script = outer


@contextmanager
def own_session(call: Call, owner: str) -> Iterator[Callable[[str], str] | None]:
    """Gives a command that sources confmodule its own frontend, None if there is one already."""
    data = lock(call)
    if data is None:
        yield None
        return
    session = _session(call, owner)

    def talk(line: str) -> str:
        answer = _reply(call.machine, session, line.encode("utf-8", "surrogateescape")) or b""
        return answer.decode("utf-8", "surrogateescape")

    try:
        yield talk
        session.finish()
    finally:
        data.end()


def debconf(call: Call) -> int:
    """debconf(1): runs a program joined to the protocol."""
    given = call.options("-o --owner=", "-f --frontend=", "-p --priority=", "--terse", permute=False)
    if "priority" in given or "frontend" in given:
        call.refuse("debconf: the options --priority and --frontend are not modelled")
    if not given.operands:
        call.machine.stream(2).write(b"Usage: debconf [options] command [args]\n")
        return 255
    data = lock(call)
    if data is None:
        return 1
    try:
        return _converse(call, given.value("owner") or "unknown", given.operands, None)
    finally:
        data.end()


def communicate(call: Call) -> int:
    """debconf-communicate(1): answers the commands of its input. Its status is that of the last answer."""
    given = call.options("--terse")
    data = lock(call)
    if data is None:
        return 1
    session = _session(call, given.operands[0] if given.operands else "unknown")
    code = "127"
    try:
        lines = call.stdin().split(b"\n")
        for line in lines if lines[-1] else lines[:-1]:
            answer = _reply(call.machine, session, line)
            if answer is None:
                session.finish()
            code = (answer or b"").decode("latin-1").partition(" ")[0]
            call.out((answer or b"") + b"\n")
        session.finish()
    finally:
        data.end()
    return int(code or "0")


def _refused(call: Call) -> int:
    call.refuse(f"{call.name} is not modelled")


COMMANDS: Mapping[str, Command] = {
    "debconf": debconf,
    "debconf-communicate": communicate,
    "debconf-copydb": _refused,
    "debconf-escape": debconf_tools.escape,
    "debconf-get-selections": debconf_tools.get_selections,
    "debconf-set-selections": debconf_tools.set_selections,
    "debconf-show": debconf_tools.show,
    "frontend": frontend,
}
"""This family's commands by name."""
