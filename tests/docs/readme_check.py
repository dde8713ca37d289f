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
COMMANDS = ["tools/bazel build //system_image:vanilla", "tools/bazel test //..."]


def block(readme: str, caption: str) -> str:
    """The code block that follows a line with `caption`, or what no file contains."""
    match = re.search(rf"^`{re.escape(caption)}`:\n\n```starlark\n(.*?)```", readme, re.MULTILINE | re.DOTALL)
    return match[1] if match else f"(no block {caption})"


def problems(readme: str) -> Iterator[str]:
    """Yields a line for each thing that is not as the README says."""
    for name in ("MODULE.bazel", "BUILD.bazel"):
        if block(readme, name) not in (HERE / "tests/smoke" / name).read_text():
            yield f"the example's {name} is not the one of tests/smoke, verbatim"
    table = re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)
    exported = re.findall(r"^(\w+) = _\w+$", (HERE / "system_image/defs.bzl").read_text(), re.MULTILINE)
    for name in sorted(set(table) ^ set(exported)):
        yield f"{name} is either in the table of rules or in defs.bzl, but not in both"
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
