"""The links that enabling a unit makes, as systemctl(1) makes them."""

import posixpath
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import Kind
from tools.sysimage.systemd import install, unit_names
from tools.sysimage.systemd.install import Context, InvalidUnitError, NotThereError, Unit
from tools.sysimage.systemd.unit_names import Sort, sort_of

# Where systemd of before 255 has its own units; the folder is the same one if / is merged into /usr.
_SPLIT, _MERGED = "lib/systemd/system", "usr/lib/systemd/system"
_SHIPPED = "var/lib/dpkg/info/systemd.list"


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


@dataclass(frozen=True, slots=True)
class Links:
    """How links are made for units of a context, and what came of it."""

    context: Context
    who: str
    done: Done
    force: bool
    preset: bool

    @property
    def config(self) -> str:
        """The folder that the links are made in."""
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
    # systemctl looks at the beginning of what is written: "../a.service" is in the link's folder to it.
    written = posixpath.join("/", posixpath.dirname(path), first).strip("/")
    inside = [any(one.startswith(f"{folder}/") for folder in context.folders()) for one in (written, second)]
    return all(inside) and posixpath.basename(whole) == posixpath.basename(second)


def apply(links: Links, unit: Unit) -> None:
    """Makes the links that [Install] of a unit names."""
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


def _alias(links: Links, unit: Unit, alias: str, target: str) -> None:
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


def _want(links: Links, unit: Unit, word: str, suffix: str) -> None:
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
