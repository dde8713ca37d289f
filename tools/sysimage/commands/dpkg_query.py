"""dpkg-query(1): what is installed, in which state, and whose a path is."""

import re
from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.commands import dpkg_format, dpkg_packages
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.dpkg_packages import DpkgError, fail, say
from tools.sysimage.commands.options import Given
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package

_NAME = "dpkg-query"  # what `dpkg -s` and its like say, too
_USAGE = "\n\nUse --help for help about querying packages."
_FORMAT = "${binary:Package}\\t${Version}\\n"
_COLUMNS = (14, 12, 12, 33)
_HEADER = """Desired=Unknown/Install/Remove/Purge/Hold
| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend
|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)
"""


def show(call: Call, arguments: Sequence[str], form: str = _FORMAT) -> int:
    """`--show`."""
    try:
        parts = dpkg_format.parse(form)
    except DpkgError as error:
        return say(call, f"{_NAME}: error in show format: {error}", 2)
    found, misses = _matching(call, arguments)
    try:
        # dpkg says what it misses before the rest is written.
        text = "".join(dpkg_format.show(parts, call.world, package) for package in found)
    except dpkg_format.UnmodelledError as error:
        call.refuse(f"{_NAME}: the field {error} has no answer here")
    call.out(text)
    return misses


def _matching(call: Call, arguments: Sequence[str]) -> tuple[list[Package], int]:
    """The packages that fit any of the patterns, and 1 if one fits none."""
    if not arguments:
        return dpkg_packages.installed(call.world), 0
    names: set[str] = set()
    misses = 0
    for argument in arguments:
        found = {package.name for package in dpkg_packages.match(call.world, argument)}
        names |= found
        if not found:
            misses = say(call, f"{_NAME}: no packages found matching {argument}", 1)
    return [package for package in dpkg_packages.installed(call.world) if package.name in names], misses


def list_packages(call: Call, arguments: Sequence[str]) -> int:
    """`--list`, as it is where the output is no terminal: each column as wide as its widest value."""
    found, misses = _matching(call, arguments)
    rows = [
        (
            dpkg_packages.abbreviation(call.world, package),
            dpkg_packages.shown(package),
            package.version,
            package.architecture,
            dpkg_packages.synopsis(call.world, package) or "(no description available)",
        )
        for package in found
    ]
    if not rows:
        return misses
    widths = [max(width, *(len(row[at]) for row in rows)) for at, width in enumerate(_COLUMNS, 1)]
    rows.insert(0, ("||/", "Name", "Version", "Architecture", "Description"))
    lines = [
        f"{row[0]} " + " ".join(value.ljust(width) for value, width in zip(row[1:4], widths, strict=False))
        for row in rows
    ]
    text = [f"{line} {row[4]}\n" for line, row in zip(lines, rows, strict=True)]
    text.insert(1, "+++-" + "-".join("=" * width for width in widths) + "\n")
    call.out(_HEADER + "".join(text))
    return misses


def status(call: Call, arguments: Sequence[str]) -> int:
    """`--status`."""
    if not arguments:
        for package in dpkg_packages.installed(call.world):
            call.out(dpkg_packages.stanza(call.world, package) + "\n")
        return 0
    misses = 0
    for index, argument in enumerate(arguments):
        found = _found(call, argument, "status")
        if found is None:
            name = dpkg_packages.shown_specifier(call.world, argument)
            misses = say(
                call, f"{_NAME}: package '{name}' is not installed and no information is available", 1
            )
        else:
            call.out(dpkg_packages.stanza(call.world, found))
        if index < len(arguments) - 1:
            call.out("\n")
    if misses:
        say(call, "Use dpkg --info (= dpkg-deb --info) to examine archive files.")
    return misses


def _found(call: Call, argument: str, action: str) -> Package | None:
    try:
        return dpkg_packages.find(call.world, argument)
    except DpkgError as error:
        raise DpkgError(
            f"--{action} needs a valid package name but '{argument}' is not: {error}{_USAGE}"
        ) from None


def list_files(call: Call, arguments: Sequence[str]) -> int:
    """`--listfiles`, with where a path is diverted to."""
    if not arguments:
        raise DpkgError(f"--listfiles needs at least one package name argument{_USAGE}")
    misses = 0
    for index, argument in enumerate(arguments):
        package = _found(call, argument, "listfiles")
        if package is None:
            name = dpkg_packages.shown_specifier(call.world, argument)
            misses = say(call, f"{_NAME}: package '{name}' is not installed", 1)
        else:
            _list_files(call, package)
        if index < len(arguments) - 1:
            call.out("\n")
    if misses:
        say(call, "Use dpkg --contents (= dpkg-deb --contents) to list archive files contents.")
    return misses


def _list_files(call: Call, package: Package) -> None:
    lines = []
    for path in dpkg_packages.paths(call.world, package):
        lines.append(path)
        diversion = dpkg_packages.diversion_from(call.world, path)
        if diversion is None:
            continue
        if diversion.package == ":":
            what = "locally diverted"
        elif diversion.package == package.name:
            what = "package diverts others"
        else:
            what = f"diverted by {diversion.package}"
        lines.append(f"{what} to: /{diversion.target}")
    name = dpkg_packages.shown(package)
    call.out("".join(f"{line}\n" for line in lines or [f"Package '{name}' does not contain any files (!)"]))


