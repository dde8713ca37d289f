"""dpkg-statoverride(1)."""

import re
from collections.abc import Mapping, Sequence

from tools.sysimage.commands import dpkg_packages, dpkg_query
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.dpkg_packages import DpkgError, fail, say
from tools.sysimage.commands.options import Given
from tools.sysimage.debian import dpkg

_NAME = "dpkg-statoverride"
_USAGE = "\n\nUse --help for help about overriding file stat information."
_FORCES = ("all", "statoverride-add", "statoverride-remove", "security-mac", "not-root")


def statoverride(call: Call) -> int:
    """dpkg-statoverride(1): another root is not modelled."""
    given = call.options(
        "--add",
        "--remove",
        "--list",
        "--admindir=",
        "--instdir=",
        "--root=",
        "--quiet",
        "--update",
        "--force",
        *(f"--force-{name}" for name in _FORCES),
        "--version",
        permute=False,
    )
    dpkg_query.check_root(call, given)
    if given.value("instdir") not in ("", "/"):
        call.refuse(f"{_NAME}: another root is not modelled")
    if "version" in given:
        return dpkg_query.version(call, f"Debian {_NAME}")
    if "force" in given:
        say(call, f"{_NAME}: warning: deprecated --force option; use --force-all instead")
    actions = list(dict.fromkeys(name for name, _ in given.options if name in ("add", "remove", "list")))
    try:
        if len(actions) > 1:
            raise DpkgError(f"conflicting actions --{actions[1]} and --{actions[0]}{_USAGE}")
        if not actions:
            raise DpkgError(f"need an action option{_USAGE}")
        return {"add": _add, "remove": _remove, "list": _list}[actions[0]](call, given)
    except DpkgError as error:
        return fail(call, _NAME, error)


def _clean(call: Call, path: str, given: Given) -> str:
    cleaned = re.sub(r"(?:/\.?)+$", "", path)
    if cleaned != path and "quiet" not in given:
        say(call, f"{_NAME}: warning: stripping trailing /")
    return cleaned


def _node(path: str) -> str:
    # dpkg's table of paths has one slash in front, and no "./" there.
    while path.startswith(("/", "./")):
        path = path.removeprefix("./").lstrip("/")
    return path


def _number(call: Call, kind: str, name: str) -> int:
    letter = "u" if kind == "user" else "g"
    if name.startswith("#"):
        if not re.fullmatch(r"[ \t]*\+?[0-9]+", name[1:]):
            raise DpkgError(f"invalid statoverride {letter}id {name}")
        return int(name[1:])
    # A name of digits alone is no number here.
    number = None if name.isdigit() else (call.root.uid(name) if kind == "user" else call.root.gid(name))
    if number is None:
        raise DpkgError(f"{kind} '{name}' does not exist")
    return number


def _name(call: Call, path: str, number: int) -> str:
    for line in call.root.text(path).splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(number):
            return fields[0]
    return f"#{number}"


def _add(call: Call, given: Given) -> int:
    if len(given.operands) != 4:
        raise DpkgError(f"--add needs four arguments{_USAGE}")
    user, group, mode, name = given.operands
    if "\n" in name:
        raise DpkgError(f"path may not contain newlines{_USAGE}")
    path = _clean(call, name, given)
    if _node(path) in call.root.overrides:
        if not _forced(given, "add"):
            raise DpkgError(f"an override for '{path}' already exists; aborting")
        say(
            call,
            f"{_NAME}: warning: an override for '{path}' already exists, but --force specified so will be "
            "ignored",
        )
    uid, gid = _number(call, "user", user), _number(call, "group", group)
    if not re.fullmatch(r"\+?[0-7]+", mode) or int(mode, 8) > 0o7777:
        raise DpkgError(f"invalid statoverride mode {mode}")
    bits = int(mode, 8)
    if "update" in given:
        inode = call.files.find(path or "/")
        if inode is not None:
            inode.mode, inode.uid, inode.gid = bits, uid, gid
        elif "quiet" not in given:
            say(call, f"{_NAME}: warning: --update given but {path} does not exist")
    names = _name(call, "etc/passwd", uid), _name(call, "etc/group", gid)
    call.root.overrides[_node(path)] = f"{names[0]} {names[1]} {bits:o} /{_node(path)}"
    return 0


def _forced(given: Given, action: str) -> bool:
    return any(name in given for name in ("force", "force-all", f"force-statoverride-{action}"))


def _remove(call: Call, given: Given) -> int:
    if len(given.operands) != 1:
        raise DpkgError(f"--remove needs a single argument{_USAGE}")
    path = _clean(call, given.operands[0], given)
    if call.root.overrides.pop(_node(path), None) is None:
        if "quiet" not in given:
            say(call, f"{_NAME}: warning: no override present")
        return 0 if _forced(given, "remove") else 2
    if "update" in given and "quiet" not in given:
        say(call, f"{_NAME}: warning: --update is useless for --remove")
    return 0


def _list(call: Call, given: Given) -> int:
    patterns: Sequence[str] = [_clean(call, pattern, given) for pattern in given.operands] or ["*"]
    globs = [dpkg_packages.glob(pattern) for pattern in patterns]
    status = 1
    for path in sorted(call.root.overrides, key=dpkg.path_bin):
        if any(pattern.match(f"/{path}") for pattern in globs):
            call.out(f"{call.root.overrides[path]}\n")
            status = 0
    return status


COMMANDS: Mapping[str, Command] = {"dpkg-statoverride": statoverride}
"""This family's commands by name."""
