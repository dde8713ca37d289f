"""Runs Bazel in the toolbox: `python3 tools/airgap [Bazel's arguments]`. tools/bazel calls this.

Runs on the Python of the host, from 3.9 on, with its standard library only.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.airgap import enter, errors, host, toolbox  # noqa: E402


def main() -> int:
    """Makes the toolbox if there is none, and becomes Bazel in it."""
    modules = Path(__file__).resolve().parent / "modules"
    enter.check_not_covered(Path.cwd(), "the working directory")
    enter.check_not_covered(modules, "the checkout")
    enter.check_not_covered(toolbox.cache_folder(), "the cache folder")
    found = toolbox.find_or_make()
    command = ["/usr/bin/bazel", *host.settings(found, modules), *sys.argv[1:]]
    enter.enter(found, command, host.environment())
    return 1


errors.run(main)
