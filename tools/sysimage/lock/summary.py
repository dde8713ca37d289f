"""What a new lock changes: a list in Markdown, as it goes into a pull request."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.sysimage.lock.lockfile import Lock
from tools.sysimage.lock.relations import parse_version


@dataclass(frozen=True, order=True, slots=True)
class PackageChange:
    """What happens to one package; `text` is its line without the architectures."""

    name: str
    text: str
    verb: str
    security: bool

    def __str__(self) -> str:
        return f"{self.verb} {self.name} {self.text}{', **security update**' if self.security else ''}"


def summary(
    old: Lock | None,
    new: Lock,
    is_security_update: Callable[[str, str], bool],
    reason: Callable[[str, str], str],
) -> list[str]:
    """The changes from `old` (None: there was no lock) to `new`, one line for each package.

    Both functions take architecture and package; `reason` says why a package was added. A package that
    changes alike for several architectures has one line.
    """
    changes: dict[PackageChange, list[str]] = {}
    for architecture in sorted({*_packages(old), *_packages(new)}):
        before = _packages(old).get(architecture, {})
        after = _packages(new).get(architecture, {})
        for name in sorted({*before, *after}):
            found = _change(before.get(name), after.get(name))
            if not found:
                continue
            verb, text = found
            if verb == "added":
                text = f"{text}, {reason(architecture, name)}"
            security = verb == "upgraded" and is_security_update(architecture, name)
            changes.setdefault(PackageChange(name, text, verb, security), []).append(architecture)
    lines = [f"- {each} [{', '.join(where)}]" for each, where in sorted(changes.items())]
    sizes = [f"- {line}" for line in _sizes(old, new)]
    return [*_head(changes), *lines, *sizes]


def _change(was: dict[str, Any] | None, now: dict[str, Any] | None) -> tuple[str, str] | None:
    """What happens to a package and the versions of it; None if it stays as it is."""
    if was is None:
        assert now is not None
        return "added", f"{now['version']} ({now['suite']})"
    if now is None:
        return "removed", str(was["version"])
    if was["version"] != now["version"]:
        higher = parse_version(now["version"]) > parse_version(was["version"])
        verb = "upgraded" if higher else "downgraded"
        return verb, f"{was['version']} → {now['version']} ({now['suite']})"
    if was["sha256"] != now["sha256"]:
        return "changed", f"{now['version']}: the same version has other content now ({now['suite']})"
    return None


def _packages(lock: Lock | None) -> dict[str, dict[str, Any]]:
    return dict(lock["packages"]) if lock else {}


def _head(changes: dict[PackageChange, list[str]]) -> list[str]:
    """`1 removed, 2 upgraded (1 of them security updates)`, by packages."""
    if not changes:
        return []
    verbs = Counter({each.name: each.verb for each in changes}.values())
    security = len({each.name for each in changes if each.security})
    counts = ", ".join(f"{count} {verb}" for verb, count in sorted(verbs.items()))
    return [counts + (f"; security updates: {security}" if security else ""), ""]


def _sizes(old: Lock | None, new: Lock) -> list[str]:
    """A line for each set and architecture whose packages changed: number and sizes, and by how much."""
    lines = []
    for name, entry in new["sets"].items():
        for architecture, packages in entry["packages"].items():
            before = (old or {}).get("sets", {}).get(name, {}).get("packages", {}).get(architecture)
            now = _size(new, architecture, packages)
            was = _size(old, architecture, before) if old and before is not None else (0, 0)
            if before != packages or was != now:
                count = len(packages) - len(before or ())
                lines.append(
                    f"set {name} [{architecture}]: {len(packages)} packages ({count:+}), "
                    f"{_megabytes(now[0], was[0])} to fetch, {_megabytes(now[1], was[1])} installed"
                )
    return lines


def _megabytes(now: int, was: int) -> str:
    return f"{now / 1e6:.1f} MB ({(now - was) / 1e6:+.1f})"


def _size(lock: Lock, architecture: str, packages: list[str]) -> tuple[int, int]:
    """Bytes of the .debs of `packages`, and what dpkg estimates that they take when they are installed."""
    entries = [lock["packages"][architecture][name] for name in packages]
    installed = [int(entry["control"].get("Installed-Size", 0)) * 1024 for entry in entries]
    return sum(int(entry["size"]) for entry in entries), sum(installed)
