"""dpkg(1) itself, as far as it asks and does not act; dpkg-realpath(1)."""

import re
from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.commands import dpkg_packages, dpkg_query
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.dpkg_packages import DpkgError, fail, say
from tools.sysimage.commands.triggers import trigger_is_wrong
from tools.sysimage.core.tree import Kind
from tools.sysimage.debian import dpkg

_USAGE = """

Type dpkg --help for help about installing and deinstalling packages [*];
Use 'apt' or 'aptitude' for user-friendly package management;
Type dpkg -Dhelp for a list of dpkg debug flag values;
Type dpkg --force-help for a list of forcing options;
Type dpkg-deb --help for help about manipulating *.deb files;

Options marked [*] produce a lot of output - pipe it through 'less' or 'more' !"""
# For each relation: the statuses if the first version is lesser, equal, greater; if the first is empty, both
# are, the second is.
_RELATIONS = {
    "le": "001001",
    "lt": "011011",
    "eq": "101101",
    "ne": "010010",
    "ge": "100100",
    "gt": "110110",
    "le-nl": "001100",
    "lt-nl": "011110",
    "ge-nl": "100001",
    "gt-nl": "110011",
    "<": "001001",
    "<=": "001001",
    "<<": "011011",
    "=": "101101",
    ">": "100100",
    ">=": "100100",
    ">>": "110110",
}
_ASSERTS = (
    "support-predepends",
    "working-epoch",
    "long-filenames",
    "multi-conrep",
    "multi-arch",
    "versioned-provides",
    "protected-field",
)
_BLANK = " \t"
_MAX_LINKS = 25

type _Version = tuple[int, str, str]


def _parse(text: str, warn: list[str]) -> _Version:
    """Reads a version as dpkg does; what it only warns of is added to `warn`. Raises DpkgError."""
    text = text.strip(_BLANK)
    if not text:
        raise DpkgError("version string is empty")
    if any(blank in text for blank in _BLANK):
        raise DpkgError("version string has embedded spaces")
    epoch, text = _epoch(text) if ":" in text else (0, text)
    upstream, hyphen, revision = text.rpartition("-") if "-" in text else (text, "", "")
    if hyphen and not revision:
        raise DpkgError("revision number is empty")
    if not upstream:
        raise DpkgError("version number is empty")
    if not re.match("[0-9]", upstream):
        warn.append("version number does not start with digit")
    elif not re.fullmatch(r"[0-9A-Za-z.+~:-]*", upstream):
        warn.append("invalid character in version number")
    elif not re.fullmatch(r"[0-9A-Za-z.+~]*", revision):
        warn.append("invalid character in revision number")
    return epoch, upstream, revision


def _epoch(text: str) -> tuple[int, str]:
    """Reads the epoch. Returns it and the rest."""
    number, _, rest = text.partition(":")
    match = re.match(r"[\n\v\f\r]*[+-]?[0-9]+", number)
    if match is None:
        raise DpkgError("epoch in version is empty")
    if match.end() != len(number):
        raise DpkgError("epoch in version is not number")
    epoch = int(number)
    if epoch < 0:
        raise DpkgError("epoch in version is negative")
    if epoch > 2**31 - 1:
        raise DpkgError("epoch in version is too big")
    if not rest:
        raise DpkgError("nothing after colon in version number")
    return epoch, rest


def _compare(call: Call, words: Sequence[str]) -> int:
    if len(words) != 3:
        raise DpkgError(f"--compare-versions takes three arguments: <version> <relation> <version>{_USAGE}")
    results = _RELATIONS.get(words[1])
    if results is None:
        raise DpkgError(f"--compare-versions bad relation{_USAGE}")
    if words[1] in ("<", ">"):
        say(
            call,
            f"dpkg: warning: --compare-versions used with obsolete relation operator '{words[1]}'",
        )
    left, right = (_version_or_none(call, word) for word in (words[0], words[2]))
    if left is None:
        return int(results[3 if right else 4])
    if right is None:
        return int(results[5])
    order = dpkg.compare_parts(left, right)
    return int(results[(order > 0) - (order < 0) + 1])


def _version_or_none(call: Call, text: str) -> _Version | None:
    if text in ("", "<unknown>"):
        return None
    return _checked(call, text)[0]


def _checked(call: Call, text: str) -> tuple[_Version, int]:
    warnings: list[str] = []
    try:
        version = _parse(text, warnings)
    except DpkgError as error:
        raise DpkgError(f"version '{text}' has bad syntax: {error}") from None
    for warning in warnings:
        say(call, f"dpkg: warning: version '{text}' has bad syntax: {warning}")
    return version, int(bool(warnings))


def version_is_wrong(text: str) -> str:
    """What `dpkg --validate-version` says of a version, "" if it is one."""
    warnings: list[str] = []
    try:
        _parse(text, warnings)
    except DpkgError as error:
        return f"dpkg: error: version '{text}' has bad syntax: {error}"
    return "\n".join(f"dpkg: warning: version '{text}' has bad syntax: {warning}" for warning in warnings)


