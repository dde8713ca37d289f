"""How dpkg calls a maintainer script (deb-maintscripts(7)), and which programs the script finds."""

import json
import sys
from collections.abc import Sequence

from tools.sysimage.commands import perl_scripts
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.journal import Change
from tools.sysimage.commands.registry import COMMANDS
from tools.sysimage.commands.shell_script import beyond, is_bash, search, shell_options, with_options
from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.effects import ledger
from tools.sysimage.scripts import shell
from tools.sysimage.scripts.machine import Machine, Program
from tools.sysimage.scripts.marked import inward, outward

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_VERSION = "1.22.21"  # what DPKG_RUNNING_VERSION says where dpkg is not in the set
_PREINST = "/var/lib/dpkg/tmp.ci/preinst"
_REMEDY = "say by an entry [[command]] what it does"
_WITH_DEBCONF = b'exec /usr/share/debconf/frontend "$0" "$@"\n'
_LONGEST = 1 << 20  # bytes of a program that may be a script
_MESSAGE = 400  # bytes of a script's complaints that an error shows


class ScriptError(ToolError):
    """A maintainer script that fails, or does what nothing here can do.

    `command` is what was executed last, "" if the script as a whole is beyond us.
    """

    def __init__(self, package: Package, script: str, message: str, command: str = "") -> None:
        super().__init__(f"{package.name}: {message}")
        self.package = package
        self.script = script
        self.command = command

    def draft(self) -> str:
        """The entry of a ledger that a person has to complete."""
        if self.command:
            head = f'[[command]]\npackage = "{self.package.name}"\ncommand = {json.dumps(self.command)}\n'
            return head + 'reason = "…what it does here; status, output and effects, if it does anything"\n'
        digest = ledger.digest(self.package, self.script)
        return (
            f'[[script]]\npackage = "{self.package.name}"\nscript = "{self.script}"\nsha256 = ["{digest}"]\n'
            'ignore = "…why nothing of it outlives an installation, or effects = [{ do = … }]"\n'
        )


def run(world: World, package: Package, script: str, arguments: Sequence[str]) -> None:
    """Runs a maintainer script of a package, if it has one. Raises ScriptError."""
    data = package.deb.control.get(script)
    if data is None:
        return
    options = shell_options(data)
    if options is None and perl_scripts.find(data):
        # As the library of debconf for Perl does.
        options, data = "e", _WITH_DEBCONF
    if options is None:
        first = data.partition(b"\n")[0].decode("utf-8", "replace")
        what = f"is no shell script ({first!r})"
        if is_bash(data):
            what = f"has {beyond(data)!r} of bash, which is not modelled"
        raise ScriptError(package, script, f"{script} {what}; say by an entry what it does")
    name = f"/{dpkg.info_prefix(package)}.{script}" if script != "preinst" else _PREINST
    world.package, world.script, world.files.origin = package, script, package.name
    machine = shell.shell(world.files, Programs(world).find, variables=_environment(world, package, script))
    machine.options = frozenset(options)
    machine.random, machine.search, machine.bash = world.random, search, is_bash(data)
    world.journal.begin(package.name, script, machine.meter)
    if package.name in world.traced:
        _trace(world, machine)
    try:
        status = shell.run(machine, data, name, arguments)
    except ToolError as error:
        raise ScriptError(package, script, str(error), machine.meter.last) from error
    finally:
        world.journal.listener = None
    if status:
        said = shell.output(machine, 2)[-_MESSAGE:].decode("utf-8", "replace").strip()
        raise ScriptError(
            package,
            script,
            f"{script} {' '.join(arguments)} ended with {status} at line {machine.meter.line} (last command:"
            f" {machine.meter.last}){': ' + said if said else ''}; say by an entry what it does",
            machine.meter.last,
        )


def _trace(world: World, machine: Machine) -> None:
    """Has each command of a script printed, and below it what it changes."""

    def command(line: int, words: Sequence[str]) -> None:
        print(f"{machine.meter.file}:{line}: {' '.join(map(outward, words))}", file=sys.stderr)

    def changed(change: Change) -> None:
        print(f"    /{change.path}: {change.what}", file=sys.stderr)

    machine.observer = command
    world.journal.listener = changed


