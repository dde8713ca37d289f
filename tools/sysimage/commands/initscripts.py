"""update-rc.d(8) and invoke-rc.d(8), where insserv and OpenRC are not installed and no service may start."""

import re
from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.tree import Kind

_USAGE = """usage: update-rc.d [-f] <basename> remove
       update-rc.d [-f] <basename> defaults
       update-rc.d [-f] <basename> defaults-disabled
       update-rc.d <basename> disable|enable [S|2|3|4|5]
\t\t-f: force

The disable|enable API is not stable and might change in the future.
"""

_INVOKE_OPTIONS = (
    *("--quiet", "--force", "--try-anyway", "--disclose-deny", "--query", "--no-fallback"),
    "--skip-systemd-native",
)


class _EndError(Exception):
    """The program ends with 1, after a message."""


def update_rc_d(call: Call) -> int:
    """update-rc.d: defaults, defaults-disabled, remove, enable, disable; start and stop are as defaults."""
    words = list(call.arguments)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option != "-f":
            return _usage(call, "" if option in ("-h", "--help") else "unknown option")
    if len(words) < 2:
        return _usage(call, "not enough arguments")
    for program in ("/usr/lib/insserv/insserv", "/sbin/insserv", "/sbin/openrc"):
        if call.files.find(program) is not None:
            call.refuse(f"update-rc.d where {program} is installed is not modelled")
    name, action, *rest = words
    try:
        if action == "remove":
            for path in _links(call, name, "?"):
                call.files.unlink(path)
        elif action in ("start", "stop", "defaults", "defaults-disabled"):
            if action in ("start", "stop"):
                _legacy(call, name)
            _defaults(call, name, "K" if action == "defaults-disabled" else "S")
        elif action in ("enable", "disable"):
            _toggle(call, name, action, rest)
            _systemd(call, name, action)
        else:
            return _usage(call, "")
    except _EndError:
        return 1
    return 0


def _usage(call: Call, message: str) -> int:
    if message:
        call.complain(f"error: {message}")
    call.machine.stream(2).write(_USAGE.encode())
    return 1


def _error(call: Call, message: str) -> _EndError:
    call.complain(f"error: {message}")
    return _EndError()


def _links(call: Call, name: str, level: str) -> list[str]:
    """The links of an init script in a run level, "?" for all, by their paths."""
    found: list[str] = []
    for folder in call.files.names("/etc") if call.files.find("/etc") else ():
        if re.fullmatch(r"rc.\.d" if level == "?" else rf"rc{re.escape(level)}\.d", folder):
            path = f"/etc/{folder}"
            inode = call.files.find(path)
            if inode is not None and inode.kind is Kind.DIRECTORY:
                pattern = rf"[SK][0-9][0-9]{re.escape(name)}"
                found += [f"{path}/{link}" for link in call.files.names(path) if re.fullmatch(pattern, link)]
    return found


def _levels(call: Call, path: str) -> tuple[list[str], list[str]]:
    """The run levels in which an LSB header says that a script starts and stops."""
    inode = call.files.find(path)
    if inode is None or inode.kind is not Kind.FILE:
        raise _error(call, f"unable to read {path}")
    start: list[str] = []
    stop: list[str] = []
    inside = False
    for line in inode.read().decode("utf-8", "surrogateescape").split("\n"):
        if re.match(r"### BEGIN INIT INFO\s*$", line):
            inside = True
        elif re.match(r"### END INIT INFO\s*$", line):
            break
        elif inside and (match := re.match(r"# Default-(Start|Stop):\s*(\S?.*)$", line)):
            if match[1] == "Start":
                start = match[2].split()
            else:
                stop = match[2].split()
    return start, stop


def _legacy(call: Call, name: str) -> None:
    start, stop = _levels(call, f"/etc/init.d/{name}")
    if start or stop:
        message = "warning: start and stop actions are no longer supported; falling back to defaults"
        call.complain(message)


def _defaults(call: Call, name: str, letter: str) -> None:
    if _links(call, name, "?"):
        return
    start, stop = _levels(call, f"/etc/init.d/{name}")
    for levels, prefix in ((start, letter), (stop, "K")):
        for level in levels:
            folder = f"/etc/rc{level}.d"
            if call.files.find(folder) is None:
                call.files.make_directory(folder, call.umask(0o755))
            path = f"{folder}/{prefix}01{name}"
            if call.files.find(path, follow=False) is None:
                call.files.make_symlink(f"../init.d/{name}", path)


