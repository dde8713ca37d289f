"""systemctl(1) in a chroot: it changes links of units, and ignores what needs a running systemd."""

from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.systemd import enablement, unit_names, unit_state
from tools.sysimage.systemd.enablement import (
    BeyondError,
    Done,
    InvalidUnitError,
    MaskedError,
    NotThereError,
)

# What needs a running systemd, with the fewest and the most operands (-1 for any number).
_ONLINE: Mapping[str, tuple[int, int]] = (
    dict.fromkeys(
        (
            *("list-units", "list-sockets", "list-timers", "list-jobs", "list-automounts", "list-paths"),
            *("list-machines", "cancel", "show", "show-environment", "import-environment"),
            *("reset-failed", "status", "list-dependencies"),
        ),
        (0, -1),
    )
    | dict.fromkeys(
        (
            *("start", "stop", "restart", "try-restart", "reload", "reload-or-restart", "condstop"),
            *("try-reload-or-restart", "reload-or-try-restart", "force-reload", "condreload", "condrestart"),
            *("isolate", "kill", "clean", "freeze", "thaw", "is-active", "check", "is-failed", "cat", "help"),
            *("set-environment", "unset-environment"),
        ),
        (1, -1),
    )
    | dict.fromkeys(
        (
            *("daemon-reload", "daemon-reexec", "default", "rescue", "emergency", "halt", "poweroff"),
            *("reboot", "kexec", "suspend", "hibernate"),
        ),
        (0, 0),
    )
)
_OPTIONS = (
    *("-q --quiet", "--system", "--user", "--global", "--root=", "--no-reload", "--now", "-f --force"),
    *("--preset-mode=", "--no-block", "--no-ask-password", "--no-pager", "--no-legend", "-p --property="),
    *("--value", "-a --all", "-l --full", "-s --signal=", "--kill-whom=", "--kill-who=", "-t --type="),
    *("--state=", "--job-mode=", "--no-warn", "--plain", "-n --lines=", "-o --output=", "--no-wall"),
)
_SYSV = "/usr/lib/systemd/systemd-sysv-install"
_HINT = """The unit files have no installation config (WantedBy=, RequiredBy=, UpheldBy=,
Also=, or Alias= settings in the [Install] section, and DefaultInstance= for
template units). This means they are not meant to be enabled or disabled using systemctl."""


def systemctl(call: Call) -> int:
    """Carries out a verb. What is no verb, or can't be done by links, ends as it does in a chroot."""
    given = call.options(*_OPTIONS)
    verb, *operands = given.operands or ("list-units",)
    if verb in _ONLINE:
        return _ignored(call, given, verb, len(operands))
    function = _VERBS.get(verb)
    if function is None:
        call.refuse(f"systemctl {verb} is not modelled")
    least, most = _COUNTS.get(verb, (1, -1))
    if not _counted(call, len(operands), least, most):
        return 1
    if given.value("root", "/").rstrip("/"):
        call.refuse(f"systemctl --root={given.value('root')} is not modelled")
    try:
        return function(call, given, operands)
    except BeyondError as error:
        call.refuse(f"systemctl {verb}: {error}")


def _ignored(call: Call, given: Given, verb: str, count: int) -> int:
    if not _counted(call, count, *_ONLINE[verb]):
        return 1
    if "root" in given:
        return _say(call, f"Verb '{verb}' cannot be used with --root= or --image=.", 1)
    return _say(call, f"Running in chroot, ignoring command '{verb}'", 0)


def _counted(call: Call, count: int, least: int, most: int) -> bool:
    if count < least:
        _say(call, "Too few arguments.", 1)
    elif 0 <= most < count:
        _say(call, "Too many arguments.", 1)
    else:
        return True
    return False


