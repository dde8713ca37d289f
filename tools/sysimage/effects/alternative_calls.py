"""What update-alternatives(1) is called with: its arguments, their checks, its actions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sysimage.effects.alternative_groups import Choice, Database, Disk, Failure, Group, number
from tools.sysimage.effects.root import Root
from tools.sysimage.effects.update_alternatives import Alternatives, Say

# The actions and how many words each takes.
_ACTIONS = {
    "install": 4,
    "remove": 2,
    "set": 2,
    "display": 1,
    "query": 1,
    "auto": 1,
    "config": 1,
    "list": 1,
    "remove-all": 1,
    "all": 0,
    "get-selections": 0,
    "set-selections": 0,
}
_WORDS = {1: "<name>", 2: "<name> <path>", 4: "<link> <name> <path> <priority>"}
_MANAGED = ("set", "auto", "config", "remove", "remove-all", "install")  # that change one group
_FOLDER = "/etc/alternatives"
_VERSION = """update-alternatives version {}.

This is free software; see the GNU General Public License version 2 or
later for copying conditions. There is NO warranty.
"""


class BadUsage(Exception):
    """A call that update-alternatives has no meaning for, as it says it."""


class AskedError(Exception):
    """A call that would ask somebody at a terminal."""


@dataclass(slots=True)
class _Call:
    action: str = ""
    words: Sequence[str] = ()
    slaves: list[tuple[str, str, str]] = field(default_factory=list)
    instdir: str = ""
    folder: str = _FOLDER
    admin: str = ""
    verbosity: int = 0
    force: bool = False
    skip_auto: bool = False
    version: bool = False


def call(
    root: Root,
    who: str,
    argv: Sequence[str],
    *,
    say: Say,
    stdin: Callable[[], bytes] = bytes,
    environment: Mapping[str, str] | None = None,
    version: str = "",
) -> int:
    """Does what `update-alternatives ARGV` does. Returns its status.

    `who` is what new links say of where they come from. Raises BadUsage for a call that has no meaning, and
    AskedError for one that waits for an answer. Both are status 2 for the real program.
    """
    variables = environment or {}
    given = _Call(instdir=variables.get("DPKG_ROOT", ""))
    given.admin = variables.get("DPKG_ADMINDIR", f"{given.instdir}/var/lib/dpkg") + "/alternatives"
    try:
        _read(given, argv)
        if given.version:
            say(1, _VERSION.format(version).removesuffix("\n"))
            return 0
        work = Alternatives(
            Disk(root, who, given.instdir),
            Database(root, given.admin),
            given.folder,
            say,
            given.verbosity,
            given.force,
        )
        if given.verbosity >= 2:
            say(2, f"DEBUG: root={given.instdir} admdir={given.admin} altdir={given.folder}")
        _act(work, given, stdin)
    except Failure as error:
        say(2, f"update-alternatives: error: {error}")
        return 2
    return 0


def _read(given: _Call, argv: Sequence[str]) -> None:
    rest = list(reversed(argv))
    while rest:
        word = rest.pop()
        name = word[2:]
        if not word.startswith("--"):
            raise Failure(f"unknown argument '{word}'")
        if name in _ACTIONS:
            if given.action:
                raise BadUsage(f"two commands specified: --{given.action} and --{name}")
            given.action = name
            needed = _ACTIONS[name]
            given.words = _words(rest, needed, f"{word} needs {_WORDS.get(needed, '')}")
            _check_action(given)
        elif name == "slave":
            _read_slave(given, rest)
        elif name in ("quiet", "verbose", "debug"):
            given.verbosity = {"quiet": -1, "verbose": 1, "debug": 2}[name]
        elif name in ("altdir", "admindir", "instdir", "root", "log"):
            what = "file" if name == "log" else "directory"
            _read_folder(given, name, _words(rest, 1, f"{word} needs a <{what}> argument")[0])
        elif name == "force":
            given.force = True
        elif name == "skip-auto":
            given.skip_auto = True
        elif name == "version":
            given.version = True
            return
        else:
            raise BadUsage(f"unknown option '{word}'")
    if not given.action:
        raise BadUsage(
            "need --display, --query, --list, --get-selections, --config, --set, --set-selections, --install,"
            " --remove, --all, --remove-all or --auto"
        )


def _words(rest: list[str], count: int, message: str) -> list[str]:
    if len(rest) < count:
        raise BadUsage(message)
    return [rest.pop() for _ in range(count)]


def _read_folder(given: _Call, name: str, value: str) -> None:
    if name == "admindir":
        given.admin = value
    elif name == "root":
        given.instdir, given.folder = value, _FOLDER
        given.admin = f"{value}/var/lib/dpkg/alternatives"
    elif name == "altdir":
        given.folder = value.removeprefix(given.instdir)
    elif name == "instdir":
        given.instdir = value
        given.folder = given.folder.removeprefix(value)


def _check_action(given: _Call) -> None:
    words = given.words
    if given.action == "install":
        link, _, path, priority = words
        if link == path:
            raise BadUsage(f"<link> '{link}' is the same as <path>")
        value, wrong = number(priority)
        if value is None:
            is_wrong = "is out of range" if wrong == "range" else "must be an integer"
            raise BadUsage(f"priority '{priority}' {is_wrong}")
    elif words:
        _check_name(words[0])
        if len(words) == 2:
            _check_path(words[1])


def _read_slave(given: _Call, rest: list[str]) -> None:
    if given.action != "install":
        raise BadUsage("--slave only allowed with --install")
    link, name, path = _words(rest, 3, "--slave needs <link> <name> <path>")
    if link == path:
        raise BadUsage(f"<link> '{link}' is the same as <path>")
    if name == given.words[1]:
        raise BadUsage(f"<name> '{name}' is both primary and slave")
    if link == given.words[0]:
        raise BadUsage(f"<link> '{link}' is both primary and slave")
    if any(name == other for _, other, _ in given.slaves):
        raise BadUsage(f"duplicate slave <name> '{name}'")
    if any(link == other for other, _, _ in given.slaves):
        raise BadUsage(f"duplicate slave <link> '{link}'")
    given.slaves.append((link, name, path))


def _check_name(name: str) -> None:
    if any(character in name for character in "/ \t"):
        raise Failure(f"alternative name ({name}) must not contain '/' and spaces")


def _check_link(link: str) -> None:
    if not link.startswith("/"):
        raise Failure(f"alternative link is not absolute as it should be: {link}")


def _check_path(path: str) -> None:
    if not path.startswith("/"):
        raise Failure(f"alternative path is not absolute as it should be: {path}")


def _act(work: Alternatives, given: _Call, stdin: Callable[[], bytes]) -> None:
    action, words = given.action, given.words
    if action == "get-selections":
        for group in work.all():
            work.say(1, f"{group.name:<30} {group.status:<8} {work.current(group.name) or ''}")
        return
    if action == "set-selections":
        _set_selections(work, stdin())
        return
    if action == "all":
        for group in work.all():
            work.select_mode(group)
            _config(work, group, given)
            work.update(group, None)
        return
    if action == "install":
        _install(work, given)
        return
    name = words[0]
    found = work.load(name)
    if found is None:
        if action != "remove":
            raise Failure(f"no alternatives for {name}")
        work.verbose(f"no alternatives for {name}")
        return
    if action in _MANAGED:
        work.select_mode(found)
        work.update(found, _wanted(work, found, given))
    else:
        {"display": _display, "query": _query, "list": _list}[action](work, found)


def _wanted(work: Alternatives, group: Group, given: _Call) -> str | None:
    """Does the action, and returns the choice that it wants."""
    match given.action:
        case "set":
            return work.set_manual(group, given.words[1])
        case "auto":
            return work.set_auto(group)
        case "remove":
            return work.remove(group, given.words[1])
        case "remove-all":
            group.modified |= bool(group.choices)
            group.choices.clear()
        case _:
            _config(work, group, given)
    return None


def _install(work: Alternatives, given: _Call) -> None:
    link, name, path, priority = given.words
    choice = Choice(path, number(priority)[0] or 0, {slave: file for _, slave, file in given.slaves})
    new = Group(name, link, "auto", {slave: link for link, slave, _ in given.slaves}, modified=True)
    _check_install(work, new, choice)
    found = work.load(name)
    # What it says of the mode is the same where there is no group yet.
    work.select_mode(found or Group(name))
    work.update(*work.install(found, new, choice))


def _check_install(work: Alternatives, new: Group, choice: Choice) -> None:
    """No name and no link belongs to two groups."""
    _check_name(new.name)
    _check_link(new.link)
    _check_path(choice.path)
    links: dict[str, Group] = {}
    parents: dict[str, Group] = {}
    for group in work.all():
        links.setdefault(group.link, group)
        parents.setdefault(group.name, group)
        for name, link in group.slaves.items():
            links.setdefault(link, group)
            parents.setdefault(name, group)
    found = parents.get(new.name)
    if found and found.name != new.name:
        raise Failure(f"alternative {new.name} can't be master: it is a slave of {found.name}")
    found = links.get(new.link)
    if found and found.name != new.name:
        raise Failure(f"alternative link {new.link} is already managed by {parents[found.name].name}")
    if work.disk.missing(choice.path):
        raise Failure(f"alternative path {work.disk.instdir}{choice.path} doesn't exist")
    for name, link in new.slaves.items():
        _check_name(name)
        _check_link(link)
        _check_path(choice.slaves[name])
        found = parents.get(name)
        if found and found.name != new.name:
            what = "it is a master alternative" if found.name == name else f"it is a slave of {found.name}"
            raise Failure(f"alternative {name} can't be slave of {new.name}: {what}")
        found = links.get(link)
        if found and found.name != new.name:
            raise Failure(f"alternative link {link} is already managed by {found.name}")
        other = next((o for o, at in found.slaves.items() if at == link), name) if found else name
        if found and other != name:
            raise Failure(f"alternative link {link} is already managed by {other} (slave of {found.name})")


def _config(work: Alternatives, group: Group, given: _Call) -> None:
    if not group.choices:
        work.say(1, f"There is no program which provides {group.name}.\nNothing to configure.")
    elif given.skip_auto and group.status == "auto":
        _display(work, group)
    else:
        raise AskedError


def _set_selections(work: Alternatives, text: bytes) -> None:
    groups = {group.name: group for group in work.all()}
    rest = text.decode("utf-8", "surrogateescape")
    while rest:
        line, end, rest = rest.partition("\n")
        if not end or len(line) > 1022:
            raise Failure("line too long or not terminated while trying to read <standard input>")
        words = line.replace("\t", " ").split(" ", 1)
        name, others = words[0], words[1].lstrip(" \t") if len(words) == 2 else ""
        status = others.replace("\t", " ").split(" ", 1)[0]
        choice = others[len(status) :].lstrip(" \t")
        if not choice:
            # What has been read of it is cut into words.
            shown = line if len(words) == 1 else name
            work.info(f"skip invalid selection line: {shown}")
            continue
        group = groups.get(name)
        if group is None:
            work.info(f"skip unknown alternative {name}")
            continue
        if status == "auto":
            work.info(f"selecting alternative {name} as auto")
            wanted = work.set_auto(group)
        elif choice in group.choices:
            work.info(f"selecting alternative {name} as choice {choice}")
            wanted = work.set_manual(group, choice)
        else:
            work.info(f"alternative {name} unchanged because choice {choice} is not available")
            wanted = None
        if wanted:
            work.select_mode(group)
            work.update(group, wanted)


def _query(work: Alternatives, group: Group) -> None:
    lines = [f"Name: {group.name}", f"Link: {group.link}"]
    if group.slaves:
        lines += ["Slaves:", *(f" {name} {link}" for name, link in group.slaves.items())]
    lines.append(f"Status: {group.status}")
    work.say(1, "\n".join(lines))
    lines.clear()
    best = work.best(group)
    if best:
        lines.append(f"Best: {best.path}")
    lines.append(f"Value: {work.current(group.name) or 'none'}")
    for choice in group.choices.values():
        lines += ["", f"Alternative: {choice.path}", f"Priority: {choice.priority}"]
        if group.slaves:
            files = ((name, choice.slaves.get(name)) for name in group.slaves)
            lines += ["Slaves:", *(f" {name} {path}" for name, path in files if path)]
    work.say(1, "\n".join(lines))


def _display(work: Alternatives, group: Group) -> None:
    work.say(1, f"{group.name} - {group.status} mode")
    best, current = work.best(group), work.current(group.name)
    lines = [
        f"  link best version is {best.path}" if best else "  link best version not available",
        f"  link currently points to {current}" if current else "  link currently absent",
        f"  link {group.name} is {group.link}",
        *(f"  slave {name} is {link}" for name, link in group.slaves.items()),
    ]
    for choice in group.choices.values():
        lines.append(f"{choice.path} - priority {choice.priority}")
        files = ((name, choice.slaves.get(name)) for name in group.slaves)
        lines += [f"  slave {name}: {path}" for name, path in files if path]
    work.say(1, "\n".join(lines))


def _list(work: Alternatives, group: Group) -> None:
    for choice in group.choices.values():
        work.say(1, choice.path)
