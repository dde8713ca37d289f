"""reference_values: writes measurements in the forms that verifiers read."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.formats.measured_file import read
from tools.sysimage.measure.reference_forms import FORMS


def main(argv: Sequence[str]) -> int:
    """Writes each form that is asked for."""
    parser = argparse.ArgumentParser(prog="reference_values", description=__doc__)
    parser.add_argument(
        "--measurements", type=Path, required=True, help="as the rule measurements makes them"
    )
    parser.add_argument(
        "--form",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help=f"one of {', '.join(FORMS)}, and its file",
    )
    options = parser.parse_args(argv)
    measured = read(options.measurements)
    made = {}
    for word in options.form:
        name, _, path = word.partition("=")
        if name not in FORMS:
            raise ToolError(f"forms: {name} is not one of {', '.join(FORMS)}")
        made[Path(path)] = FORMS[name](measured)
    with atomic.outputs(*made) as streams:
        for stream, content in zip(streams, made.values(), strict=True):
            stream.write(content)
    return 0


if __name__ == "__main__":
    run(main)
