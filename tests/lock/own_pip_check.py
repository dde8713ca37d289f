#!/usr/bin/env python3
"""Whether a repository with Python libraries of its own builds, if its package index lacks those of the lock tool.

A copy of examples/minimal gets a `pip.parse` and a program on a wheel, and an index on loopback that has this wheel
and nothing else. Starts Bazel itself, in an output base of its own. Needs a Debian mirror.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

_HERE = Path(__file__).resolve().parents[2]
_BAZEL = _HERE / "tools/bazel"

# Of every Bazel; the registry's is another name of the same.
_PIP = "@rules_python//python/extensions:pip.bzl%pip"

_MODULE = """
bazel_dep(name = "rules_python", version = "1.9.0")
python = use_extension("@rules_python//python/extensions:python.bzl", "python")
python.toolchain(python_version = "3.14")
pip = use_extension("@rules_python//python/extensions:pip.bzl", "pip")
pip.parse(hub_name = "own_pip", python_version = "3.14", requirements_lock = "//:requirements_lock.txt")
use_repo(pip, "own_pip")
"""

_BUILD = """
load("@rules_python//python:py_binary.bzl", "py_binary")

py_binary(
    name = "program",
    srcs = ["program.py"],
    deps = ["@own_pip//own_greeting"],
)
"""


def _wheel(folder: Path) -> str:
    """Writes the wheel own_greeting 1.0 and the index of the folder; gives the requirement."""
    folder.mkdir(parents=True)
    wheel = folder / "own_greeting-1.0-py3-none-any.whl"
    about = "own_greeting-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("own_greeting.py", 'TEXT = "greetings"\n')
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: own-greeting\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
    return f"own-greeting==1.0 --hash=sha256:{digest}\n"


def _consumer(folder: Path, requirement: str) -> None:
    shutil.copytree(_HERE / "examples/minimal", folder, ignore=shutil.ignore_patterns("bazel-*"))
    shutil.copy(_HERE / ".bazelversion", folder)
    module = folder / "MODULE.bazel"
    module.write_text(module.read_text().replace('"../.."', f'"{_HERE}"') + _MODULE)
    (folder / "requirements_lock.txt").write_text(requirement)
    (folder / "program.py").write_text("import own_greeting\n\nprint(own_greeting.TEXT)\n")
    build = folder / "BUILD.bazel"
    build.write_text(build.read_text() + _BUILD)
    if (_HERE / "user.bazelrc").exists():
        shutil.copy(_HERE / "user.bazelrc", folder / ".bazelrc")


class _Index(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and notes what it is asked for."""

    asked: ClassVar[list[str]] = []

    def log_request(self, code: object = "-", size: object = "-") -> None:
        self.asked.append(self.path)

    def log_error(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Index, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def _bazel(consumer: Path, index: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    print(f"bazel {' '.join(arguments)}", file=sys.stderr, flush=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    # The index of this host, which may have everything, is in a file of pip's.
    environment |= {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": "/dev/null", "PIP_RETRIES": "0"}
    return subprocess.run(
        [_BAZEL, *arguments], cwd=consumer, env=environment, capture_output=True, text=True, check=False
    )


def _check(consumer: Path, index: str) -> Iterator[str]:
    """What is wrong."""
    ran = _bazel(consumer, index, "run", "//:program")
    if ran.stdout.strip() != "greetings":
        yield f"a program on the consumer's own wheel does not run: {ran.stderr[-2000:]}"
    built = _bazel(consumer, index, "test", "//tools:tools_test")
    if built.returncode:
        yield f"the consumer's image does not build: {built.stderr[-2000:]}"
    asked = sorted({path.split("/")[2] for path in _Index.asked})
    if asked != ["own-greeting"]:
        yield f"the index was asked for {asked}, and the consumer uses own-greeting alone"
    used = _bazel(consumer, index, "mod", "show_extension", _PIP)
    if used.returncode or "own_pip" not in used.stdout or re.search("rules_system_image", used.stdout):
        yield f"pip.parse is used by more than the consumer: {used.stdout or used.stderr}"
    locked = _bazel(consumer, index, "build", "@trixie//:lock")
    said = [line for line in locked.stderr.splitlines() if "PIP_INDEX_URL" in line]
    if not locked.returncode or not said or "pysequoia" not in said[0]:
        yield f"the lock tool does not say what it misses: {locked.stderr[-2000:]}"


def main() -> int:
    """Prints what is wrong; 1 if anything is."""
    # Not in /tmp: Bazel 7's sandbox has one of its own.
    place = Path(tempfile.mkdtemp(prefix="own-pip.", dir="/var/tmp"))
    consumer = place / "consumer"
    try:
        _consumer(consumer, _wheel(place / "index/simple/own-greeting"))
        with _served(place / "index") as index:
            wrong = list(_check(consumer, index))
    finally:
        if consumer.exists():
            _bazel(consumer, "", "clean", "--expunge")
        shutil.rmtree(place)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    print(f"{5 - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
