#!/usr/bin/env python3
"""What a user sees when mirrors or the lock fail: runs Bazel on a small module against mirrors on loopback.

    tests/lock/mirrors_check.py

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
from dataclasses import dataclass
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
debian.lock(name = "trixie", lock = "//the $lock:debian.lock.json", manifest = "//the $lock:debian.toml")
use_repo(debian, "trixie")
"""
PACKAGE = "trixie__amd64__tiny__1.0"
FOLDER = "the $lock"  # a shell and a Makefile would both make something else of it
LABEL = f"//{FOLDER}:debian.lock.json"

# What every package that no mirror has is reported with.
GONE = ["tiny 1.0 can't be fetched", "snapshot mirror", "--repo_env=DEBIAN_MIRRORS=debian=URL"]
GONE.append("`bazel run @trixie//:lock -- --update tiny`")


@dataclass(frozen=True, slots=True)
class Case:
    """One call of Bazel: with which files and mirrors, whether it works, and what it says."""

    name: str
    works: bool
    says: list[str]
    mirrors: list[str]
    toml: str | None = TOML
    lock: str | None = None
    """None: there is no lock."""
    command: tuple[str, ...] = ("build", "@trixie//:tiny_amd64")
    imports: tuple[str, ...] = ()
    """Repositories of packages that the command names."""


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


def make_lock(version: int, **package: str) -> str:
    """A lock with one package, whose entry has the fields `package`, too."""
    canonical = json.dumps(MANIFEST, sort_keys=True, separators=(",", ":"))
    entry = {
        "version": "1.0",
        "architecture": "amd64",
        "archive": "debian",
        "suite": "trixie",
        "component": "main",
        "path": POOL,
        "size": len(GOOD),
        "sha256": hashlib.sha256(GOOD).hexdigest(),
        "depends": [],
    } | package
    lock = {
        "version": version,
        "manifest_sha256": hashlib.sha256(canonical.encode()).hexdigest(),
        "snapshot": "20260101T000000Z",
        "archives": {},
        "packages": {"amd64": {"tiny": entry}},
        "sets": {"tiny": {"extends": None, "packages": {"amd64": ["tiny"]}}},
    }
    return json.dumps(lock)


def write_module(folder: Path) -> None:
    """What is the same in all cases."""
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / "BUILD.bazel").write_text("")
    (folder / ".bazelversion").write_text((HERE / ".bazelversion").read_text())


