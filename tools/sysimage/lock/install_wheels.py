"""Installs locked wheels into a folder: `install_wheels.py REQUIREMENTS FOLDER`.

The rule that fetches the lock tool's libraries (system_image/private/lock/wheels.bzl) runs it, on a bare
Python. Index, proxies, certificates and credentials are the host's: pip reads its own files and PIP_*.
"""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Debian's pip refuses to install beside Debian's packages, which a folder of its own is not. Byte code holds
# paths of this machine.
_OPTIONS = (
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    "--root-user-action=ignore",
    "--break-system-packages",
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
    "--no-compile",
)


def _pips_environment() -> Mapping[str, str]:
    """The environment, with the pip that Python brings along where none is installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if importlib.util.find_spec("pip") is None:
        import ensurepip  # noqa: PLC0415 (Debian has it in a package of its own)

        bundled = sorted(Path(ensurepip.__file__).with_name("_bundled").glob("pip-*.whl"))
        environment["PYTHONPATH"] = os.pathsep.join(map(str, bundled))
    return environment


def reason(says: str) -> str:
    """What pip complains about, in one line: first which package, then where it looked."""
    errors = (
        re.findall(r"^ERROR: (.*)", says, re.MULTILINE) or says.strip().splitlines()[-1:] or ["pip fails"]
    )
    return "; ".join(error.strip().rstrip(".") for error in errors[:2])


def main(argv: Sequence[str]) -> int:
    """Installs, or prints one line and gives 1."""
    requirements, folder = argv
    try:
        environment = _pips_environment()
    except ImportError as error:
        print(f"{sys.executable} has no pip ({error}): install Debian's python3-pip", file=sys.stderr)
        return 1
    command = [sys.executable, "-B", "-m", "pip", "install", *_OPTIONS]
    done = subprocess.run(
        [*command, "--target", folder, "--requirement", requirements],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        print(
            f"{reason(done.stderr)}: PIP_INDEX_URL or pip.conf has to name an index that has them "
            f"({requirements} locks them)",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