def _say(call: Call, message: str, status: int) -> int:
    try:
        call.machine.stream(2).write(f"{message}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        return status
    return status


def _scope(given: Given) -> str:
    scope = given.last("system", "user", "global")
    return "user" if scope in ("user", "global") else "system"


def _changed(call: Call, given: Given, verb: str, act: Callable[[], Done]) -> int:
    try:
        done = act()
    except NotThereError as error:
        return _say(call, f"Failed to {verb} unit: Unit {error} does not exist", 1)
    except MaskedError as error:
        return _say(call, f"Failed to {verb} unit: Unit /{error} is masked", 1)
    except InvalidUnitError as error:
        return _say(call, f"Failed to {verb} unit: {error}", 1)
    if "quiet" not in given:
        for message in done.messages:
            _say(call, message, 0)
        if not done.carries and "no-warn" not in given:
            _say(call, _HINT, 0)
    if done.failed:
        return 1
    if "now" in given:
        message = "--now cannot be used when systemd is not running or in conjunction with --root=/--global"
        return _say(call, f"{message}, refusing.", 1)
    return 0


def _names(call: Call, operands: Sequence[str]) -> list[str]:
    for operand in operands:
        if "/" in operand:
            call.refuse(f"a unit by its path, {operand}, is not modelled")
    return [unit_names.full_name(operand) for operand in operands]


def _sysv(call: Call, given: Given, verb: str, names: list[str]) -> tuple[list[str], int, str]:
    """Enables and disables init scripts of the units' names, as systemd-sysv-install does.

    Returns the units that are left to do, a status, and what is-enabled said of an init script.
    """
    if _scope(given) != "system" or call.variable("SYSTEMCTL_SKIP_SYSV") in ("1", "yes", "true", "on"):
        return names, 0, ""
    left: list[str] = []
    said = ""
    for name in names:
        try:
            enablement.resolve(call.root, name, load=False)
            native = True
        except NotThereError:
            native = False
        except InvalidUnitError:
            native = True
        script = f"/etc/init.d/{name.removesuffix('.service')}"
        if not name.endswith(".service") or (native and verb == "is-enabled") or not call.files.find(script):
            left.append(name)
            continue
        status = call.execute([_SYSV, verb, script.rpartition("/")[2]])
        if verb == "is-enabled":
            said = "enabled" if status == 0 else said or "disabled"
            if "quiet" not in given:
                call.out("disabled\n" if status else "enabled\n")
        elif status:
            return names, 1, ""
        if native:
            left.append(name)
    return left, 0, said


def _enable(call: Call, given: Given, operands: Sequence[str]) -> int:
    verb = given.operands[0]
    names, status, _ = _sysv(call, given, "enable" if verb == "reenable" else verb, _names(call, operands))
    if status or not names:
        return status
    if verb == "disable":
        return _changed(call, given, verb, lambda: enablement.disable(call.root, names, _scope(given)))
    force = "force" in given

    act = enablement.reenable if verb == "reenable" else enablement.enable
    return _changed(
        call, given, verb, lambda: act(call.root, call.world.who, names, _scope(given), force=force)
    )


def _preset(call: Call, given: Given, operands: Sequence[str]) -> int:
    mode = given.value("preset-mode", "full")
    if mode not in ("full", "enable-only", "disable-only"):
        return _say(call, f"Failed to parse preset mode: {mode}.", 1)
    scope = _scope(given)
    names = _names(call, operands)

    def act() -> Done:
        wishes = {name: unit_state.preset(call.root, name, scope) for name in names}
        force = "force" in given
        return enablement.preset(call.root, call.world.who, names, wishes, scope, mode=mode, force=force)

    return _changed(call, given, "preset", act)


def _mask(call: Call, given: Given, operands: Sequence[str]) -> int:
    names, scope = _names(call, operands), _scope(given)
    if given.operands[0] == "unmask":
        return _changed(call, given, "unmask", lambda: enablement.unmask(call.root, names, scope))
    force = "force" in given
    return _changed(
        call, given, "mask", lambda: enablement.mask(call.root, call.world.who, names, scope, force=force)
    )


def _is_enabled(call: Call, given: Given, operands: Sequence[str]) -> int:
    names, _, said = _sysv(call, given, "is-enabled", _names(call, operands))
    good, there = said == "enabled", bool(said)
    for name in names:
        try:
            state = unit_state.state(call.root, name, _scope(given))
            there = True
        except NotThereError:
            state = "not-found"
        except InvalidUnitError as error:
            return _say(call, f"Failed to get unit file state for {name}: {error}", 1)
        good = good or unit_state.is_enabled(state)
        if "quiet" not in given:
            call.out(f"{state}\n")
    return 0 if good else 1 if there else 4


def _default(call: Call, given: Given, operands: Sequence[str]) -> int:
    if not operands:
        try:
            call.out(f"{enablement.follow(call.root, 'default.target').name}\n")
        except NotThereError:
            return _say(call, "Failed to get default target: No such file or directory", 1)
        return 0
    name = operands[0] if operands[0].endswith(".target") else f"{operands[0]}.target"
    try:
        done = enablement.set_default(call.root, call.world.who, name)
    except NotThereError:
        return _say(call, f"Failed to set default target: Unit {name} does not exist", 1)
    except (MaskedError, InvalidUnitError) as error:
        return _say(call, f"Failed to set default target: {error}", 1)
    for message in done.messages if "quiet" not in given else ():
        _say(call, message, 0)
    return int(done.failed)


def _offline(call: Call, given: Given, _operands: Sequence[str]) -> int:
    if "quiet" not in given:
        call.out("offline\n")
    return 1


_VERBS: Mapping[str, Callable[[Call, Given, Sequence[str]], int]] = {
    "enable": _enable,
    "disable": _enable,
    "reenable": _enable,
    "preset": _preset,
    "mask": _mask,
    "unmask": _mask,
    "is-enabled": _is_enabled,
    "set-default": _default,
    "get-default": _default,
    "is-system-running": _offline,
}
_COUNTS = {"set-default": (1, 1), "get-default": (0, 0), "is-system-running": (0, 0)}

COMMANDS: Mapping[str, Command] = {"systemctl": systemctl}
"""This family's commands by name."""
