"""Installs one requirement of a lock into site-packages/ and prints its BUILD file.

`wheel.py NAME HUB LOCKED...`, started in the repository's folder, where requirements.txt has the line of
the lock. LOCKED are the normalized names of the whole lock; what the wheel requires must be among them.
"""

import compileall
import py_compile
import re
import shutil
import subprocess
import sys
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


def _normalized(name):
    return re.sub(r"[-_.]+", "_", name).lower()


def _install(folder):
    # The index, proxies and certificates are the host's: pip reads its files and PIP_*.
    done = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--no-input"]
        + ["--disable-pip-version-check", "--root-user-action=ignore", "--break-system-packages"]
        + ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"]
        + ["--target", str(folder), "--requirement", "requirements.txt"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        sys.exit(" ".join(errors) or done.stderr.strip() or "pip failed")


def _dependencies(folder, asked, locked):
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


def main(argv):
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
    print(_BUILD.format(deps=str(deps).replace("'", '"')))


main(sys.argv[1:])
