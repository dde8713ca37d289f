"""Enabling, disabling, masking and presetting units in a root filesystem, as systemctl(1) does."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import Kind
from tools.sysimage.systemd import unit_names
from tools.sysimage.systemd.install import (
    BeyondError,
    Context,
    DanglingError,
    InvalidUnitError,
    Mode,
    NotThereError,
    Unit,
)
from tools.sysimage.systemd.install_links import Done, Links, apply
from tools.sysimage.systemd.unit_names import Sort, sort_of


class MaskedError(Exception):
    """A unit that is masked, with its path."""


def resolve(files: Files, name: str, scope: str = "system", *, load: bool = True) -> Unit:
    """Finds a unit, by its other names, too; it may be masked.

    Raises NotThereError, InvalidUnitError, BeyondError.
    """
    context = Context(files, scope)
    try:
        return context.traverse(context.add(name), load=load)
    except DanglingError as error:
        raise NotThereError(name) from error


def follow(files: Files, name: str, scope: str = "system", *, load: bool = True) -> Unit:
    """As `resolve`; raises MaskedError, too."""
    unit = resolve(files, name, scope, load=load)
    if unit.masked:
        raise MaskedError(unit.path)
    return unit


def enable(
    files: Files, who: str, names: Sequence[str], scope: str = "system", *, force: bool = False
) -> Done:
    """Makes the links of units and of those that they name in Also=.

    Raises NotThereError, MaskedError and InvalidUnitError, before anything is changed, and BeyondError.
    """
    context = Context(files, scope)
    for name in names:
        _discover(context, name)
    return carry_out(context, who, force=force)


def reenable(
    files: Files, who: str, names: Sequence[str], scope: str = "system", *, force: bool = False
) -> Done:
    """Disables units, then enables the files that they are; drop-ins of those are not read.

    Raises as `enable` does, when they are disabled already.
    """
    paths = dict[str, str]()
    for name in names:
        try:
            if sort_of(name) is not Sort.INSTANCE:
                paths[name] = resolve(files, name, scope).path
        except NotThereError, InvalidUnitError:
            continue
    done = disable(files, names, scope)
    if done.failed:
        return done
    context = Context(files, scope)
    for name in names:
        path = paths.get(name, "")
        _discover(context, posixpath.basename(path) or name, path)
    made = carry_out(context, who, force=force)
    return Done([*done.messages, *made.messages], made.failed, made.carries)


def _discover(context: Context, name: str, path: str = "") -> Unit:
    try:
        unit = context.traverse(context.add(name, path))
    except DanglingError as error:
        raise NotThereError(f"{name}, a link to which is there,") from error
    if unit.masked:
        raise MaskedError(unit.path)
    return unit


def carry_out(context: Context, who: str, *, force: bool, preset: bool = False) -> Done:
    """Makes the links of all units of a context."""
    done = Done(carries=False)
    while context.todo:
        name, unit = next(iter(context.todo.items()))
        context.done[name] = context.todo.pop(name)
        try:
            # What the caller named was followed before; a link of an Also= unit is refused.
            context.traverse(unit, follow_config=False)
        except (NotThereError, DanglingError, InvalidUnitError) as error:
            if unit.auxiliary:
                done.messages.append(f"Failed to enable auxiliary unit {name}, ignoring.")
                continue
            done.fail(f"Failed to enable unit: {error}")
            return done
        if unit.masked:
            done.messages.append(f"Unit /{unit.path} is masked, ignoring.")
            done.carries = True
        elif unit.mode is Mode.REGULAR:
            apply(Links(context, who, done, force=force, preset=preset), unit)
    return done


def disable(files: Files, names: Sequence[str], scope: str = "system") -> Done:
    """Removes all links to units and to those that they name in Also=, and links of their names.

    Raises InvalidUnitError, before anything is changed, and BeyondError. A unit that is not there is said,
    and links of its name are removed.
    """
    context = Context(files, scope)
    done = Done(carries=False)
    for name in names:
        unit = context.add(name)
        try:
            context.traverse(unit)
        except NotThereError:
            pass  # said below
        except DanglingError as error:
            raise InvalidUnitError(f"{name} is a link to {error}, which is not there") from error
        done.carries = done.carries or unit.has_rules or bool(unit.also)
    take_away(context, done)
    return done


def take_away(context: Context, done: Done) -> None:
    """Removes the links to all units of a context."""
    gone = set[str]()
    while context.todo:
        name, unit = next(iter(context.todo.items()))
        context.done[name] = context.todo.pop(name)
        try:
            context.traverse(unit)
        except NotThereError:
            if not unit.auxiliary:
                done.messages.append(f"Failed to disable unit: Unit {name} does not exist")
        except DanglingError:
            done.messages.append(f"Unit {name} is a link that leads nowhere")
        except InvalidUnitError as error:
            done.messages.append(f"Failed to disable unit: {error}")
        else:
            if unit.masked:
                done.messages.append(f"Unit /{unit.path} is masked, ignoring.")
                continue
            if unit.mode is not Mode.REGULAR:
                continue
        gone.add(name)
    if gone:
        done.messages += _remove(context.files, gone, context.scope, done)


def _remove(files: Files, gone: set[str], scope: str, done: Done) -> Iterator[str]:
    config = f"etc/systemd/{scope}"
    top = files.tree.resolve(config)
    again = True
    while again:
        again = False
        for path in list(files.tree.below(top)):
            inode = files.tree.get(path)
            name = path.rpartition("/")[2]
            if inode is None or inode.kind is not Kind.SYMLINK or sort_of(name) is None:
                continue
            known = {name, unit_names.template_of(name)}
            try:
                real = files.tree.resolve(path)
                known |= {f"/{real}", real.rpartition("/")[2]}
            except ToolError as error:
                if not gone & known:
                    done.fail(f"Failed to resolve '/{path}': {error}")
            if not gone & known:
                continue
            files.tree.remove(path)
            yield f"Removed '/{path}'."
            again = again or f"/{path}" not in gone
            gone.add(f"/{path}")
            above = path.rpartition("/")[0]
            while above not in (top, "") and not files.tree.children(above):
                files.tree.remove(above)
                above = above.rpartition("/")[0]


def preset(
    files: Files,
    who: str,
    names: Sequence[str],
    wishes: Mapping[str, tuple[str, Sequence[str]]],
    scope: str = "system",
    *,
    mode: str = "full",
    force: bool = False,
) -> Done:
    """Enables and disables units by what presets say of them: "enable" (and instances), "disable", "ignore".

    Raises as `enable` does.
    """
    plus, minus = Context(files, scope), Context(files, scope)
    for name in names:
        if any(name in known for known in (plus.todo, plus.done, minus.todo, minus.done)):
            continue
        if resolve(files, name, scope, load=False).name != name:
            continue  # another name of a unit: that one is preset
        wish, instances = wishes[name]
        if wish == "enable":
            for one in [unit_names.with_instance(name, each) for each in instances] or [name]:
                _discover(plus, one)
        elif wish == "disable":
            minus.traverse(minus.add(name), load=False)
    done = Done()
    if mode != "enable-only":
        # What was not read before is not read now: its Also= is not followed.
        take_away(minus, done)
    if mode != "disable-only":
        more = carry_out(plus, who, force=force, preset=True)
        done = Done([*done.messages, *more.messages], done.failed or more.failed)
    return done


def set_default(files: Files, who: str, name: str) -> Done:
    """Makes the link default.target, in place of another one.

    Raises NotThereError, MaskedError, InvalidUnitError.
    """
    if not name.endswith(".target") or sort_of(name) is None or name == "default.target":
        raise InvalidUnitError(f"{name!r} can't be the default target")
    context = Context(files)
    try:
        unit = context.traverse(context.add(name), load=False, follow_config=False)
    except DanglingError as error:
        raise NotThereError(name) from error
    if unit.masked:
        raise MaskedError(unit.path)
    done = Done()
    links = Links(context, who, done, force=True, preset=False)
    links.make(f"{links.config}/default.target", unit.path, force=True)
    # One that is a link to a file elsewhere counts as that file.
    own = files.tree.get(unit.path)
    above, _, last = unit.path.rpartition("/")
    linked = own is None or own.kind is Kind.SYMLINK or last != unit.name or above not in context.folders()
    if sort_of(unit.name) is not Sort.PLAIN and not linked:
        done.fail(f"Failed to get default target: {unit.name} is no single unit")
    return done


def mask(files: Files, who: str, names: Sequence[str], scope: str = "system", *, force: bool = False) -> Done:
    """Makes links to /dev/null; a file of the same name is an error, a link unless `force` is given."""
    done = Done()
    context = Context(files, scope)
    links = Links(context, who, done, force=force, preset=False)
    for name in names:
        if sort_of(name) is None:
            done.fail(f"{name!r} is no name of a unit")
            continue
        failed = len(done.messages)
        links.make(f"{links.config}/{name}", "dev/null", force=force)
        done.messages[failed:] = [text.replace("enable", "mask", 1) for text in done.messages[failed:]]
    return done


def unmask(files: Files, names: Sequence[str], scope: str = "system") -> Done:
    """Removes links to /dev/null and empty files. Raises InvalidUnitError, before anything is changed."""
    done = Done()
    masks: list[str] = []
    config = files.tree.resolve(f"etc/systemd/{scope}")
    for name in dict.fromkeys(names):
        if sort_of(name) is None:
            raise InvalidUnitError(f"{name!r} is no name of a unit")
        path = f"{config}/{name}"
        if path not in files.tree:
            continue
        try:
            real = files.tree.resolve(path)
        except ToolError as error:
            raise InvalidUnitError(f"/{path} leads to itself") from error
        inode = files.tree.get(real)
        empty = inode is not None and (
            inode.kind is Kind.CHARACTER or (inode.kind is Kind.FILE and not inode.content.size)
        )
        if empty or real == "dev/null":
            masks.append(path)
    for path in masks:
        files.tree.remove(path)
        done.messages.append(f"Removed '/{path}'.")
    if masks:
        # systemctl looks for links to what it removed, finds none, and fails at loops of links.
        done.messages += _remove(files, set(), scope, done)
    return done


__all__ = [
    "BeyondError",
    "DanglingError",
    "Done",
    "InvalidUnitError",
    "MaskedError",
    "NotThereError",
    "carry_out",
    "disable",
    "enable",
    "follow",
    "mask",
    "preset",
    "reenable",
    "resolve",
    "set_default",
    "take_away",
    "unmask",
]
