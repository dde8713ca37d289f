"""Compares our root filesystem of a set with a real installation of the same packages, path by path.

    tests/rootfs/compare.sh [--set vanilla] [--architecture amd64] [--golden FILE]

makes the real installation first (it needs root and mmdebstrap, and says so) and then runs this on it.
Compared are type, mode, owner, link target,
content and xattrs of every path, hard links by their content. What differs is printed unless
differences.toml explains it. The exit status is 0 if nothing is left, and nothing explained is missing.

With --golden FILE it also writes what the real installation has beyond the packages' own files, for
golden_test.py.
"""

import argparse
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import errors
from tools.sysimage.core.patterns import Pattern
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import mtree, tar
from tools.sysimage.rootfs import rootfs

DIFFERENCES = Path(__file__).with_name("differences.toml")


@dataclass(frozen=True, slots=True)
class Explanation:
    """An entry of differences.toml."""

    ours: str
    patterns: tuple[Pattern, ...]
    replace: tuple[str, str] | None
    sets: tuple[str, ...]
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


def explanations(set_name: str, path: Path = DIFFERENCES) -> list[Explanation]:
    """What differences.toml has for a set."""
    found = [
        Explanation(
            entry["ours"],
            tuple(Pattern(text) for text in entry["paths"]),
            tuple(entry["replace"]) if "replace" in entry else None,
            tuple(entry.get("sets", ())),
            entry["why"],
        )
        for entry in tomllib.loads(path.read_text())["difference"]
    ]
    return [entry for entry in found if not entry.sets or set_name in entry.sets]


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


def beyond_packages(tree: Tree, *, info: bool) -> list[str]:
    """The lines of the mtree manifest for what effects make or may change.

    Those are the paths of no package, all of /etc and /var, and what has setuid, setgid or sticky. Without
    `info`, dpkg's lists and copies of scripts are left out.
    """
    packaged: set[str] = set()
    for path in tree.children("var/lib/dpkg/info"):
        if path.endswith(".list"):
            packaged |= {line.lstrip("/") for line in tree[path].read().decode().splitlines()}
    return [
        f"{path} {' '.join(mtree.keywords(tree[path]))}\n"
        for path in tree.paths()
        if path
        and (path not in packaged or path.startswith(("etc/", "var/")) or tree[path].mode & 0o7000)
        and (info or not path.startswith("var/lib/dpkg/info/"))
    ]


def main(argv: Sequence[str]) -> int:
    """Command line: see the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="where reference.py and install.sh were")
    parser.add_argument("--set", default="vanilla", help="which entries of differences.toml count")
    parser.add_argument("--golden", type=Path, help="write what effects make, as the real one has it")
    arguments = parser.parse_args(argv)
    our = rootfs.build(rootfs.parse(arguments.work / "manifest.json"), arguments.work).tree
    known = explanations(arguments.set)
    used = set()
    left = explained = 0
    real = load(arguments.work / "real.tar")
    for difference in list(differences(our, real)):
        explanation = next((entry for entry in known if entry.covers(difference)), None)
        if explanation is None:
            print(difference)
            left += 1
        else:
            used.add(explanation)
            explained += 1
            real.remove(difference.path)
            if difference.our is not None:
                real.add(difference.path, difference.our)
    for entry in known:
        if entry not in used:
            print(f"explains nothing any more: {', '.join(pattern.text for pattern in entry.patterns)}")
    if arguments.golden:
        # To see that one set's are right is enough, and they are half of all.
        lines = beyond_packages(real, info=arguments.set == "vanilla")
        arguments.golden.write_text("".join(lines))
    print(
        f"{len(our)} paths compared, {explained} differ for {len(used)} of {len(known)} reasons in "
        f"{DIFFERENCES.name}, {left} differ without one"
    )
    return 0 if not left and len(used) == len(known) else 1


if __name__ == "__main__":
    errors.run(main)
