"""Compares our root filesystem of a set with a real installation of the same packages, path by path.

    tests/rootfs/compare.sh [--set vanilla] [--architecture amd64] [--golden FILE]

makes the real installation first (it needs root and mmdebstrap, and says so) and then runs this on it. What
differs (see tools/sysimage/rootfs/comparison.py) is printed unless differences.toml explains it. The exit
status is 0 if nothing is left, and nothing explained is missing.

With --golden FILE it also writes what the real installation has beyond the packages' own files, for
golden_test.py.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import errors
from tools.sysimage.core.tree import Tree
from tools.sysimage.formats import mtree
from tools.sysimage.rootfs import install
from tools.sysimage.rootfs.comparison import differences, explanations, load


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
    our = install.build(install.parse(arguments.work / "manifest.json"), arguments.work).tree
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
        f"differences.toml, {left} differ without one"
    )
    return 0 if not left and len(used) == len(known) else 1


if __name__ == "__main__":
    errors.run(main)
