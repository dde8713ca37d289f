"""`bazel run` of a machine: the status, a shell on the console, a bundle in a folder."""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path

LIMIT = 240  # seconds
SHELL = b"root@"  # of bash's prompt


def main() -> int:
    """Boots; returns 0 if what the machine shows, and how it ends, is as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--vm", type=Path, required=True)
    parser.add_argument("--share", type=Path, help="a bundle's tar, to be shared as a folder")
    parser.add_argument("--type", help="what to type at the root shell of --debug")
    parser.add_argument("--expect", action="append", required=True)
    parser.add_argument("--status", type=int, required=True)
    options = parser.parse_args()
    # As `bazel run` does it: the program's own arguments, its folder, and where the user is.
    command = [str(options.program.absolute()), "--vm", str(options.vm)]
    with tempfile.TemporaryDirectory(dir=os.environ["TEST_TMPDIR"]) as folder:
        if options.share:
            with tarfile.open(options.share) as archive:
                archive.extractall(Path(folder, "app"), filter="tar")
            command += ["--share", "app"]
        if options.type:
            command.append("--debug")
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "BUILD_WORKING_DIRECTORY": folder},
        ) as vm:
            alarm = threading.Timer(LIMIT, vm.kill)
            alarm.start()
            seen = talk(vm, options.type)
            alarm.cancel()
    text = seen.decode("utf-8", "replace")
    print(text)
    missing = [expected for expected in options.expect if expected not in text]
    print(f"ended with status {vm.returncode}; missing on the console: {missing}", file=sys.stderr)
    return 0 if vm.returncode == options.status and not missing else 1


def talk(vm: subprocess.Popen[bytes], typed: str | None) -> bytes:
    """Types at the first prompt, if anything; returns all that was shown."""
    assert vm.stdin is not None
    assert vm.stdout is not None
    seen = b""
    while chunk := os.read(vm.stdout.fileno(), 4096):
        seen += chunk
        if typed and SHELL in seen:
            vm.stdin.write(f"{typed}\n".encode())
            vm.stdin.flush()
            typed = None
    return seen


if __name__ == "__main__":
    sys.exit(main())
