#!/usr/bin/env python3
"""Checks that what the README says is what there is.

    tests/docs/readme_check.py

A script and no `bazel test`, since it reads tests/smoke, which is a module of its own.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
SMOKE = HERE / "tests/smoke"
EXAMPLES = {"BUILD.bazel", "MODULE.bazel", "debian.toml", "tools/BUILD.bazel"}
COMMANDS = ["tools/bazel build //system_image:vanilla", "tools/bazel test //..."]


def example(readme: str) -> Iterator[str]:
    """Yields a line for each part of the consumer's example that tests/smoke does not have, or run."""
    section = re.search(r"^## In a repository of your own\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    text = section[1] if section else ""
    # The file is the last that the line before the block names.
    blocks = re.findall(r"`([^`\n]+)`[^`\n]*:\n\n```\w+\n(.*?)```", text, re.DOTALL)
    if len(blocks) != text.count("```") // 2 or {name for name, _ in blocks} != EXAMPLES:
        yield f"the example's blocks are not those of {', '.join(sorted(EXAMPLES))}, each with its name before it"
        return
    for name, block in blocks:
        if block not in (SMOKE / name).read_text():
            yield f"the example's {name} is not the one of tests/smoke, verbatim:\n{block}"
    commands = re.findall(r"^    bazel (.*?)(?:\s+#.*)?$", text, re.MULTILINE)
    if not commands:
        yield "the example has no command that locks"
    script = (HERE / "tests/lock/first_lock_check.sh").read_text()
    for command in commands:
        if not re.search(rf"^bazel {re.escape(command)}$", script, re.MULTILINE):
            yield f"`bazel {command}` is not what tests/lock/first_lock_check.sh runs"


def server(readme: str) -> Iterator[str]:
    """Yields a line if the guest of one's own packages is not the one of tests/smoke."""
    section = re.search(r"^## A guest of your own packages\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"```starlark\n(.*?)```", section[1] if section else "", re.DOTALL)
    if len(blocks) != 1 or blocks[0] not in (SMOKE / "server/BUILD.bazel").read_text():
        yield "the guest of your own packages is not the one of tests/smoke/server, verbatim"


def problems(readme: str) -> Iterator[str]:
    """Yields a line for each thing that is not as the README says."""
    yield from example(readme)
    yield from server(readme)
    table = re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)
    exported = re.findall(r"^(\w+) = _\w+$", (HERE / "system_image/defs.bzl").read_text(), re.MULTILINE)
    exported += re.findall(
        r"^def ([a-z]\w+)\(", (HERE / "system_image/nvidia/defs.bzl").read_text(), re.MULTILINE
    )
    for name in sorted(set(table) ^ set(exported)):
        yield f"{name} is either in the table of rules or in a defs.bzl, but not in both"
    for link in re.findall(r"\]\(([^)#:]+)\)", readme):
        if not (HERE / link).exists():
            yield f"the link {link} leads nowhere"
    commands = re.findall(r"^    (tools/bazel .*?)(?:\s+#.*)?$", readme, re.MULTILINE)
    if commands[:2] != COMMANDS:
        yield f"the quick start is {commands[:2]}, but CI and users expect {COMMANDS}"


def main() -> int:
    """Prints what is wrong; returns 1 if anything is."""
    found = list(problems((HERE / "README.md").read_text()))
    for problem in found:
        print(f"README.md: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
