"""Triggers (deb-triggers(5)): who is interested, what is pending, in the order in which dpkg processes it.

A driver calls `unpacking` before a package's preinst, `unpacked` after its files are there, `configuring`
before its postinst, `script_ended` after each script and `new_run` where apt starts dpkg again. It runs what
`pending` names, the first at a time, between `processing` and `script_ended`.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.world import World
from tools.sysimage.debian import dpkg, trigger_lines
from tools.sysimage.debian.dpkg import Package

_HELP = "\n\nType dpkg-trigger --help for help about this utility."


@dataclass(slots=True)
class _State:
    """What the world does not know of: kept in `world.state`."""

    queue: list[str] = field(default_factory=list)  # packages in the order of processing
    awaited: dict[str, list[str]] = field(default_factory=dict)  # package → those whose triggers it awaits
    asked: list[tuple[str, str]] = field(
        default_factory=list
    )  # triggers that a script has asked for, by whom
    interests: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)  # trigger → packages; awaits
    indexed: int = 0  # packages whose interests these are: the first that were unpacked


def _state(world: World) -> _State:
    found = world.state.setdefault("triggers", _State())
    if not isinstance(found, _State):
        raise TypeError("another family keeps its state under this name")
    return found


def directives(package: Package) -> Iterator[tuple[str, bool, str]]:
    """The directives of a package's `triggers`: "interest" or "activate", whether it awaits, the trigger."""
    for directive in trigger_lines.parse(package.text("triggers"), str(package.deb.path)):
        yield directive.kind, directive.awaits, directive.trigger


def interested(world: World, trigger: str) -> list[tuple[str, bool]]:
    """The packages that a trigger is of interest to, and whether who activates it awaits that.

    They come in dpkg's order: for a path the last that was unpacked is the first.
    """
    state, packages = _state(world), world.root.packages
    # Each path of each package is asked for.
    for package in itertools.islice(packages.values(), state.indexed, None):
        for kind, await_, name in directives(package):
            if kind == "interest":
                state.interests.setdefault(name, []).append((package.name, await_))
    state.indexed = len(packages)
    found = state.interests.get(trigger, [])
    return found[::-1] if trigger.startswith("/") else found


def activate(world: World, trigger: str, by: str) -> None:
    """Activates a trigger, or all that are of interest to a path: of configured packages alone.

    `by` is the package that awaits the processing, "" for none.
    """
    names = [trigger]
    if trigger.startswith("/"):
        above = trigger
        while above := above.rpartition("/")[0]:
            names.append(above)
    for name in names:
        _activate(world, name, by)


def _activate(world: World, name: str, by: str) -> None:
    for package, await_ in interested(world, name):
        if package not in world.configured or _is_half_configured(world, package):
            continue
        state = _state(world)
        names = world.triggered.setdefault(package, [])
        if name not in names:
            # dpkg puts the latest first.
            names.insert(0, name)
        if package not in state.queue:
            state.queue.append(package)
        if by and await_:
            waits = state.awaited.setdefault(by, [])
            if package not in waits:
                waits.append(package)


def _is_half_configured(world: World, package: str) -> bool:
    return world.script == "postinst" and world.who == package


def awaited(world: World, package: str) -> list[str]:
    """The packages whose triggers a package awaits."""
    return [name for name in _state(world).awaited.get(package, ()) if name in world.root.packages]


def unpacking(world: World, package: Package) -> None:
    """Before the preinst of a package: its `activate` directives; it is not there to await them yet."""
    _activate_directives(world, package, awaits=False)


def unpacked(world: World, package: Package) -> None:
    """After a package's files are there: of each of its paths what is interested in just that path.

    A diverted path is that to which it was diverted; of conffiles the triggers come when it is configured.
    """
    for path in package.entries:
        diversion = world.root.unpacker.diversions.get(path)
        used = diversion.target if diversion and diversion.package != package.name else path
        if used:
            _activate(world, f"/{used}", package.name)


