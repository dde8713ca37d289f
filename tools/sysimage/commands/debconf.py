"""debconf's programs: the frontend that scripts are started by, and those that ask its database.

A script that sources confmodule executes the frontend, which runs it again with descriptors 0 and 1 joined to
the protocol. The frontend is always Noninteractive: there is no terminal.

Nothing is preconfigured, as in mmdebstrap: dpkg-preconfigure(8) ends at once where apt-utils is not installed,
so a package's config script runs before its postinst, from the frontend.
"""

import re
from collections.abc import Mapping, Sequence

from tools.sysimage.commands import debconf_protocol
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.debconf_database import Database, DebconfError, database
from tools.sysimage.commands.debconf_protocol import Session
from tools.sysimage.debian import dpkg
from tools.sysimage.scripts import shell
from tools.sysimage.scripts.machine import Machine

_SHELL = re.compile(rb"#![ \t]*/(?:usr/)?bin/(?:sh|dash)(?:[ \t]+-(\w+))?[ \t]*\n")
_LOCKED = 'DbDriver "config": /var/cache/debconf/config.dat is locked by another process'
_PREINST = "/var/lib/dpkg/tmp.ci/"
_TYPES = ("select", "boolean", "string", "multiselect", "note", "password", "text", "title")
_LINE = re.compile(r"\s*(\S+)\s+(\S+)\s+(\S+)(?:\s(.*))?", re.ASCII)
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
        if self._said and not self.stopped:
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
        answer = session.reply(line.decode("latin-1"))
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

    settings = debconf_protocol.Settings(
        read=lambda name: call.files.read(call.path(name)),
        display=display,
        priority=call.variable("DEBIAN_PRIORITY") or "",
        marks=(call.variable("DEBCONF_NONINTERACTIVE_SEEN") or "false") == "true",
    )
    return Session(database(call.world), settings, owner=owner)


def _lock(call: Call) -> Database | None:
    """Opens the database, None (with the complaint) if a frontend has it open."""
    data = database(call.world)
    if data.running:
        call.machine.stream(2).write(f"debconf: {_LOCKED}: Resource temporarily unavailable\n".encode())
        return None
    data.begin()
    return data


def _converse(call: Call, owner: str, argv: Sequence[str], data: bytes | None) -> int:
    """Runs a script, or the program `argv` if `data` is None, joined to the protocol."""
    machine = call.machine.subshell()
    link = _Link(_session(call, owner), machine)
    machine.descriptors[0] = machine.descriptors[1] = link
    machine.variables.set("DEBIAN_HAS_FRONTEND", "1", exported=True)
    if data is None:
        status = Call(call.world, machine, argv).execute(argv)
    else:
        match = _SHELL.match(data)
        if match is None:
            call.refuse(f"debconf's frontend is to run {argv[0]}, which is no shell script")
        status = shell.run_program(machine, data, argv, (match[1] or b"").decode())
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
    data = _lock(call)
    if data is None:
        return 1
    name = argv[0]
    owner, known = _owner(call, name)
    try:
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
    world = call.world
    outer, world.script = world.script, "config"
    version = argv[2] if len(argv) > 2 else ""
    try:
        return _converse(call, owner, [f"{base}config", "configure", version], config)
    finally:
        world.script = outer


def debconf(call: Call) -> int:
    """debconf(1): runs a program joined to the protocol."""
    given = call.options(
        "-o --owner=", "-f --frontend=", "-p --priority=", "--terse", permute=False
    )
    if "priority" in given or "frontend" in given:
        call.refuse("debconf: the options --priority and --frontend are not modelled")
    if not given.operands:
        call.machine.stream(2).write(b"Usage: debconf [options] command [args]\n")
        return 255
    data = _lock(call)
    if data is None:
        return 1
    try:
        return _converse(call, given.value("owner") or "unknown", given.operands, None)
    finally:
        data.end()


def communicate(call: Call) -> int:
    """debconf-communicate(1): answers the commands of its input. Its status is that of the last answer."""
    given = call.options("--terse")
    data = _lock(call)
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


def escape(call: Call) -> int:
    """debconf-escape(1)."""
    given = call.options("-e --escape", "-u --unescape")
    if ("escape" in given) == ("unescape" in given):
        call.machine.stream(2).write(b"Usage: debconf-unescape -e|-u < input-text\n")
        return 1
    data = call.stdin()
    if "escape" in given:
        call.out(data.replace(b"\\", b"\\\\").replace(b"\n", b"\\n"))
    else:
        call.out(re.sub(rb"\\(.)", lambda m: b"\n" if m[1] == b"n" else m[1], data))
    return 0


