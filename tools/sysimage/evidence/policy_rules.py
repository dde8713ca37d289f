"""The rules that a policy can have, each a function from facts to what breaks it.

A rule yields pairs: what is wrong, with path and package, and what would be written to allow it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.patterns import Pattern
from tools.sysimage.evidence.facts import Facts, Node, capabilities, is_setuid

_SHELLS = frozenset(
    [
        "ash",
        "bash",
        "busybox",
        "csh",
        "dash",
        "elvish",
        "fish",
        "ksh",
        "ksh93",
        "mksh",
        "nu",
        "oksh",
        "pwsh",
        "rbash",
        "rc",
        "sash",
        "sh",
        "tcsh",
        "xonsh",
        "yash",
        "zsh",
    ]
)
_MANAGERS = frozenset(
    [
        "apk",
        "apt",
        "apt-get",
        "aptitude",
        "cargo",
        "conda",
        "dnf",
        "dpkg",
        "flatpak",
        "gem",
        "microdnf",
        "npm",
        "nix",
        "opkg",
        "pacman",
        "pip",
        "pip3",
        "pipx",
        "rpm",
        "snap",
        "tdnf",
        "uv",
        "yarn",
        "yum",
        "zypper",
    ]
)
_PROGRAMS = re.compile(r"(usr/(local/)?)?s?bin/[^/]+|(.*/)?busybox")
_TOKEN = re.compile(r"\(|\)|[^\s()]+")
_OFF = ("disabled", "masked", "masked-runtime", "bad")

_MIB = 1 << 20

type Breach = tuple[str, str]
type Rule = Callable[[Facts, Any], Iterator[Breach]]


def _at_most(what: str, unit: int, size: Callable[[Facts], int]) -> Rule:
    def rule(facts: Facts, limit: int) -> Iterator[Breach]:
        found = size(facts)
        if found > limit * unit:
            shown = f"{found / unit:.1f} MiB" if unit > 1 else str(found)
            yield f"{what}: {shown}, and the limit is {limit}", str(-(-found // unit))

    return rule


def _files(what: str, wanted: Callable[[Node], object]) -> Rule:
    def rule(facts: Facts, allowed: list[str]) -> Iterator[Breach]:
        patterns = [Pattern(text) for text in allowed]
        for path, node in facts.paths.items():
            if wanted(node) and not any(pattern.matches(path) for pattern in patterns):
                yield f"/{path} ({facts.owner(path)}) {what}", f'"/{path}"'

    return rule


def _forbidden(facts: Facts, patterns: Mapping[str, str]) -> Iterator[Breach]:
    for text, reason in patterns.items():
        pattern = Pattern(text)
        for path in facts.paths:
            if path and pattern.matches(path):
                yield f"/{path} ({facts.owner(path)}) is forbidden: {reason}", ""


def _programs(what: str, names: frozenset[str]) -> Rule:
    def rule(facts: Facts, allowed: bool) -> Iterator[Breach]:
        for path, node in facts.paths.items():
            name = path.rpartition("/")[2]
            if not allowed and name in names and node.type != "dir" and _PROGRAMS.fullmatch(path):
                yield f"/{path} ({facts.owner(path)}) is {what}", ""

    return rule


def _enabled(facts: Facts, allowed: list[str]) -> Iterator[Breach]:
    for unit in facts.units:
        if unit.state.startswith("enabled") and unit.name not in allowed:
            yield f"{unit.name} ({facts.owner(unit.path)}) is {unit.state}", f'"{unit.name}"'


def _listen(facts: Facts, allowed: list[str]) -> Iterator[Breach]:
    for unit in facts.units:
        for value in unit.listen if unit.state not in _OFF else ():
            if value.partition("=")[2] not in allowed and _is_network(value):
                yield (
                    f"{unit.name} ({facts.owner(unit.path)}) listens: {value}",
                    f'"{value.partition("=")[2]}"',
                )


def _is_network(value: str) -> bool:
    """Whether another machine can reach it: no path, no abstract name, no netlink (systemd.socket(5))."""
    key, _, address = value.partition("=")
    return key in ("ListenStream", "ListenDatagram", "ListenSequentialPacket") and address[:1] not in (
        "/",
        "@",
        "%",
    )


def _users(facts: Facts, allowed: list[str]) -> Iterator[Breach]:
    for user in facts.users:
        if user.name not in allowed:
            yield f"the user {user.name} ({user.uid}) is there", f'"{user.name}"'


def _passwords(facts: Facts, allowed: list[str]) -> Iterator[Breach]:
    for user in facts.users:
        if user.password and user.name not in allowed:
            yield f"/etc/shadow: the user {user.name} has a password, or an empty one", f'"{user.name}"'


def _packages(facts: Facts, forbidden: Mapping[str, str]) -> Iterator[Breach]:
    for package in facts.packages:
        for text, reason in forbidden.items():
            if Pattern(text).matches(package.name):
                yield f"the package {package.name} {package.version} is forbidden: {reason}", ""


def _licences(facts: Facts, allowed: list[str]) -> Iterator[Breach]:
    for package in facts.packages:
        missing = _missing(package.licence or "NOASSERTION", allowed)
        for name in missing:
            yield f"the package {package.name} {package.version} is under {name}", f'"{name}"'


def _missing(expression: str, allowed: list[str]) -> list[str]:
    """What of an SPDX expression is not allowed; of a choice, one allowed part is enough."""
    tokens = _TOKEN.findall(expression)

    def either() -> list[str]:
        parts = [both()]
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            parts.append(both())
        return min(parts, key=len)

    def both() -> list[str]:
        found = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            found += one()
        return found

    def one() -> list[str]:
        token = tokens.pop(0)
        if token == "(":
            found = either()
            tokens.pop(0)
            return found
        return [] if token in allowed else [token]

    return list(dict.fromkeys(either()))


def _is_world_writable(node: Node) -> bool:
    # In a sticky directory, nobody can remove another's files.
    return bool(node.mode & 0o002) and node.type != "link" and not (node.type == "dir" and node.mode & 0o1000)


RULES: Mapping[str, tuple[type, Rule]] = {
    "size.max_mib": (int, _at_most("unpacked, it is too large", _MIB, lambda facts: facts.image.tar_size)),
    "size.max_compressed_mib": (int, _at_most("its file is too large", _MIB, lambda facts: facts.image.size)),
    "size.max_entries": (int, _at_most("the image has too many paths", 1, lambda facts: len(facts.paths))),
    "files.setuid": (list, _files("is setuid or setgid", is_setuid)),
    "files.capabilities": (list, _files("has file capabilities", capabilities)),
    "files.world_writable": (list, _files("is writable for everybody", _is_world_writable)),
    "files.forbidden": (dict, _forbidden),
    "programs.shells": (bool, _programs("a shell", _SHELLS)),
    "programs.package_managers": (bool, _programs("a package manager", _MANAGERS)),
    "units.enabled": (list, _enabled),
    "units.listen": (list, _listen),
    "users.allowed": (list, _users),
    "users.passwords": (list, _passwords),
    "packages.forbidden": (dict, _packages),
    "licences.allowed": (list, _licences),
}  # fmt: skip
"""Section and key of the policy → type of its value, and the rule."""


def check_value(where: str, kind: type, value: Any) -> None:
    """Raises ToolError if a value is not what its rule takes."""
    shapes = {
        int: "a whole number",
        bool: "true or false",
        list: "a list of texts",
        dict: "a table, name = reason",
    }
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    if type(value) is not kind or not all(isinstance(item, str) for item in inner):
        raise ToolError(f"{where}: has to be {shapes[kind]}; correct it")
