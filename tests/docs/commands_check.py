#!/usr/bin/env python3
"""Runs those commands of README and docs that Bazel can run in an example, or here, in seconds.

    tests/docs/commands_check.py examples/minimal            # after its targets were built, for they are built here, else
    tests/docs/commands_check.py . --disk_cache=FOLDER       # with options of Bazel

`snippets.py` has the list, and what each command's output has to match. A script and no `bazel test`, since it starts Bazel.
"""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.docs import snippets

# The files that commands write into the workspace.
WRITTEN = ("actions.json", "compile_commands.json")

# `bazel` as the manual writes it: ours, with the caller's options where a command takes them.
PRELUDE = """
set -euo pipefail
bazel() {
  local verb=$1
  shift
  [[ $verb != @(build|test|run|aquery) ]] || set -- "${options[@]}" "$@"
  "$tools" "$verb" --noshow_progress "$@"
}
"""


def main(argv: Sequence[str]) -> int:
    """Prints a line for each command; returns 1 if one goes wrong, or if the manual no longer has it."""
    if not argv or argv[0].startswith("-"):
        print(__doc__)
        return 2
    module, *options = argv
    manual = {
        re.sub(r"\s+", " ", line)
        for page in ("README.md", *(f"docs/{path.name}" for path in snippets.HERE.glob("docs/*.md")))
        for block in snippets.blocks(page, (snippets.HERE / page).read_text())
        if block.language is None
        for line in snippets.commands(block)
    }
    wrong = 0
    for command, (where, pattern) in snippets.RUN.items():
        if where != module:
            continue
        print(command, file=sys.stderr, flush=True)
        started = time.monotonic()
        problem = (
            "the manual no longer has it"
            if command not in manual
            else _run(command, module, options, pattern)
        )
        wrong += bool(problem)
        print(f"{'WRONG' if problem else 'ok'}: {command} ({time.monotonic() - started:.0f} s)", flush=True)
        if problem:
            print(problem)
    for name in WRITTEN:
        (snippets.HERE / module / name).unlink(missing_ok=True)
    return 1 if wrong else 0


def _run(command: str, module: str, options: Sequence[str], pattern: str) -> str:
    """What is wrong with a command; empty if nothing."""
    setup = f'tools={snippets.HERE}/tools/bazel\noptions=("$@")\n'
    done = subprocess.run(
        ["bash", "-c", f"{setup}{PRELUDE}{command}", "bash", *options],
        cwd=snippets.HERE / module,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"it ends with status {done.returncode}:\n{done.stdout[-2000:]}"
    if not re.search(pattern, done.stdout):
        return f"its output has nothing like {pattern}:\n{done.stdout[-2000:]}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