def search(call: Call, arguments: Sequence[str]) -> int:
    """`--search`."""
    if not arguments:
        raise DpkgError(f"--search needs at least one file name pattern argument{_USAGE}")
    misses = 0
    owners = dpkg_packages.owners(call.world)
    for given in arguments:
        argument = given if given[:1] in ("*", "[", "?", "/") and given else f"*{given}*"
        if not any(character in argument for character in "*[?\\"):
            path = re.sub(r"(/\.?)+$", "", argument)
            found = _owned(call, path, owners.get(path or "/.", []))
        else:
            pattern = dpkg_packages.glob(argument)
            found = "".join(_owned(call, path, who) for path, who in owners.items() if pattern.match(path))
        if found:
            call.out(found)
        else:
            misses = say(call, f"{_NAME}: no path found matching pattern {argument}", 1)
    return misses


def _owned(call: Call, path: str, who: Sequence[Package]) -> str:
    text = ""
    diversion = dpkg_packages.diversion_from(call.world, path) or dpkg_packages.diversion_to(call.world, path)
    if diversion is not None:
        what = "local diversion" if diversion.package == ":" else f"diversion by {diversion.package}"
        text = f"{what} from: /{diversion.path}\n{what} to: /{diversion.target}\n"
    if who:
        text += f"{', '.join(map(dpkg_packages.shown, who))}: {path}\n"
    return text


def _control(call: Call, action: str, arguments: Sequence[str]) -> Package:
    """The package of an action on control files."""
    for argument in arguments[1:]:
        bad = next((character for character in "/." if character in argument), "")
        if bad:
            raise DpkgError(f"control file contains {bad}{_USAGE}")
    package = _found(call, arguments[0], action)
    if package is None:
        name = dpkg_packages.shown_specifier(call.world, arguments[0])
        raise DpkgError(f"package '{name}' is not installed")
    return package


def control_path(call: Call, arguments: Sequence[str]) -> int:
    """`--control-path`."""
    if not arguments:
        raise DpkgError(f"--control-path needs at least one package name argument{_USAGE}")
    if len(arguments) > 2:
        raise DpkgError(f"--control-path takes at most two arguments{_USAGE}")
    package = _control(call, "control-path", arguments)
    for name in dpkg_packages.control_files(call.world, package):
        if len(arguments) == 1 or arguments[1] == name:
            call.out(f"/{dpkg.info_prefix(package)}.{name}\n")
    return 0


def control_list(call: Call, arguments: Sequence[str]) -> int:
    """`--control-list`."""
    if len(arguments) != 1:
        raise DpkgError(f"--control-list takes one package name argument{_USAGE}")
    package = _control(call, "control-list", arguments)
    call.out("".join(f"{name}\n" for name in dpkg_packages.control_files(call.world, package)))
    return 0


def control_show(call: Call, arguments: Sequence[str]) -> int:
    """`--control-show`."""
    if len(arguments) != 2:
        raise DpkgError(f"--control-show takes exactly two arguments{_USAGE}")
    package = _control(call, "control-show", arguments)
    if arguments[1] not in dpkg_packages.control_files(call.world, package):
        raise DpkgError(f"control file '{arguments[1]}' does not exist")
    if arguments[1] not in package.deb.control:
        call.refuse(f"{_NAME}: the package {package.name} brings no {arguments[1]} of its own")
    call.out(package.deb.control[arguments[1]])
    return 0


ACTIONS: Mapping[str, Callable[[Call, Sequence[str]], int]] = {
    "show": show,
    "list": list_packages,
    "status": status,
    "listfiles": list_files,
    "search": search,
    "control-path": control_path,
    "control-list": control_list,
    "control-show": control_show,
}
"""What dpkg-query can be asked, by the long name of its option."""

OPTIONS = (
    "-W --show",
    "-l --list",
    "-s --status",
    "-L --listfiles",
    "-S --search",
    "-c --control-path",
    "--control-list",
    "--control-show",
)
"""Their options."""


def check_root(call: Call, given: Given) -> None:
    """Ends the build for a database that is not the tree's own."""
    if given.value("root") not in ("", "/") or given.value("admindir") not in ("", f"/{dpkg.ADMIN}"):
        call.refuse(f"{call.name}: the database of another root is not modelled")


def action_of(given: Given) -> str:
    """The action that was asked for. Raises DpkgError for two."""
    names = list(dict.fromkeys(name for name, _ in given.options if name in ACTIONS))
    if len(names) > 1:
        letters = {option.split()[-1][2:]: option.split()[0] for option in OPTIONS if option[1] != "-"}
        first, second = (
            f"{letters[name]} (--{name})" if name in letters else f"--{name}" for name in (names[1], names[0])
        )
        raise DpkgError(f"conflicting actions {first} and {second}")
    return names[0] if names else ""


def dpkg_query(call: Call) -> int:
    """dpkg-query(1)."""
    given = call.options(
        *OPTIONS,
        "-f --showformat=",
        "--load-avail",
        "--no-pager",
        "--admindir=",
        "--root=",
        "--version",
        permute=False,
    )
    check_root(call, given)
    if "version" in given:
        return version(call, "Debian dpkg-query package management program query tool")
    try:
        action = action_of(given)
        if not action:
            return fail(call, _NAME, DpkgError(f"need an action option{_USAGE}"))
        if action == "show":
            form = given.value("showformat", _FORMAT)
            return show(call, given.operands, form.removeprefix("="))
        return ACTIONS[action](call, given.operands)
    except DpkgError as error:
        usage = _USAGE if str(error).startswith("conflicting") else ""
        return fail(call, _NAME, DpkgError(f"{error}{usage}"))


def version(call: Call, title: str) -> int:
    """`--version`."""
    number = dpkg_packages.version_of_dpkg(call.world)
    call.out(
        f"{title} version {number} ({call.root.architecture}).\n"
        "This is free software; see the GNU General Public License version 2 or\n"
        "later for copying conditions. There is NO warranty.\n"
    )
    return 0


COMMANDS: Mapping[str, Command] = {"dpkg-query": dpkg_query}
"""This family's commands by name."""