def configuring(world: World, package: Package) -> None:
    """Before a package's postinst: its conffiles, which are in place only now, and `activate` directives."""
    for path in package.conffiles():
        activate(world, f"/{path}", package.name)
    _activate_directives(world, package)


def _activate_directives(world: World, package: Package, *, awaits: bool = True) -> None:
    for kind, await_, name in directives(package):
        if kind == "activate":
            activate(world, name, package.name if await_ and awaits else "")


def script_ended(world: World) -> None:
    """After a script: a package whose own triggers it asked for is interested from now on."""
    world.script = ""
    state = _state(world)
    asked, state.asked = state.asked, []
    for name, by in asked:
        activate(world, name, by)


def new_run(world: World) -> list[str]:
    """When dpkg is started again to configure packages. Returns those with pending triggers.

    It has read its database, by which the names of each package turn round; and its queue of triggers is
    that of packages from now on, which its caller has.
    """
    for names in world.triggered.values():
        names.reverse()
    _state(world).queue.clear()
    return [name for name, names in world.triggered.items() if names]


def pending(world: World) -> list[tuple[str, list[str]]]:
    """The packages with pending triggers, with these, in the order of processing.

    Each is one call of `postinst triggered "NAME NAME"`.
    """
    queue = [name for name in _state(world).queue if world.triggered.get(name)]
    queue += [name for name, names in world.triggered.items() if names and name not in queue]
    return [(name, list(world.triggered[name])) for name in queue]


def processing(world: World, package: str) -> None:
    """Before a package's triggers are processed: they are pending no more, and nobody awaits them."""
    state = _state(world)
    world.triggered.pop(package, None)
    if package in state.queue:
        state.queue.remove(package)
    for name in list(state.awaited):
        state.awaited[name] = [other for other in state.awaited[name] if other != package]
        if not state.awaited[name]:
            del state.awaited[name]


def trigger_is_wrong(name: str) -> str:
    """What is wrong with a trigger's name, "" if nothing is."""
    if not name:
        return "empty trigger names are not permitted"
    return "" if re.fullmatch(r"[!-~]+", name) else "trigger name contains invalid character"


def dpkg_trigger(call: Call) -> int:
    """dpkg-trigger(1). Who is interested has its trigger pending at once; it is processed later."""
    given = call.options(
        "--check-supported",
        "-f --by-package=",
        "--await",
        "--no-await",
        "--no-act",
        "--admindir=",
        "--root=",
        permute=False,
    )
    if given.value("root") not in ("", "/") or given.value("admindir") not in ("", f"/{dpkg.ADMIN}"):
        call.refuse("dpkg-trigger for another root is not modelled")
    if "check-supported" in given:
        return _usage(call, "--check-supported takes no arguments") if given.operands else 0
    if len(given.operands) != 1:
        return _usage(call, "takes one argument, the trigger name")
    [trigger] = given.operands
    by = given.value("by-package")
    if given.last("await", "no-await") == "no-await":
        by = "-"
    environment: Mapping[str, str] = call.machine.environment()
    if not by:
        by = environment.get("DPKG_MAINTSCRIPT_PACKAGE", "")
        if not by or "DPKG_MAINTSCRIPT_ARCH" not in environment:
            return _usage(call, "must be called from a maintainer script (or with a --by-package option)")
    wrong = trigger_is_wrong(trigger)
    if wrong:
        return _usage(call, f"invalid trigger name '{trigger}': {wrong}")
    if "no-act" not in given:
        request(call.world, trigger, "" if by == "-" else by.partition(":")[0])
    return 0


def request(world: World, trigger: str, by: str) -> None:
    """What dpkg-trigger asks for: at once, and again when the script has ended."""
    _state(world).asked.append((trigger, by))
    activate(world, trigger, by)


def _usage(call: Call, message: str) -> int:
    call.complain(f"error: {message}{_HELP}")
    return 2


COMMANDS: Mapping[str, Command] = {"dpkg-trigger": dpkg_trigger}
"""This family's commands by name."""