def _sh(call: Call) -> int:
    """sh(1): a program's text from -c, a file or the input."""
    words = list(call.arguments)
    letters = ""
    while words and words[0][:1] == "-" and len(words[0]) > 1 and words[0] != "--":
        letters += words.pop(0)[1:]
    if words[:1] == ["--"]:
        words.pop(0)
    if set(letters) - set("cefuxs"):
        call.refuse(f"{call.name}: the options -{letters} are not modelled")
    if "c" in letters:
        text, words = words[0].encode("utf-8", "surrogateescape"), words[1:]
        name = words[0] if words else call.name
    elif words and "s" not in letters:
        text, name = call.input(words[0]), words[0]
        if name.rpartition("/")[2] in COMMANDS and _is_common(name):
            return call.execute(words)  # such as a program that is left for the guest
    else:
        text, name, words = call.stdin(), call.name, [call.name, *words]
    prefix = "".join(f"set -{letter}\n" for letter in letters if letter in "efux").encode()
    # The options take a line of their own, which the lines of messages then count.
    bash = call.name == "bash"
    if bash and shell_options(b"#!/bin/bash\n" + text) is None:
        call.refuse("bash: the script has something of bash that is not modelled")
    text = prefix.replace(b"\n", b";") + text
    return shell.run_program(call.machine, text, [name, *words[1:]], bash=bash)


def _environment(world: World, package: Package, script: str) -> dict[str, str]:
    own = world.root.packages.get("dpkg")
    return {
        "PATH": _PATH,
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NONINTERACTIVE_SEEN": "true",
        "DPKG_MAINTSCRIPT_PACKAGE": package.name,
        "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT": "1",
        "DPKG_MAINTSCRIPT_ARCH": package.architecture,
        "DPKG_MAINTSCRIPT_NAME": script,
        "DPKG_MAINTSCRIPT_DEBUG": "0",
        "DPKG_FORCE": "security-mac,downgrade",
        "DPKG_RUNNING_VERSION": own.version if own else _VERSION,
        "DPKG_ADMINDIR": "/var/lib/dpkg",
        "DPKG_ROOT": "",
    }


def _missing(machine: Machine, argv: Sequence[str]) -> int:
    """A shell would go on, with a status that nobody looks at."""
    raise machine.meter.refused(
        f"no package of the set has the program {argv[0]}",
        "add one that has it, or say by an entry [[command]] what it does",
    )


def _is_common(path: str) -> bool:
    """Whether a program is one of all users': elsewhere a package may have its own of a well-known name."""
    return path.rpartition("/")[0].rpartition("/")[2] in ("bin", "sbin")


class Programs:
    """The programs that a script finds: those of the tree."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find(self, machine: Machine, name: str) -> Program | None:
        """Returns what stands for a program, None if the tree has none of this name."""
        program = self._known(machine, name)
        return self._told(program, name) if self._world.told else program

    def _told(self, program: Program | None, name: str) -> Program | None:
        """Asks the entries of persons first."""
        world = self._world
        entries = [entry for entry in world.told if entry.command.partition(" ")[0] in (name, "*")]
        if not entries:
            return program

        def run(machine: Machine, argv: Sequence[str]) -> int:
            entry = next((entry for entry in entries if entry.fits(world.who, argv)), None)
            if entry is not None:
                machine.stream(1).write(entry.output.encode("utf-8", "surrogateescape"))
                if world.package is not None:
                    ledger.run(world.root, world.package, world.script, entry.calls)
                return entry.status
            if program is not None:
                return program(machine, argv)
            machine.warn(f"{argv[0]}: not found")
            return 127

        return run

    def _known(self, machine: Machine, name: str) -> Program | None:
        found = machine.find(inward(name))
        if found is None:
            command = (_sh if name == "sh" else COMMANDS.get(name)) if self._world.bootstrap else None
            return self._program(command) if command else None if machine.guarded else _missing
        path, inode = self._world.files.lookup(machine.path(found))
        command = COMMANDS.get(name.rpartition("/")[2]) or COMMANDS.get(path.rpartition("/")[2])
        if path.rpartition("/")[2] in ("sh", "dash", "bash"):
            command = _sh
        if command is not None and (_is_common(path) or _is_common(machine.path(found))):
            return self._program(command)
        data = inode.read() if inode and inode.content.size < _LONGEST else b""
        options = shell_options(data)
        if options is not None:
            text, called, bash = with_options(options, data), machine.path(found), is_bash(data)
            return lambda machine, argv: shell.run_program(machine, text, [called, *argv[1:]], bash=bash)
        if command is not None:
            return self._program(command)

        def unknown(machine: Machine, _argv: Sequence[str]) -> int:
            raise machine.meter.refused(f"nothing here knows what /{path} does", _REMEDY)

        return unknown

    def _program(self, command: Command) -> Program:
        return lambda machine, argv: Call(self._world, machine, argv).run(command)
