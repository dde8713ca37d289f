"""Compares a root filesystem with a real installation of the same packages, path by path.

Compared are type, mode, owner, link target, content and xattrs of every path, hard links by their content.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tools.sysimage.core.patterns import Pattern
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import mtree, tar


@dataclass(frozen=True, slots=True)
class Explanation:
    """An entry of differences.toml."""

    ours: str
    patterns: tuple[Pattern, ...]
    replace: tuple[str, str] | None
    sets: tuple[str, ...]
    left: str  # a kind of `commands.left.LEFT`: it counts where something of this kind was left
    why: str

    def covers(self, difference: Difference) -> bool:
        """Whether it explains a difference."""
        if self.ours != difference.ours or not any(p.matches(difference.path) for p in self.patterns):
            return False
        if self.replace is None:
            return True
        our, real = difference.our, difference.real
        assert our is not None and real is not None
        return _same_but_for(self.replace, our, real)


@dataclass(frozen=True, slots=True)
class Difference:
    """A path that is not the same in both trees."""

    path: str
    ours: str  # "missing", "extra" or "different"
    our: Inode | None
    real: Inode | None

    def __str__(self) -> str:
        our, real = (set(mtree.keywords(inode)) if inode else set[str]() for inode in (self.our, self.real))
        if self.ours == "different":
            return f"{self.path}: ours {' '.join(sorted(our - real))}; real {' '.join(sorted(real - our))}"
        return f"{self.path}: {self.ours}: {' '.join(sorted(our | real))}"


def _same_but_for(replace: tuple[str, str], our: Inode, real: Inode) -> bool:
    texts = [re.sub(*replace, inode.read().decode()) for inode in (our, real)]
    attributes = [(inode.kind, inode.mode, inode.uid, inode.gid, inode.xattrs) for inode in (our, real)]
    return texts[0] == texts[1] and attributes[0] == attributes[1]


def explanations(set_name: str | None = None) -> list[Explanation]:
    """What differences.toml has for a set of tests/rootfs/sets.toml, or for all."""
    text = (resources.files(__package__ or "tools.sysimage.rootfs") / "differences.toml").read_text()
    found = [
        Explanation(
            entry["ours"],
            tuple(Pattern(text) for text in entry["paths"]),
            tuple(entry["replace"]) if "replace" in entry else None,
            tuple(entry.get("sets", ())),
            entry.get("left", ""),
            entry.get("why", ""),
        )
        for entry in tomllib.loads(text)["difference"]
    ]
    if set_name is None:
        return found
    return [entry for entry in found if not entry.left and (not entry.sets or set_name in entry.sets)]


def differences(our: Tree, real: Tree) -> Iterator[Difference]:
    """Every path that is not the same in both."""
    for path in sorted({*our.paths(), *real.paths()}):
        a, b = our.get(path), real.get(path)
        if a is None or b is None:
            yield Difference(path, "missing" if a is None else "extra", a, b)
        elif mtree.keywords(a) != mtree.keywords(b):
            yield Difference(path, "different", a, b)


def load(path: Path) -> Tree:
    """Reads a tar as mmdebstrap writes it; parents that it leaves out are made."""
    tree = Tree()
    for entry in tar.read(path.open("rb"), str(path)):
        inode = entry.inode or tree[entry.link]
        tree.make_parents(entry.path)
        if entry.path or inode.kind is Kind.DIRECTORY:
            tree.put(entry.path, inode)
    return tree
