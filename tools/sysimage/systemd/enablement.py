"""Enabling, disabling, masking and presetting units in a root filesystem, as systemctl(1) does."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import Kind
from tools.sysimage.systemd import install, unit_names
from tools.sysimage.systemd.install import (
    BeyondError,
    Context,
    DanglingError,
    InvalidUnitError,
    Mode,
    NotThereError,
    Unit,
)
from tools.sysimage.systemd.unit_names import Sort, sort_of

# Where systemd of before 255 has its own units; the folder is the same one if / is merged into /usr.
_SPLIT, _MERGED = "lib/systemd/system", "usr/lib/systemd/system"
_SHIPPED = "var/lib/dpkg/info/systemd.list"


class MaskedError(Exception):
    """A unit that is masked, with its path."""


@dataclass(slots=True)
class Done:
    """What came of a call: lines for descriptor 2, whether all went well, whether [Install] said anything."""

    messages: list[str] = field(default_factory=list)
    failed: bool = False
    carries: bool = True

    def fail(self, message: str) -> None:
        """Notes what went wrong."""
        self.failed = True
        self.messages.append(message)


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
            context.traverse(unit)
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
            _apply(_Links(context, who, done, force=force, preset=preset), unit)
    return done


@dataclass(frozen=True, slots=True)
class _Links:
    context: Context
    who: str
    done: Done
    force: bool
    preset: bool

    @property
    def config(self) -> str:
        return f"etc/systemd/{self.context.scope}"

    def make(self, path: str, target: str, *, force: bool) -> bool:
        """Makes a link unless an equivalent one is there; another one gives way to force alone."""
        files = self.context.files
        if posixpath.dirname(target) == _MERGED:
            target = f"{_own_folder(files)}/{posixpath.basename(target)}"
        above, _, name = path.rpartition("/")
        try:
            real = f"{files.tree.resolve(above)}/{name}"
            nearest = files.tree.nearest(real)
        except ToolError as error:
            self.done.fail(f"Failed to enable unit: {error}")
            return False
        if files.tree[nearest].kind is not Kind.DIRECTORY:
            self.done.fail(f"Failed to enable unit: File '/{nearest}' is no directory.")
            return False
        inode = files.tree.get(real)
        if inode is not None and inode.kind is not Kind.SYMLINK:
            self.done.fail(f"Failed to enable unit: File '/{path}' already exists.")
            return False
        if inode is not None and _equivalent(self.context, path, inode.target, target):
            return True
        if inode is not None and not force:
            self.done.fail(
                f"Failed to enable unit: File '/{path}' already exists and is a symlink to {inode.target}."
            )
            return False
        if inode is not None:
            self.done.messages.append(f"Removed '/{path}'.")
        files.link(path, f"/{target}", self.who, replace=True)
        self.done.messages.append(f"Created symlink '/{path}' → '/{target}'.")
        return True


def _own_folder(files: Files) -> str:
    """The folder in which systemd looks for its own units: that in which it ships them."""
    return _SPLIT if f"/{_SPLIT}" in files.text(_SHIPPED).split("\n") else _MERGED


def _equivalent(context: Context, path: str, first: str, second: str) -> bool:
    """Whether a link to `first` says the same as one to the path `second`."""
    tree = context.files.tree
    whole = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), first)).strip("/")
    if whole == second:
        return True
    try:
        real = tree.resolve(whole)
        if real in tree and real == tree.resolve(second):
            return True
    except ToolError:
        return False
    inside = [any(one.startswith(f"{folder}/") for folder in context.folders()) for one in (whole, second)]
    return all(inside) and posixpath.basename(whole) == posixpath.basename(second)


def _apply(links: _Links, unit: Unit) -> None:
    context, done = links.context, links.done
    target = unit.path
    if posixpath.dirname(unit.path) not in context.folders():
        own = f"{links.config}/{unit.name}"
        if not links.make(own, unit.path, force=links.force):
            return
        target = own
    for alias in unit.aliases:
        _alias(links, unit, alias, target)
    for key, suffix in install.WANTING.items():
        words = unit.wanting[key]
        if not words:
            continue
        name = unit.link_name
        if name != unit.name and (problem := _instance_problem(context, name)):
            done.fail(f"Failed to enable unit: {problem}")
            continue
        for word in words:
            _want(links, unit, word, suffix)


def _instance_problem(context: Context, name: str) -> str:
    found = Unit(name)
    try:
        Context(context.files, context.scope).search(found, load=False)
    except (NotThereError, InvalidUnitError) as error:
        return str(error)
    return f"Unit /{found.path} is masked" if found.masked else ""


def _alias(links: _Links, unit: Unit, alias: str, target: str) -> None:
    done = links.done
    try:
        name = install.specifiers(alias, unit)
    except InvalidUnitError as error:
        done.fail(f"Failed to enable unit: {error}")
        return
    above, _, last = name.rpartition("/")
    if above:
        problem = _folder_problem(above, last, unit.name)
    else:
        if sort_of(name) is Sort.TEMPLATE and sort_of(unit.name) is Sort.INSTANCE:
            name = unit_names.with_instance(name, unit_names.instance_of(unit.name))
        problem = unit_names.alias_problem(name, unit.name)
    if problem == "itself":
        return
    if problem:
        done.fail(f"Failed to enable unit: Cannot alias {unit.name} as {name}: it {problem}.")
        return
    path = f"{links.config}/{name}"
    tree = links.context.files.tree
    try:
        broken = tree.find(path) is None
    except ToolError as error:
        done.fail(f"Failed to enable unit: {error}")
        return
    if links.make(path, target, force=links.force or broken):
        done.carries = True


def _folder_problem(above: str, last: str, name: str) -> str:
    """What is wrong with an Alias= of the old kind, x.target.wants/name; "" if nothing is."""
    stem = next((above.removesuffix(end) for end in (".wants", ".requires") if above.endswith(end)), "")
    sort = sort_of(stem)
    if sort is None:
        return "is in no folder of a unit's wants or requirements"
    mine, target = sort_of(last), sort_of(name)
    fits = (
        (last == name and mine in (Sort.PLAIN, Sort.INSTANCE))
        or (mine is Sort.INSTANCE and target is Sort.TEMPLATE and unit_names.template_of(last) == name)
        or (sort is Sort.TEMPLATE and mine is target is Sort.TEMPLATE and last == name)
    )
    return "" if fits else "is a link of another name"


def _want(links: _Links, unit: Unit, word: str, suffix: str) -> None:
    done, name = links.done, unit.link_name
    try:
        wanting = install.specifiers(word, unit)
    except InvalidUnitError as error:
        done.fail(f"Failed to enable unit: {error}")
        return
    sort = sort_of(wanting)
    if sort is None or (sort_of(name) is Sort.TEMPLATE and sort is Sort.PLAIN):
        if not links.preset:
            what = "is no name of a unit" if sort is None else f"has no instance, as {name} has none"
            done.fail(f"Failed to enable unit: {wanting!r} {what}")
        return
    if links.make(f"{links.config}/{wanting}.{suffix}/{name}", unit.path, force=True):
        done.carries = True


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
    links = _Links(context, who, done, force=True, preset=False)
    links.make(f"{links.config}/default.target", unit.path, force=True)
    if sort_of(unit.name) is not Sort.PLAIN:
        done.fail(f"Failed to get default target: {unit.name} is no single unit")
    return done


def mask(files: Files, who: str, names: Sequence[str], scope: str = "system", *, force: bool = False) -> Done:
    """Makes links to /dev/null; a file of the same name is an error, a link unless `force` is given."""
    done = Done()
    context = Context(files, scope)
    links = _Links(context, who, done, force=force, preset=False)
    for name in names:
        if sort_of(name) is None:
            done.fail(f"{name!r} is no name of a unit")
            continue
        failed = len(done.messages)
        links.make(f"{links.config}/{name}", "dev/null", force=force)
        done.messages[failed:] = [text.replace("enable", "mask", 1) for text in done.messages[failed:]]
    return done


def unmask(files: Files, names: Sequence[str], scope: str = "system") -> Done:
    """Removes links to /dev/null and empty files, and what leads to those."""
    done = Done()
    gone = set[str]()
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
            raise InvalidUnitError(str(error)) from error
        inode = files.tree.get(real)
        empty = inode is not None and (
            inode.kind is Kind.CHARACTER or (inode.kind is Kind.FILE and not inode.content.size)
        )
        if empty or real == "dev/null":
            files.tree.remove(path)
            done.messages.append(f"Removed '/{path}'.")
            gone.add(f"/{path}")
    if gone:
        done.messages += _remove(files, gone, scope, done)
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
