"""dpkg-divert(1). Diversions are the unpacker's; what is unpacked already moves with --rename."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.sysimage.commands import dpkg_packages, dpkg_query
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.dpkg_packages import DpkgError, fail, say
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.unpack import Diversion

_NAME = "dpkg-divert"
_USAGE = "\n\nUse --help for help about diverting files."
_LOCAL = ":"  # what stands for the administrator in the place of a package


@dataclass(slots=True)
class _Options:
    package: str  # "" for any
    target: str  # "" for none
    rename: bool
    test: bool
    loud: bool


def divert(call: Call) -> int:
    """dpkg-divert(1): another root is not modelled."""
    given = call.options(
        *(f"--{name}" for name in _ACTIONS),
        "--admindir=",
        "--instdir=",
        "--root=",
        "--divert=",
        "--package=",
        "--local",
        "--quiet",
        "--rename",
        "--no-rename",
        "--test",
        "--version",
        permute=False,
    )
    dpkg_query.check_root(call, given)
    if given.value("instdir") not in ("", "/"):
        call.refuse(f"{_NAME}: another root is not modelled")
    if "version" in given:
        return dpkg_query.version(call, f"Debian {_NAME}")
    try:
        return _act(call, given)
    except DpkgError as error:
        return fail(call, _NAME, error)
    except OSError as error:
        return fail(call, _NAME, DpkgError(f"cannot stat file '{error.filename}': {error.strerror}"))


def _act(call: Call, given: Given) -> int:
    actions = list(dict.fromkeys(name for name, _ in given.options if name in _ACTIONS))
    if len(actions) > 1:
        raise DpkgError(f"conflicting actions --{actions[1]} and --{actions[0]}{_USAGE}")
    action = actions[0] if actions else "add"
    options = _options(call, given)
    if action == "list":
        return _list(call, given.operands)
    if action in ("add", "remove") and not given.last("rename", "no-rename"):
        say(
            call,
            f"{_NAME}: warning: please specify --no-rename explicitly, the default will change to --rename"
            " in 1.20.x",
        )
    if len(given.operands) != 1:
        raise DpkgError(f"--{action} needs a single argument{_USAGE}")
    [name] = given.operands
    if not name.startswith("/"):
        raise DpkgError(f'filename "{name}" is not absolute{_USAGE}')
    if "\n" in name:
        raise DpkgError(f"file may not contain newlines{_USAGE}")
    return _ACTIONS[action](call, _node(name), options)


def _options(call: Call, given: Given) -> _Options:
    package = call.variable("DPKG_MAINTSCRIPT_PACKAGE") or ""
    if who := given.last("package", "local"):
        package = _LOCAL if who == "local" else given.value("package")
    target = given.value("divert")
    if "divert" in given and not target.startswith("/"):
        raise DpkgError(f'filename "{target}" is not absolute{_USAGE}')
    for name, value in (("divert-to", target), ("package", package)):
        if "\n" in value:
            raise DpkgError(f"{name} may not contain newlines{_USAGE}")
    rename = given.last("rename", "no-rename") == "rename"
    return _Options(package, target, rename, "test" in given, "quiet" not in given)


def _node(name: str) -> str:
    # dpkg's table of paths has one slash in front, and no "./" there.
    while name.startswith(("/", "./")):
        name = name.removeprefix("./").lstrip("/")
    return f"/{name}"


def _words(package: str, name: str, target: str) -> str:
    to = f" to {target}" if target else ""
    if package == _LOCAL:
        return f"local diversion of {name}{to}"
    return f"diversion of {name}{to} by {package}"


def _described(diversion: Diversion) -> str:
    return _words(diversion.package, f"/{diversion.path}", f"/{diversion.target}")


def _wanted(name: str, options: _Options) -> str:
    if not options.package:
        return f"any diversion of {name}" + (f" to {options.target}" if options.target else "")
    return _words(options.package, name, options.target)


def _add(call: Call, name: str, options: _Options) -> int:
    options.package = options.package or _LOCAL
    source = _at(call, name)
    if source is not None and source.kind is Kind.DIRECTORY:
        raise DpkgError(f"cannot divert directories{_USAGE}")
    options.target = options.target or f"{name}.distrib"
    if name == options.target:
        raise DpkgError(f"cannot divert file '{name}' to itself{_USAGE}")
    target = _node(options.target)
    old = dpkg_packages.diversion_from(call.world, name) or dpkg_packages.diversion_to(call.world, name)
    other = dpkg_packages.diversion_from(call.world, target) or dpkg_packages.diversion_to(call.world, target)
    if old or other:
        if old and old == Diversion(name[1:], target[1:], options.package):
            if options.loud:
                call.out(f"Leaving '{_described(old)}'\n")
            return 0
        there = old or other
        found = _described(there) if there else ""
        raise DpkgError(f"'{_wanted(name, options)}' clashes with '{found}'")
    new = Diversion(name[1:], target[1:], options.package)
    if options.loud:
        call.out(f"Adding '{_described(new)}'\n")
    if options.rename:
        options.rename = _check_rename(call, name, target)
    owners = dpkg_packages.owners(call.world).get(name, []) if options.rename else []
    if any(package.name == options.package for package in owners):
        if options.loud:
            call.out(
                f"Ignoring request to rename file '{name}' owned by diverting package '{options.package}'\n"
            )
        options.rename = False
    if options.rename and any(package.essential for package in owners):
        say(
            call,
            f"{_NAME}: warning: diverting file '{name}' from an Essential package with rename is dangerous, "
            "use --no-rename",
        )
    if not options.test:
        call.root.unpacker.diversions[new.path] = new
        if options.rename:
            _rename(call, name, target)
    return 0


def _remove(call: Call, name: str, options: _Options) -> int:
    found = dpkg_packages.diversion_from(call.world, name)
    if found is None:
        if options.loud:
            call.out(f"No diversion '{_wanted(name, options)}', none removed.\n")
        return 0
    if options.target and options.target != f"/{found.target}":
        raise DpkgError(
            f"mismatch on divert-to\n  when removing '{_wanted(name, options)}'\n"
            f"  found '{_described(found)}'"
        )
    if options.package not in ("", found.package):
        raise DpkgError(
            f"mismatch on package\n  when removing '{_wanted(name, options)}'\n  found '{_described(found)}'"
        )
    if options.loud:
        call.out(f"Removing '{_described(found)}'\n")
    target = f"/{found.target}"
    if options.rename and _check_rename(call, target, name) and not options.test:
        _rename(call, target, name)
    if not options.test:
        del call.root.unpacker.diversions[found.path]
    return 0


def _at(call: Call, path: str) -> Inode | None:
    """lstat(2); None if there is nothing."""
    try:
        return call.files.lookup(path, follow=False)[1]
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None


def _check_rename(call: Call, old: str, new: str) -> bool:
    """Whether there is something to rename. Raises DpkgError if another file is in its place."""
    inode = _at(call, old)
    if inode is None:
        return False
    there: Inode | None = None
    for name in (old, new):
        folder = call.files.find(name.rpartition("/")[0] or "/")
        if folder is None:
            raise DpkgError(f"error checking '{name}': No such file or directory")
        there = _at(call, name)
    if there is not None and there is not inode:
        raise DpkgError(f"rename involves overwriting '{new}' with\n  different file '{old}', not allowed")
    return True


def _rename(call: Call, old: str, new: str) -> None:
    """Moves a file that is unpacked already, and who owns it."""
    owners = call.root.unpacker.owners
    source, inode = call.files.lookup(old, follow=False)
    target, there = call.files.lookup(new, follow=False)
    if inode is None:
        return
    if there is not None:
        call.files.unlink(old)
    else:
        call.files.rename(old, new)
    owner = owners.pop(source, None)
    if owner is not None:
        owners[target] = owner


def _list(call: Call, patterns: tuple[str, ...]) -> int:
    globs = [dpkg_packages.glob(pattern) for pattern in patterns or ("*",)]
    every = call.root.unpacker.diversions.values()
    for found in sorted(every, key=lambda diversion: dpkg.path_bin(diversion.path)):
        texts = (found.package, f"/{found.target}", f"/{found.path}")
        if any(pattern.match(text) for pattern in globs for text in texts):
            call.out(f"{_described(found)}\n")
    return 0


def _list_package(call: Call, name: str, _options: _Options) -> int:
    found = dpkg_packages.diversion_from(call.world, name) or dpkg_packages.diversion_to(call.world, name)
    if found is not None:
        call.out("LOCAL\n" if found.package == _LOCAL else f"{found.package}\n")
    return 0


def _true_name(call: Call, name: str, _options: _Options) -> int:
    found = dpkg_packages.diversion_from(call.world, name)
    call.out(f"/{found.target}\n" if found else f"{call.arguments[-1]}\n")
    return 0


_ACTIONS: Mapping[str, Callable[[Call, str, _Options], int]] = {
    "add": _add,
    "remove": _remove,
    "list": _true_name,
    "listpackage": _list_package,
    "truename": _true_name,
}

COMMANDS: Mapping[str, Command] = {"dpkg-divert": divert}
"""This family's commands by name."""
