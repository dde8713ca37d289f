"""What a new lock changes: lines for a person, as they go into a pull request."""

from collections.abc import Iterator
from typing import Any

from tools.sysimage.lock.lockfile import Lock
from tools.sysimage.lock.relations import parse_version


def summary(old: Lock | None, new: Lock) -> list[str]:
    """The changes from `old` (None: there was no lock) to `new`, one line for each package.

    A package that changes alike for several architectures has one line.
    """
    changes: dict[tuple[str, str], list[str]] = {}
    architectures = sorted({*_packages(old), *_packages(new)})
    for architecture in architectures:
        before = _packages(old).get(architecture, {})
        after = _packages(new).get(architecture, {})
        for name in sorted({*before, *after}):
            for text in _change(before.get(name), after.get(name)):
                changes.setdefault((name, text), []).append(architecture)
    lines = [
        f"{text.format(name=name)} [{', '.join(where)}]" for (name, text), where in sorted(changes.items())
    ]
    return [*lines, *_sizes(old, new)]


def _packages(lock: Lock | None) -> dict[str, dict[str, Any]]:
    return dict(lock["packages"]) if lock else {}


def _change(was: dict[str, Any] | None, now: dict[str, Any] | None) -> Iterator[str]:
    """The line on one package, with {name} in the place of its name; none if nothing changed."""
    if was is None:
        assert now is not None
        yield f"added {{name}} {now['version']} ({now['suite']})"
    elif now is None:
        yield f"removed {{name}} {was['version']}"
    elif was["version"] != now["version"]:
        higher = parse_version(now["version"]) > parse_version(was["version"])
        verb = "upgraded" if higher else "downgraded"
        yield f"{verb} {{name}} {was['version']} → {now['version']} ({now['suite']})"
    elif was["sha256"] != now["sha256"]:
        yield f"changed {{name}} {now['version']}: the same version has other content now ({now['suite']})"


def _sizes(old: Lock | None, new: Lock) -> list[str]:
    """A line for each set and architecture whose packages changed: how many there are, and their size."""
    lines = []
    for name, entry in new["sets"].items():
        for architecture, packages in entry["packages"].items():
            before = (old or {}).get("sets", {}).get(name, {}).get("packages", {}).get(architecture)
            size = _size(new, architecture, packages)
            difference = size - _size(old, architecture, before) if old and before is not None else size
            if before != packages or difference:
                lines.append(
                    f"set {name} [{architecture}]: {len(packages)} packages, "
                    f"{size / 1e6:.1f} MB ({difference / 1e6:+.1f} MB)"
                )
    return lines


def _size(lock: Lock, architecture: str, packages: list[str]) -> int:
    """Bytes of the .debs of `packages`."""
    return sum(int(lock["packages"][architecture][name]["size"]) for name in packages)