def _validate(call: Call, kind: str, words: Sequence[str]) -> int:
    if len(words) != 1:
        raise DpkgError(f"--validate-{kind} takes one <{kind}> argument{_USAGE}")
    [word] = words
    if kind == "version":
        return _checked(call, word)[1]
    what, wrong = {
        "pkgname": ("package", dpkg_packages.name_is_wrong(word)),
        "trigname": ("trigger", trigger_is_wrong(word)),
        "archname": ("architecture", _architecture_is_wrong(word)),
    }[kind]
    if wrong:
        raise DpkgError(f"{what} name '{word}' is invalid: {wrong}")
    return 0


def _architecture_is_wrong(name: str) -> str:
    if not name:
        return "may not be empty string"
    if not re.match("[A-Za-z0-9]", name):
        return "must start with an alphanumeric"
    bad = re.search("[^A-Za-z0-9-]", name)
    return f"character '{bad[0]}' not allowed (only letters, digits and characters '-')" if bad else ""


def _selections(call: Call, words: Sequence[str]) -> int:
    found = set()
    for word in words or ("*",):
        names = {package.name for package in dpkg_packages.match(call.world, word)}
        found |= names
        if not names:
            say(call, f"dpkg: no packages found matching {word}")
    for package in dpkg_packages.installed(call.world):
        if package.name in found:
            name = dpkg_packages.shown(package)
            call.out(name + "\t" * max(6 - len(name) // 8, 1) + "install\n")
    return 0


def dpkg_itself(call: Call) -> int:
    """dpkg(1): what it is asked. What would change packages ends the build."""
    given = call.options(
        *(option for option in dpkg_query.OPTIONS if option.split()[-1] in _PASSED_ON),
        "--compare-versions",
        "--print-architecture",
        "--print-foreign-architectures",
        "--get-selections",
        "-C --audit",
        *(f"--assert-{name}" for name in _ASSERTS),
        "--validate-pkgname",
        "--validate-trigname",
        "--validate-archname",
        "--validate-version",
        "--version",
        "--no-pager",
        "--admindir=",
        "--root=",
        permute=False,
    )
    dpkg_query.check_root(call, given)
    try:
        return _act(call, [name for name, _ in given.options], given.operands)
    except DpkgError as error:
        return fail(call, "dpkg", error)


_PASSED_ON = ("--list", "--status", "--listfiles", "--search")


def _act(call: Call, options: Sequence[str], words: Sequence[str]) -> int:
    actions = [name for name in options if name not in ("admindir", "root", "no-pager")]
    if len(actions) != 1:
        if actions:
            call.refuse(f"dpkg: two actions, {' and '.join(actions)}")
        raise DpkgError(f"need an action option{_USAGE}")
    [action] = actions
    if action in dpkg_query.ACTIONS:
        try:
            return dpkg_query.ACTIONS[action](call, words)
        except DpkgError as error:
            return fail(call, "dpkg-query", error)
    if action.startswith("validate-"):
        return _validate(call, action.removeprefix("validate-"), words)
    if action in _ACTIONS:
        return _ACTIONS[action](call, words)
    if words:
        raise DpkgError(f"--{action} takes no arguments{_USAGE}")
    if action == "print-architecture":
        call.out(f"{call.root.architecture}\n")
    return 0


_ACTIONS: Mapping[str, Callable[[Call, Sequence[str]], int]] = {
    "compare-versions": _compare,
    "get-selections": _selections,
    # Of what goes on it says a word, and always ends well; scripts do not read it.
    "audit": lambda _call, _words: 0,
    "version": lambda call, _words: dpkg_query.version(call, "Debian 'dpkg' package management program"),
}


def realpath(call: Call) -> int:
    """dpkg-realpath(1): follows links within the root; what is not there stays as it is."""
    given = call.options("-z --zero", "--instdir=", "--root=", permute=False)
    root = (given.value("instdir") or given.value("root")).rstrip("/")
    root = root or (call.variable("DPKG_ROOT") or "").rstrip("/")
    if not given.operands or not given.operands[0]:
        return fail(call, call.name, DpkgError("need a pathname argument"))
    name = given.operands[0]
    if root and name.startswith(root):
        return fail(call, call.name, DpkgError(f"link '{name}' includes root prefix '{root}'"))
    todo = [part for part in reversed(call.path(name).removeprefix(root).split("/")) if part]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == ".":
            continue
        if part == "..":
            del done[-1:]
            continue
        inode = call.files.find("/".join([root, *done, part]), follow=False)
        if inode is None or inode.kind is not Kind.SYMLINK:
            done.append(part)
            continue
        links += 1
        if links > _MAX_LINKS:
            return fail(call, call.name, DpkgError("too many levels of symbolic links"))
        if inode.target.startswith("/"):
            done.clear()
        todo += [part for part in reversed(inode.target.split("/")) if part]
    path = "".join(f"/{part}" for part in done)
    call.out(path + ("\0" if "zero" in given else "\n"))
    return 0


COMMANDS: Mapping[str, Command] = {"dpkg": dpkg_itself, "dpkg-realpath": realpath}
"""This family's commands by name."""
