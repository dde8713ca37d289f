"""Installs one requirement of a lock into site-packages/ and prints its BUILD file.

`wheel.py NAME HUB LOCKED...`, started in the repository's folder, where requirements.txt has the line of
the lock. LOCKED are the normalized names of the whole lock; what the wheel requires must be among them.
"""

import compileall
import json
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement

_BUILD = """\
load("@rules_python//python:py_library.bzl", "py_library")

py_library(
    name = "pkg",
    srcs = glob(
        ["site-packages/**/*.py"],
        allow_empty = True,
    ),
    data = glob(
        ["site-packages/**/*"],
        allow_empty = True,
        exclude = ["site-packages/**/*.py", "site-packages/*.dist-info/RECORD"],
    ),
    imports = ["site-packages"],
    visibility = ["//visibility:public"],
    deps = {deps},
)
"""


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _install(folder: Path) -> None:
    # The index, proxies and certificates are the host's: pip reads its files and PIP_*.
    command = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--root-user-action=ignore", "--break-system-packages"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"]
    command += ["--target", str(folder), "--requirement", "requirements.txt"]
    done = subprocess.run(
        command,
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        sys.exit(" ".join(errors) or done.stderr.strip() or "pip failed")


def _dependencies(folder: Path, asked: Requirement, locked: Sequence[str]) -> list[str]:
    """The locked names that the wheel needs here, by its metadata's markers."""
    found = []
    for metadata in folder.glob("*.dist-info/METADATA"):
        for line in metadata.read_text(encoding="utf-8").split("\n\n")[0].splitlines():
            if not line.startswith("Requires-Dist:"):
                continue
            wanted = Requirement(line.partition(":")[2].strip())
            extras = sorted(asked.extras) or [""]
            if wanted.marker and not any(wanted.marker.evaluate({"extra": e}) for e in extras):
                continue
            name = _normalized(wanted.name)
            if name not in locked:
                sys.exit(f"it needs {wanted}, which is not in the lock: lock the requirements again")
            found.append(name)
    return sorted(set(found))


def main(argv: Sequence[str]) -> int:
    """Installs and prints; SystemExit with one line if it can't."""
    asked, hub, locked = Requirement(argv[0]), argv[1], argv[2:]
    folder = Path("site-packages")
    folder.mkdir(exist_ok=True)
    _install(folder)
    # Scripts name the interpreter's path; the wheel's metadata say what they start.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    compileall.compile_dir(
        folder,
        quiet=2,
        stripdir=str(folder),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    deps = [f"@{hub}//{name}" for name in _dependencies(folder, asked, locked)]
    print(_BUILD.format(deps=json.dumps(deps)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
