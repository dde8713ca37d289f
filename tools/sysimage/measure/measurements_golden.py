"""measurements_golden: compares measurements with those that were reviewed, and says what moved them.

With --update, by `bazel run`, it writes the file of those that were reviewed anew.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.formats.measured_file import read, values

_EXAMPLES = {
    "bazel test //:golden_test": "compares, and says which input moved which value",
    "bazel run //:golden_test.update": "writes the reviewed file anew",
}


def main(argv: Sequence[str]) -> int:
    """Compares, or writes. Raises ToolError, after a line for each difference."""
    parser = CommandLine("measurements_golden", __doc__ or "", _EXAMPLES)
    parser.given("--measurements", type=Path)
    # Those that were reviewed, what writes them anew, and the file to write: the two targets give them.
    parser.add_argument("--golden", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--command", default="--update", help=argparse.SUPPRESS)
    parser.add_argument("--update", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.update:
        path = workspace_path(options.update)
        with atomic.output(path) as stream:
            stream.write(options.measurements.read_bytes())
        print(f"wrote {path}")
        return 0
    lines = differences(read(options.golden), read(options.measurements))
    for line in lines:
        print(line)
    if lines:
        raise ToolError(
            f"{options.golden}: {len(lines)} differences; if they are meant, write it anew: {options.command}"
        )
    return 0


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """A line for each input, and for each measurement, that is not what it was."""
    before, after = old["inputs"], new["inputs"]
    moved = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    lines = [f"input {name}: {_change(before.get(name), after.get(name))}" for name in moved]
    were, are = dict(values(old)), dict(values(new))
    for name in dict.fromkeys([*were, *are]):
        was, now = were.get(name), are.get(name)
        if was is None or now is None:
            lines.append(f"{name}: is {'new' if was is None else 'gone'}")
        elif was.value != now.value:
            causes = [cause for cause in dict.fromkeys([*was.of, *now.of]) if cause in moved]
            why = (
                f"moved by {', '.join(causes)}"
                if causes
                else "moved by a change of how it is measured, not of an input"
            )
            lines.append(f"{name}: {why}; it was {was.value}, and is {now.value}")
    return lines


def _change(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    if was is None or now is None:
        return "is new" if was is None else "is gone"
    return ", ".join(
        f"{key} was {was.get(key)}, and is {now.get(key)}" for key in now if was.get(key) != now.get(key)
    )


if __name__ == "__main__":
    run(main)
