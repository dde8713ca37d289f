"""Bazel of the host, or Bazel in the toolbox: `python3 tools/airgap [Bazel's arguments]`.

Runs on the Python of the host, from 3.9 on, with its standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parents[1]))

from tools.airgap import enter, errors, handover, host, toolbox  # noqa: E402 - found by the path above


def main() -> int:
    """Becomes a Bazel that can work, having made the toolbox if there is none. Raises ToolError."""
    # A build of the toolbox that is told to stop cleans up behind itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = sys.argv[1:]
    if not enter.inside():
        folder = Path.cwd()
        script = _HERE.parent / "bazel"
        bazel = handover.choose(script, handover.workspace_of(folder), toolbox.cache_folder())
        if bazel:
            # bazelisk would call the workspace's tools/bazel, which is us.
            os.environ["BAZELISK_SKIP_WRAPPER"] = "true"
            os.execv(bazel, [str(bazel), *arguments])
        enter.check_not_covered(folder, "the working directory")
        enter.check_not_covered(_HERE, "the checkout")
        enter.check_not_covered(toolbox.cache_folder(), "the cache folder")
    found = toolbox.find_or_make()
    command = ["/usr/bin/bazel", f"--bazelrc={host.bazelrc(found, _HERE / 'modules')}", *arguments]
    if enter.inside():
        os.execv(command[0], command)
    return enter.run(found, command, host.environment())


errors.run(main)