def make_cases(scratch: Path) -> list[Case]:
    """Starts the mirrors and returns what to try on them, one after the other."""
    good = serve(scratch / "good", GOOD)
    gone = serve(scratch / "gone", None)
    cut_off = serve(scratch / "cut_off", GOOD[:20])
    down = "http://127.0.0.1:9"  # discard: nothing listens there
    sha256 = hashlib.sha256(GOOD[:20]).hexdigest()
    version = json.loads((HERE / "system_image/debian.lock.json").read_text())["version"]
    lock = make_lock(version)
    show = ("mod", "show_repo", f"@{PACKAGE}")
    whole_set = ("build", "@trixie//:tiny")
    check = ("run", "@trixie//:lock", "--", "--check")
    # fmt: off
    return [
        # In this order: that the lock is written must be noticed.
        Case("no lock", False, [f"{LABEL}: there is no such lock yet; write it with `bazel run @trixie//:lock`"], [good], command=whole_set),
        Case("no lock, again, when nothing is evaluated anew", False, ["write it with `bazel run @trixie//:lock`"], [good], command=whole_set),
        Case("no lock, and the program that writes it", False, [f"{FOLDER}/debian.toml: [lock] is missing"], [good], command=check),
        Case("a mirror that works", True, [], [good], lock=lock),
        Case("a mirror that is down, then one that works", True, [f"tiny 1.0: not from {down}/{POOL}"], [down, good], lock=lock),
        Case("a mirror without it, then one that works", True, [f"tiny 1.0: not from {gone}/{POOL}"], [gone, good], lock=lock),
        Case("a cut-off package, then a whole one", True, [f"tiny 1.0: not from {cut_off}/{POOL}", sha256], [cut_off, good], lock=lock),
        Case("all mirrors down or empty", False, [f"{down}/{POOL}", f"{gone}/{POOL}", *GONE], [down, gone], lock=lock),
        Case("only a cut-off package", False, [sha256, *GONE], [cut_off], lock=lock),
        Case("a manifest that was changed after locking", False, [f"{LABEL} does not fit //{FOLDER}:debian.toml", "bazel run @trixie//:lock"], [good], toml=TOML + "essential = true\n", lock=lock),
        Case("a package of another module's lock that is gone", False, ["take a version of the module rules_system_image", "(there: `bazel run //system_image:lock -- --update "], [down], lock=lock, command=("build", "@rules_system_image//system_image/tools:xz")),
        Case("the snapshot of the lock", True, ['snapshot = "20260101T000000Z"'], [good], lock=lock, command=show, imports=(PACKAGE,)),
        Case("a package with a snapshot of its own", True, ['snapshot = "20250101T000000Z"'], [good], lock=make_lock(version, snapshot="20250101T000000Z"), command=show, imports=(PACKAGE,)),
        Case("a lock of another version", False, [f"{LABEL}: its version is {version + 1}, and these rules read {version}; remove it and write it anew with `bazel run @trixie//:lock`"], [good], lock=make_lock(version + 1), command=whole_set),
        Case("a lock that is cut off", False, [f"{LABEL}: not a lock, or a damaged one; restore it, or remove it and write it anew with `bazel run @trixie//:lock`"], [good], lock=lock[:-9], command=whole_set),
        Case("a lock without packages", False, [f"{LABEL}: not a lock"], [good], lock=json.dumps({"version": version}), command=whole_set),
        Case("a lock with the marks of a merge", False, [f"{LABEL}: it has the conflict markers of a merge; take one side whole"], [good], lock="<<<<<<< HEAD\n" + lock, command=whole_set),
        Case("a set that is new in the manifest", False, [f"//{FOLDER}:debian.toml: has the set more, which {LABEL} does not have yet; write it with `bazel run @trixie//:lock`"], [good], toml=TOML + '[set.more]\npackages = ["x"]\n', lock=lock, command=("build", "@trixie//:more")),
        Case("no manifest beside the lock", False, [f"//{FOLDER}:debian.toml: there is no such manifest"], [good], toml=None, lock=lock, command=whole_set),
        Case("a damaged lock, and the program that writes it", False, [f"{FOLDER}/debian.toml: [lock] is missing"], [good], lock=lock[:-9], command=check),
        Case("a set with the name of the program", False, [f"//{FOLDER}:debian.toml: a set can't be called lock"], [good], lock=lock.replace('"sets": {"tiny"', '"sets": {"lock"')),
    ]
    # fmt: on


def run(bazel: list[str], module: Path, case: Case, cache: Path) -> subprocess.CompletedProcess[str]:
    """Lays out the files of a case and calls Bazel."""
    imports = "".join(f"use_repo(debian, {name!r})\n" for name in case.imports)
    (module / "MODULE.bazel").write_text(MODULE.format(checkout=HERE) + imports)
    manifest = module / FOLDER / "debian.toml"
    manifest.unlink(missing_ok=True)
    if case.toml is not None:
        manifest.write_text(case.toml)
    lock = module / FOLDER / "debian.lock.json"
    lock.unlink(missing_ok=True)
    if case.lock is not None:
        lock.write_text(case.lock)
    verb, *rest = case.command
    options = [
        # A sandbox has a /tmp of its own, and the checkout may lie in the host's.
        f"--sandbox_add_mount_pair={HERE}",
        # The package must really be fetched in each case.
        f"--repository_cache={cache}",
        "--repo_env=DEBIAN_MIRRORS="
        + " ".join(f"{archive}={url}" for url in case.mirrors for archive in ("debian", "debian-security")),
    ]
    return subprocess.run(
        [*bazel, verb, *(options if verb != "mod" else options[1:]), *rest],
        cwd=module,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def main() -> int:
    """Runs the cases; returns 1 if one of them goes wrong."""
    scratch = Path(tempfile.mkdtemp(prefix="mirrors_check."))
    module = scratch / "module"
    write_module(module)
    wrong = 0
    bazel = [os.fspath(HERE / "tools/bazel"), f"--output_base={scratch}/output_base"]
    try:
        for number, case in enumerate(make_cases(scratch)):
            result = run(bazel, module, case, scratch / f"cache_{number}")
            missing = [text for text in case.says if text not in result.stdout]
            fine = (result.returncode == 0) == case.works and not missing
            wrong += not fine
            print(f"{'ok' if fine else 'WRONG'}: {case.name}", flush=True)
            if not fine:
                print(f"status {result.returncode}, missing {missing}, output:\n{result.stdout}")
    finally:
        subprocess.run([*bazel, "shutdown"], cwd=module, check=False, capture_output=True)
        subprocess.run(["chmod", "-R", "u+w", os.fspath(scratch)], check=False)
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
