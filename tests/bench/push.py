"""What pushing an image of 1 GiB takes, beside `skopeo copy` of the same layout, to a registry on loopback.

    tools/bazel run //tests/bench:push

Both send the layers as they are; skopeo would compress them if it were not told to keep the digests. The exit
status is 0 if the median of the pushes takes at most 1.2 times that of the copies.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.publish.push.registries import RUNFILES, SKOPEO, Registry

ROUNDS = 5
MOST = 1.2


def seconds(argv: Sequence[str | Path], environment: dict[str, str]) -> float:
    """Wall time of a program, which has to succeed."""
    start = time.monotonic()
    subprocess.run(argv, check=True, capture_output=True, env=environment)
    return time.monotonic() - start


def main() -> int:
    """Measures in turns, each time to an empty registry; prints the medians and their ratio."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "RUNFILES_DIR": str(RUNFILES.parent)}
    layout = RUNFILES / "tests/bench/push_large_image"
    pushed: list[float] = []
    copied: list[float] = []
    for _ in range(ROUNDS):
        for times, client in ((pushed, "push"), (copied, "skopeo")):
            # Where /tmp may be in memory, this is not.
            folder = Path(tempfile.mkdtemp(dir=os.environ.get("TMPDIR", "/var/tmp")))
            registry = Registry(folder).start()
            where = f"{registry.host}/base"
            if client == "push":
                argv: list[str | Path] = [RUNFILES / "tests/bench/push_large", "--repository", where]
            else:
                options = ["--insecure-policy", "copy", "--preserve-digests", "--dest-tls-verify=false"]
                argv = [*SKOPEO, *options, f"oci:{layout}", f"docker://{where}:copy"]
            print(client, file=sys.stderr, flush=True)
            times.append(seconds(argv, environment))
            registry.stop()
            shutil.rmtree(folder)
    ratio = statistics.median(pushed) / statistics.median(copied)
    rounds = {"push": [round(time, 2) for time in pushed], "skopeo copy": [round(time, 2) for time in copied]}
    print(json.dumps(rounds))
    medians = f"push {statistics.median(pushed):.2f} s, skopeo copy {statistics.median(copied):.2f} s"
    print(f"{medians}, ratio {ratio:.2f}")
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
