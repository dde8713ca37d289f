"""What attributes and effects do to units: what `systemctl --root` does, and an error for what it refuses.

An instance of systemd is "system", or "user" for the units that every user's own one has.
"""

from tools.sysimage.core.content import ServicesInput
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.nearest import nearest
from tools.sysimage.core.tree import Kind
from tools.sysimage.systemd import enablement
from tools.sysimage.systemd.enablement import BeyondError, Done, InvalidUnitError, MaskedError, NotThereError
from tools.sysimage.systemd.install import Context
from tools.sysimage.systemd.unit_names import full_name, instance_of, template_of

CONFIG = "etc/systemd/system"
# Attributes that say the contrary of each other. What is masked may be disabled, too.
_CONTRARY = (("enable", "disable"), ("enable", "mask"), ("mask", "unmask"))


def _require(files: Files, names: list[str], who: str, scope: str = "system") -> list[str]:
    """The whole names of units. Raises ToolError for one that is not there, with those near it."""
    wholes = [full_name(name) for name in names]
    folders = Context(files, scope).folders()
    for name in wholes:
        candidates = (name, template_of(name)) if instance_of(name) else (name,)
        if any(f"{folder}/{candidate}" in files.tree for folder in folders for candidate in candidates):
            continue
        known = sorted({unit for folder in folders for unit in files.names(folder) if "." in unit})
        raise ToolError(f"{who}: there is no unit {name} in the image{nearest(name, known)}")
    return wholes


def enable(
    files: Files, who: str, *, names: list[str], strict: bool = False, instance: str = "system"
) -> None:
    """`systemctl enable`. With `strict`, a masked unit or one without [Install] is an error."""
    todo: list[str] = []
    for name in _require(files, names, who, instance):
        try:
            unit = enablement.resolve(files, name, instance)
        except (NotThereError, InvalidUnitError, BeyondError) as error:
            raise _refused(who, "enable", name, error) from error
        if unit.masked and strict:
            raise ToolError(f"{who}: the unit {name} is masked; name it in unmask, too, or leave it out")
        if strict and not (unit.has_rules or unit.also or unit.instance):
            raise ToolError(
                f"{who}: the unit {name} has no [Install] section, so that it can't be enabled; "
                "it is started by another unit, or add a section"
            )
        if not unit.masked:
            todo.append(name)
    if todo:
        try:
            done = enablement.enable(files, who, todo, instance)
        except (NotThereError, MaskedError, InvalidUnitError, BeyondError) as error:
            raise _refused(who, "enable", ", ".join(todo), error) from error
        _check(done, who, "mend the unit, or take it out of enable")


def _refused(who: str, verb: str, name: str, error: Exception) -> ToolError:
    reason = str(error)
    if isinstance(error, NotThereError):
        reason = f"{error} is not there"
    elif isinstance(error, MaskedError):
        reason = f"/{error} is masked"
    return ToolError(f"{who}: systemctl {verb} {name} is refused: {reason}; mend the unit, or leave it out")


def _check(done: Done, who: str, remedy: str) -> None:
    if done.failed:
        failed = next(text for text in done.messages if not text.startswith(("Created ", "Removed ")))
        raise ToolError(f"{who}: {failed.rstrip('.')}; {remedy}")


def disable(files: Files, who: str, *, names: list[str]) -> None:
    """`systemctl disable`: removes all links below /etc/systemd/system to the unit and its Also= units."""
    wholes = _require(files, names, who)
    if not wholes:
        return
    try:
        done = enablement.disable(files, wholes)
    except (NotThereError, InvalidUnitError, BeyondError) as error:
        raise _refused(who, "disable", ", ".join(wholes), error) from error
    _check(done, who, "mend the unit, or take it out of disable")


def mask(files: Files, who: str, *, names: list[str]) -> None:
    """`systemctl mask`: a link to /dev/null; a file or another link of the same name is an error."""
    wholes = _require(files, names, who)
    for name in wholes:
        inode = files.tree.get(f"{files.tree.resolve(CONFIG)}/{name}")
        if inode is not None and inode.kind is not Kind.SYMLINK:
            raise ToolError(
                f"{who}: /{CONFIG}/{name} is a file, which mask would replace; leave the file out"
            )
        _check(enablement.mask(files, who, [name]), who, _instead(files, name))


def _instead(files: Files, name: str) -> str:
    try:
        unit = enablement.resolve(files, name, load=False)
    except NotThereError, InvalidUnitError, BeyondError:
        return "remove the link"
    return f"mask {unit.name}, of which it is another name" if unit.name != name else "remove the link"


def unmask(files: Files, who: str, *, names: list[str]) -> None:
    """`systemctl unmask`: removes the link to /dev/null. A unit that is not there is an error."""
    config = files.tree.resolve(CONFIG)
    masked = [name for name in map(full_name, names) if f"{config}/{name}" in files.tree]
    _require(files, [name for name in names if full_name(name) not in masked], who)
    try:
        done = enablement.unmask(files, masked)
    except InvalidUnitError as error:
        raise _refused(who, "unmask", ", ".join(masked), error) from error
    _check(done, who, "mend the unit, or take it out of unmask")


def set_states(files: Files, states: ServicesInput, where: str = "") -> None:
    """Does what a target's attributes say of units; `where` heads the messages, before the attribute.

    Raises ToolError for a unit of which the contrary is said, too, and as the functions above do.
    """
    names = {
        attribute: list(getattr(states, attribute)) for attribute in ("unmask", "disable", "enable", "mask")
    }
    said: dict[str, dict[str, str]] = {
        attribute: {_real_name(files, name): name for name in given} for attribute, given in names.items()
    }
    for one, other in _CONTRARY:
        for unit in said[one].keys() & said[other].keys():
            first, second = said[one][unit], said[other][unit]
            also = f" as {second}" if second != first else ""
            raise ToolError(f"{where}{one}: {first} is also in {other}{also}; keep one of them")
    unmask(files, f"{where}unmask", names=names["unmask"])
    disable(files, f"{where}disable", names=names["disable"])
    enable(files, f"{where}enable", names=names["enable"], strict=True)
    mask(files, f"{where}mask", names=names["mask"])


def _real_name(files: Files, name: str) -> str:
    """The name that a unit has in its own file, of which `name` may be another one."""
    whole = full_name(name)
    try:
        return enablement.resolve(files, whole, load=False).name
    except NotThereError, InvalidUnitError, BeyondError:
        return whole


def set_default(files: Files, who: str, *, target: str) -> None:
    """`systemctl set-default`."""
    _require(files, [target], who)
    if not target.endswith(".target"):
        raise ToolError(f"{who}: {target} is no target unit; name one that ends in .target")
    try:
        done = enablement.set_default(files, who, target)
    except (NotThereError, MaskedError, InvalidUnitError, BeyondError) as error:
        raise _refused(who, "set-default", target, error) from error
    _check(done, who, "name another target")
