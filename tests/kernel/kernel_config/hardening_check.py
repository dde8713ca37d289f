"""Compares the set `hardening` with kernel-hardening-checker, on the configurations that it brings and on others.

    apt-get download kernel-hardening-checker && dpkg-deb -x kernel-hardening-checker_*.deb DIR
    tools/bazel run //tests/kernel/kernel_config:hardening_check -- --checker DIR [CONFIG…]

By hand: the program is in no stable release. The exit status is 1 if a condition is judged otherwise.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.testing.progress import told
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.kernel.kernel_config import holds, parse, required

_START = "from kernel_hardening_checker import main; main()"


def judge(folder: Path, config: Path) -> dict[str, bool]:
    """Returns what the program says of each option."""
    done = subprocess.run(
        ["python3", "-c", _START, "-c", str(config), "-m", "json"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise ToolError(f"{config}: kernel-hardening-checker ended with {done.returncode}")
    return {
        answer["option_name"].removeprefix("CONFIG_"): answer["check_result_bool"]
        for answer in json.loads(done.stdout)
        if answer["type"] == "kconfig"
    }


def main(argv: Sequence[str]) -> int:
    """Prints what differs; see the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checker", type=Path, required=True, help="where its package is unpacked")
    parser.add_argument("configs", type=Path, nargs="*")
    arguments = parser.parse_args(argv)
    folder = arguments.checker / "usr/lib/python3/dist-packages"
    compared = differing = files = 0
    paths = [*arguments.configs, *sorted((folder / "kernel_hardening_checker").rglob("*.config"))]
    for path in told(paths, len(paths), "configurations"):
        try:
            config = parse(path.read_text(), path.name)
        except ToolError:
            continue  # of another architecture
        files += 1
        conditions = required(["hardening"], config.architecture)
        ours = {condition.option: holds(condition.text, config) for condition in conditions}
        theirs = judge(folder, path)
        for option in sorted(ours.keys() | theirs.keys()):
            if f"{option}_MAX" not in config.options and option not in theirs:
                continue  # one that is measured by another, which a fragment lacks
            compared += 1
            if ours.get(option) != theirs.get(option):
                differing += 1
                print(
                    f"{path.name}: {option}: {ours.get(option)}, and kernel-hardening-checker {theirs.get(option)}"
                )
    print(f"{compared} conditions of {files} configurations compared, {differing} differ")
    return 1 if differing or not files else 0


if __name__ == "__main__":
    run(main)