def set_selections(call: Call) -> int:
    """debconf-set-selections(1)."""
    given = call.options("-v --verbose", "-c --checkonly", "-u --unseen")
    data = _lock(call)
    if data is None:
        return 1
    failed = 0
    try:
        for name in given.operands or ("-",):
            try:
                text = call.input(name).decode("latin-1")
            except OSError as error:
                call.complain(error.strerror or "")
                continue
            for line in _joined(text):
                failed |= _selection(call, data, line, unseen="unseen" in given, check="checkonly" in given)
    except DebconfError as error:
        call.refuse(f"debconf-set-selections would fail: {error}")
    finally:
        data.end()
    return failed


def _joined(text: str) -> list[str]:
    lines = text.split("\n")
    if not lines[-1]:
        del lines[-1]
    found: list[str] = []
    rest = list(reversed(lines))
    while rest:
        line = rest.pop().removesuffix("\r")
        while line.endswith("\\") and rest:
            line = line[:-1] + rest.pop().removesuffix("\r")
        if not re.match(r"\s*(?:#|\Z)", line, re.ASCII):
            found.append(line)
    return found


def _selection(call: Call, data: Database, line: str, *, unseen: bool, check: bool) -> int:
    match = _LINE.match(line)
    if match is None:
        call.machine.stream(2).write(b"error: parse error\n")
        return 1
    owner, name, kind, value = match[1], match[2], match[3], match[4] or ""
    if kind != "seen" and kind not in _TYPES:
        call.machine.stream(2).write(f"warning: Unknown type {kind}, skipping\n".encode())
        return 0
    if check and kind != "seen":
        return 0
    if kind == "seen":
        if name not in data.questions:
            call.machine.stream(2).write(f"error: Cannot find a question for {name}\n".encode())
            return 1
        if not check:
            data.set_flag(name, "seen", value)
        return 0
    if data.template(name) is None:
        data.new_template(name, owner, kind)
        data.templates[name].fields.update(
            description="Dummy template",
            extended_description="This is a fake template used to pre-seed the debconf database. If you are"
            " seeing this, something is probably wrong.",
        )
    data.templates[name].fields["type"] = kind
    if name not in data.questions:
        call.machine.stream(2).write(f"error: Cannot find a question for {name}\n".encode())
        return 1
    data.questions[name].owners.add(owner)
    data.set_value(name, value)
    if not unseen:
        data.set_flag(name, "seen", "true")
    return 0


def _listed(call: Call) -> Database:
    data = database(call.world)
    if data.running:
        call.refuse(f"{call.name}: debconf's database is open")
    return data


def show(call: Call) -> int:
    """debconf-show(1): the questions of packages, by name."""
    given = call.options("--listowners")
    data = _listed(call)
    if "listowners" in given:
        owners = {owner for item in data.questions.values() for owner in item.owners}
        call.out("".join(f"{owner}\n" for owner in sorted(owners)))
        return 0
    if not given.operands:
        call.machine.stream(2).write(b"Usage:\n    debconf-show packagename [...] [--db=dbname]\n")
        return 1
    for name in sorted(data.questions):
        for _ in filter(data.questions[name].owners.__contains__, given.operands):
            mark = "* " if data.flag(name, "seen") == "true" else "  "
            value = data.value(name)
            if data.field(name, "type") == "password":
                value = "(password omitted)"
            call.out(f"{mark}{name}:{f' {value}' if value else ''}\n".encode("latin-1"))
    return 0


def get_selections(call: Call) -> int:
    """debconf-get-selections(1)."""
    if call.arguments:
        call.options()
    data = _listed(call)
    for name in sorted(data.questions):
        kind = data.field(name, "type") or ""
        if kind in ("", "text", "title"):
            continue
        text = f"# {data.field(name, 'description')}\n"
        if kind in ("select", "multiselect"):
            text += f"# Choices: {data.field(name, 'choices')}\n"
        for owner in sorted(data.questions[name].owners):
            text += f"{owner}\t{name}\t{kind}\t{data.value(name)}\n"
        call.out(text.encode("latin-1"))
    return 0


def _refused(call: Call) -> int:
    call.refuse(f"{call.name} is not modelled")


COMMANDS: Mapping[str, Command] = {
    "debconf": debconf,
    "debconf-communicate": communicate,
    "debconf-copydb": _refused,
    "debconf-escape": escape,
    "debconf-get-selections": get_selections,
    "debconf-set-selections": set_selections,
    "debconf-show": show,
    "frontend": frontend,
}
"""This family's commands by name."""