def _toggle(call: Call, name: str, action: str, levels: Sequence[str]) -> None:
    headers = [
        f"{folder}/{name}"
        for folder in ("/etc/insserv/overrides", "/etc/init.d", "/usr/share/insserv/overrides")
    ]
    files = [(path, call.files.find(path)) for path in headers]
    header = next((path for path, inode in files if inode is not None and inode.content.size), "")
    if not header:
        raise _error(call, f"cannot find a LSB script for {name}")
    levels = levels or _levels(call, header)[0]
    if not levels:
        raise _error(call, f"{name} Default-Start contains no runlevels, aborting.")
    links: list[str] = []
    for level in levels:
        if re.fullmatch("[S2345]", level):
            links += _links(call, name, level)
        else:
            call.complain(f"warning: {action} action will have no effect on runlevel {level}")
    if not links:
        raise _error(call, "no runlevel symlinks to modify, aborting!")
    old, new = ("S", "K") if action == "disable" else ("K", "S")
    for link in links:
        folder, _, last = link.rpartition("/")
        if last.startswith(old):
            call.files.rename(link, f"{folder}/{new}{last[1:]}")


def _systemd(call: Call, name: str, action: str) -> None:
    if call.variable("_SKIP_SYSTEMD_NATIVE") == "1":
        return
    programs = [call.files.find(path) for path in ("/bin/systemctl", "/usr/bin/systemctl")]
    if any(program is not None and program.mode & 0o111 for program in programs):
        variables = {**call.machine.environment(), "SYSTEMCTL_SKIP_SYSV": "1"}
        call.execute(["systemctl", "--root=/", "--quiet", action, name], variables)
        return
    folders = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
    paths = [f"{folder}/{name}.service" for folder in folders]
    path = next((path for path in paths if call.files.find(path) is not None), "")
    if not path:
        return
    for line in call.files.read(path).decode("utf-8", "surrogateescape").split("\n"):
        match = re.match(r"\s*WantedBy=(.+)$", line, re.IGNORECASE)
        if not match:
            continue
        folder = f"/etc/systemd/system/{match[1]}.wants"
        link = f"{folder}/{name}.service"
        if action == "enable":
            _make_path(call, folder)
            if call.files.find(link, follow=False) is None:
                call.files.make_symlink(path, link)
        elif call.files.find(link) is not None:
            call.files.unlink(link)


def _make_path(call: Call, path: str) -> None:
    if path and call.files.find(path) is None:
        _make_path(call, path.rpartition("/")[0])
        call.files.make_directory(path, call.umask(0o755))


def invoke_rc_d(call: Call) -> int:
    """invoke-rc.d: policy-rc.d denies every action. What would run in spite of that ends the build."""
    options: set[str] = set()
    names: list[str] = []
    rest = list(call.arguments)
    quiet = False

    def say(message: str) -> None:
        if not quiet:
            call.complain(message)

    if not rest:
        say("syntax error: missing required parameter, --help assumed")
        return 103
    while rest and len(names) < 2:
        word = rest.pop(0)
        if word == "--help":
            call.refuse("invoke-rc.d --help is not modelled")
        if word in _INVOKE_OPTIONS:
            options.add(word)
            quiet = quiet or word == "--quiet"
        elif word.startswith("--"):
            say(f'syntax error: unknown option "{word}"')
            return 103
        elif not word:
            say("syntax error: invalid empty parameter")
            return 103
        elif len(word.split()) > 1:
            say(f'syntax error: embedded blanks are not allowed in "{word}"')
            return 103
        else:
            names.append(word)
    if len(names) < 2:
        say("syntax error: missing required parameter")
        return 103
    return _invoked(call, options, names[0], names[1], say)


def _invoked(call: Call, options: set[str], name: str, action: str, say: Callable[[str], None]) -> int:
    script = call.files.find(f"/etc/init.d/{name}")
    if script is None or script.kind is not Kind.FILE:
        say(f"unknown initscript, /etc/init.d/{name} not found.")
    runlevel = call.files.find("/sbin/runlevel")
    if runlevel is None or not runlevel.mode & 0o111:
        say("could not determine current runlevel")
    executable = script is not None and bool(script.mode & 0o111)
    force, query = "--force" in options, "--query" in options
    if executable:
        verb = "Overriding policy-rc.d denied" if force else "policy-rc.d denied"
        say(f"{verb} execution of {action}.")
    status = 104 if executable and force else 101
    if query:
        return status
    if executable and force and action == "stop":
        # Nothing runs that could be stopped.
        return 0
    if executable and force:
        call.refuse(f"invoke-rc.d --force starts {name} while the image is built")
    if force:
        return 102
    if "--disclose-deny" in options:
        say(f'initscript action "{action}" not executed.')
        return 101
    if action == "status":
        say('emulating initscript action "status", returning "unknown"')
        return 4
    return 0


COMMANDS: Mapping[str, Command] = {"update-rc.d": update_rc_d, "invoke-rc.d": invoke_rc_d}
"""This family's commands by name."""
