#!/usr/bin/env python3
"""What a user sees when mirrors fail: runs Bazel on a small module against mirrors on loopback.

    tests/packages/mirrors_check.py

A script and no `bazel test`, since it starts Bazel itself, in an output base of its own.
"""

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
GOOD = b"!<arch>\nnot a real package, but these are the bytes that are locked\n"
POOL = "pool/main/t/tiny/tiny_1.0_amd64.deb"
MANIFEST = {"set": {"tiny": {"packages": ["tiny"]}}}
TOML = '# A comment that is not ASCII: …\n[set.tiny]\npackages = ["tiny"]\n'

MODULE = """
module(name = "mirrors_check")
bazel_dep(name = "rules_system_image", version = "0.1.0")
local_path_override(module_name = "rules_system_image", path = "{checkout}")
debian = use_extension("@rules_system_image//system_image:extensions.bzl", "debian")
debian.lock(name = "trixie", lock = "//:debian.lock.json", manifest = "//:debian.toml", relock = "bazel run //:lock")
use_repo(debian, "trixie")
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Drops the line."""


def serve(folder: Path, data: bytes | None) -> str:
    """Starts a mirror that has `data` as the package, or nothing; returns its URL."""
    if data is not None:
        (folder / POOL).parent.mkdir(parents=True)
        (folder / POOL).write_bytes(data)
    folder.mkdir(exist_ok=True)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=os.fspath(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def write_module(folder: Path) -> None:
    """A module whose lock has one package."""
    canonical = json.dumps(MANIFEST, sort_keys=True, separators=(",", ":"))
    package = {
        "version": "1.0",
        "architecture": "amd64",
        "archive": "debian",
        "suite": "trixie",
        "component": "main",
        "path": POOL,
        "size": len(GOOD),
        "sha256": hashlib.sha256(GOOD).hexdigest(),
        "depends": [],
    }
    lock = {
        "version": 2,
        "manifest_sha256": hashlib.sha256(canonical.encode()).hexdigest(),
        "snapshot": "20260101T000000Z",
        "archives": {},
        "packages": {"amd64": {"tiny": package}},
        "sets": {"tiny": {"extends": None, "packages": {"amd64": ["tiny"]}}},
    }
    folder.mkdir()
    (folder / "MODULE.bazel").write_text(MODULE.format(checkout=HERE))
    (folder / "BUILD.bazel").write_text("")
    (folder / ".bazelversion").write_text((HERE / ".bazelversion").read_text())
    (folder / "debian.lock.json").write_text(json.dumps(lock))


def main() -> int:
    """Runs the cases; returns 1 if one of them goes wrong."""
    scratch = Path(tempfile.mkdtemp(prefix="mirrors_check."))
    module = scratch / "module"
    write_module(module)
    good = serve(scratch / "good", GOOD)
    gone = serve(scratch / "gone", None)
    cut_off = serve(scratch / "cut_off", GOOD[:20])
    down = "http://127.0.0.1:9"  # discard: nothing listens there
    sha256 = hashlib.sha256(GOOD[:20]).hexdigest()
    ways_out = ["add a mirror", "--repo_env=DEBIAN_MIRRORS=debian=URL", "bazel run //:lock"]
    # fmt: off
    cases: list[tuple[str, list[str], bool, list[str]]] = [
        ("a mirror that works", [good], True, []),
        ("a mirror that is down, then one that works", [down, good], True, [f"tiny 1.0: not from {down}/{POOL}"]),
        ("a mirror without it, then one that works", [gone, good], True, [f"tiny 1.0: not from {gone}/{POOL}"]),
        ("a cut-off package, then a whole one", [cut_off, good], True, [f"tiny 1.0: not from {cut_off}/{POOL}", sha256]),
        ("all mirrors down or empty", [down, gone], False, ["tiny 1.0 can't be fetched", down, gone, *ways_out]),
        ("only a cut-off package", [cut_off], False, ["tiny 1.0 can't be fetched", sha256, *ways_out]),
        ("a manifest that was changed after locking", [good], False, ["//:debian.lock.json does not fit //:debian.toml", "bazel run //:lock"]),
    ]
    # fmt: on
    wrong = 0
    bazel = [os.fspath(HERE / "tools/bazel"), f"--output_base={scratch}/output_base"]
    try:
        for name, mirrors, works, expected in cases:
            (module / "debian.toml").write_text(
                TOML if "changed" not in name else TOML + "essential = true\n"
            )
            result = subprocess.run(
                [
                    *bazel,
                    "build",
                    # A sandbox has a /tmp of its own, and the checkout may lie in the host's.
                    f"--sandbox_add_mount_pair={HERE}",
                    # The package must really be fetched in each case.
                    f"--repository_cache={scratch}/cache_{name.replace(' ', '_')}",
                    "--repo_env=DEBIAN_MIRRORS=" + " ".join(f"debian={url}" for url in mirrors),
                    "@trixie//:tiny_amd64",
                ],
                cwd=module,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            missing = [text for text in expected if text not in result.stdout]
            fine = (result.returncode == 0) == works and not missing
            wrong += not fine
            print(f"{'ok' if fine else 'WRONG'}: {name}")
            if not fine:
                print(f"status {result.returncode}, missing {missing}, output:\n{result.stdout}")
    finally:
        subprocess.run([*bazel, "shutdown"], cwd=module, check=False, capture_output=True)
        subprocess.run(["chmod", "-R", "u+w", os.fspath(scratch)], check=False)
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
