"""Why a package is in a set: the shortest way to it from what the set asks for. Reads the lock alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.nearest import nearest
from tools.sysimage.lock import lockfile
from tools.sysimage.lock.manifest import Manifest, PackageSet
from tools.sysimage.lock.packages import ArchivePackage
from tools.sysimage.lock.relations import format_alternatives
from tools.sysimage.lock.selection import PackageSelection

# Of libc6 it is hundreds.
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Reason:
    """One step: `text` says what brings the package in, `needed_by` is None if that is the set itself."""

    needed_by: str | None
    text: str

    def __str__(self) -> str:
        return f"needed by {self.needed_by}" if self.needed_by else self.text


def selection(lock: lockfile.Lock, name: str, architecture: str) -> PackageSelection:
    """What the set `name` selected. Raises ToolError if a package of it is not in the lock."""
    locked = lockfile.packages(lock, architecture)
    listed = lock["sets"][name]["packages"][architecture]
    for package in listed:
        if package not in locked:
            raise ToolError(
                f"set {name} ({architecture}): it lists {package}, which the lock does not describe"
            )
    return PackageSelection(architecture, [locked[package] for package in listed])


def reasons(manifest: Manifest, name: str, selected: PackageSelection) -> dict[str, Reason]:
    """The reason of each package of the set `name` that can be reached from what the set asks for.

    Breadth first, so that following `needed_by` gives the shortest chain.
    """
    found = dict(_roots(manifest, name, selected.packages))
    queue = list(found)
    for current in queue:
        for field in ("Pre-Depends", "Depends"):
            for alternatives in selected.packages[current].relations(field):
                for target in selected.fulfilling(alternatives):
                    if target.name not in found:
                        found[target.name] = Reason(current, f"{field}: {format_alternatives(alternatives)}")
                        queue.append(target.name)
    return found


def explain(manifest: Manifest, lock: lockfile.Lock, name: str) -> list[str]:
    """The lines that answer `--why name`. Raises ToolError if no set has the package, with nearest names."""
    answers: dict[tuple[str, ...], list[str]] = {}
    for wanted in manifest.sets:
        for architecture, listed in lock["sets"][wanted.name]["packages"].items():
            if name in listed:
                lines = tuple(_explain(manifest, lock, wanted, architecture, name))
                answers.setdefault(lines, []).append(f"{wanted.name} [{architecture}]")
            elif name in wanted.exclude:
                lines = (f"  excluded: {wanted.exclude[name]}",)
                answers.setdefault(lines, []).append(f"{wanted.name} [{architecture}]")
    if not answers:
        known = {package for listed in lock["packages"].values() for package in listed}
        raise ToolError(f"{name} is in no set of the lock{nearest(name, known)}")
    return [line for lines, where in answers.items() for line in (f"{name} in {', '.join(where)}:", *lines)]


def _explain(
    manifest: Manifest, lock: lockfile.Lock, wanted: PackageSet, architecture: str, name: str
) -> Iterator[str]:
    selected = selection(lock, wanted.name, architecture)
    found = reasons(manifest, wanted.name, selected)
    package = selected.packages[name]
    yield f"  {package} from {package.origin}"
    steps = []
    current: str | None = name
    while current is not None:
        if current not in found:
            raise ToolError(
                f"set {wanted.name} ({architecture}): nothing needs {current}; the lock does not fit its "
                f"manifest, run this tool with neither --check nor --why to write it anew"
            )
        step = found[current]
        steps.append(f"{step.needed_by} {step.text}" if step.needed_by else f"{current}: {step.text}")
        current = step.needed_by
    yield from (f"  {step}" for step in reversed(steps))
    others = sorted(
        other
        for other, targets in selected.depends().items()
        if name in targets and other != found[name].needed_by
    )
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        yield f"  needed by {', '.join(others[:_SHOWN])}{more}, too"


def _roots(
    manifest: Manifest, name: str, packages: Mapping[str, ArchivePackage]
) -> Iterator[tuple[str, Reason]]:
    """What the set and those that it extends ask for; the set's own wishes come last, and so count."""
    by_name = {wanted.name: wanted for wanted in manifest.sets}
    current: PackageSet | None = by_name[name]
    chain = []
    while current is not None:
        chain.append(current)
        current = by_name[current.extends] if current.extends else None
    for wanted in chain:
        for package in packages.values():
            if wanted.required and package.required:
                yield package.name, Reason(None, f"Priority: required, and set {wanted.name} asks for these")
            if wanted.essential and package.essential:
                yield package.name, Reason(None, f"essential, and set {wanted.name} asks for these")
        for root in wanted.packages:
            if root in packages:
                yield root, Reason(None, f"named by set {wanted.name}")
