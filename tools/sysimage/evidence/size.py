"""size: whether an image, and each of its packages, is as large as a reviewed file says, within a tolerance.

The file has a line for each package and for what is no package: bytes, a blank and the name.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.evidence import facts

_ALL, _FILE = "(unpacked)", "(file)"
_SMALL = 1 << 16  # bytes by which anything may differ: what matters to nobody

_EXAMPLES = {
    "bazel test //:guest_size_test": "compares",
    "bazel run //:guest_size_test -- --update": "writes the reviewed file anew",
}


def main(argv: Sequence[str]) -> int:
    """Prints what became larger or smaller; returns 1 if anything did."""
    parser = CommandLine("size", __doc__ or "", _EXAMPLES)
    parser.given("--facts", type=Path)
    parser.given("--golden", type=Path)
    parser.given("--golden-path")
    parser.add_argument("--target", default="", help=argparse.SUPPRESS)
    parser.add_argument("--percent", type=int, default=2, help="how much anything may differ")
    parser.add_argument("--update", action="store_true", help="write the sizes of now, to be reviewed")
    options = parser.parse_args(argv)
    now = sizes(facts.load(options.facts))
    if options.update:
        path = workspace_path(options.golden_path)
        with atomic.output(path) as out:
            out.write(written(now).encode("utf-8", "surrogateescape"))
        print(f"wrote {path}")
        return 0
    before = read(options.golden.read_text("utf-8", "surrogateescape"), options.golden_path)
    found = list(differences(before, now, options.percent))
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print(
            f"{len(found)} sizes are not as {options.golden_path} says, by more than {options.percent} %; "
            f"if they should be, run `bazel run {options.target} -- --update`"
        )
    return 1 if found else 0


def sizes(found: facts.Facts) -> dict[str, int]:
    """Name of a package, or label of a target, → bytes in the image; and those of the whole."""
    by_owner: dict[str, int] = {}
    for package in found.packages:
        by_owner[package.name] = by_owner.get(package.name, 0) + package.size
    for path, node in found.files():
        if not node.package:
            owner = found.owner(path)
            by_owner[owner] = by_owner.get(owner, 0) + node.size
    return {_ALL: found.image.tar_size, _FILE: found.image.size, **dict(sorted(by_owner.items()))}


def written(now: Mapping[str, int]) -> str:
    """The file of sizes."""
    return "# Bytes by package, or by target; see image_size_test.\n" + "".join(
        f"{size} {name}\n" for name, size in now.items()
    )


def read(text: str, where: str) -> dict[str, int]:
    """The sizes in a file. Raises ToolError for a line that is none."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            match = re.fullmatch(r"(\d+) (.+)", line)
            if not match:
                raise ToolError(f"{where}:{number}: {line!r} is not bytes, a blank and a name; write it anew")
            found[match[2]] = int(match[1])
    return found


def differences(before: Mapping[str, int], now: Mapping[str, int], percent: int) -> Iterator[str]:
    """Yields a line for each size that differs by more, those that grew most first."""
    changed = [
        (now.get(name, 0) - before.get(name, 0), name)
        for name in before.keys() | now.keys()
        if abs(now.get(name, 0) - before.get(name, 0)) > max(before.get(name, 0) * percent // 100, _SMALL)
    ]
    for difference, name in sorted(changed, key=lambda item: (-abs(item[0]), item[1])):
        old, new = before.get(name, 0), now.get(name, 0)
        yield f"{name}: {difference:+,} bytes: {old:,} → {new:,}"


if __name__ == "__main__":
    run(main)
