"""Whether this host has a Bazel that can work: bazelisk or bazel, and a registry that it reaches.

The test is what the next command does first anyway: to resolve the modules of the workspace, with the
user's own settings, mirrors, proxies and credentials. Its answer is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tools.airgap.errors import ToolError, say

# The variable that overrides the choice: 1 for the toolbox, 0 for the host's Bazel.
VARIABLE = "RULES_SYSTEM_IMAGE_AIRGAP"

# How long the test may take: bazelisk may have to fetch Bazel (60 MB). Seconds.
_PATIENCE = 120

# How long its answer is good for. A 'no' is asked again soon: the network may be back. Seconds.
_YES_LASTS, _NO_LASTS = 30 * 24 * 3600, 3600


def workspace_of(folder: Path) -> Path | None:
    """The root of the Bazel workspace that `folder` lies in."""
    for path in [folder, *folder.parents]:
        if any((path / name).exists() for name in ("MODULE.bazel", "REPO.bazel", "WORKSPACE")):
            return path
    return None


def host_bazel(script: Path) -> Path | None:
    """The first bazelisk on PATH, else the first bazel, that is not `script`."""
    for name in ("bazelisk", "bazel"):
        for folder in os.get_exec_path():
            found = shutil.which(name, path=folder)
            if found and Path(found).resolve() != script.resolve():
                return Path(found)
    return None


def _why_not(bazel: Path, workspace: Path) -> str:
    """Resolves the workspace's modules; gives the reason if that fails, else an empty string."""
    command = [str(bazel), "mod", "graph", "--depth=1", "--lockfile_mode=off", "--noshow_progress"]
    environment = dict(os.environ, BAZELISK_SKIP_WRAPPER="true")
    try:
        started = subprocess.Popen(
            command,
            cwd=workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return f"can't start it: {error.strerror}"
    with started:
        try:
            _, stderr = started.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            return f"no answer within {_PATIENCE} s"
    if started.returncode == 0:
        return ""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line or "could not" in line]
    # A mistake in the workspace is for its user to see, from that very Bazel.
    if any(line.startswith(f"ERROR: {workspace}/") for line in errors):
        return ""
    return (errors or lines or [f"exit status {started.returncode}"])[0]


def _key(bazel: Path, workspace: Path) -> str:
    """Names an answer: another Bazel, another workspace or another pinned version is another question."""
    real = bazel.resolve()
    found = real.stat()
    version = workspace / ".bazelversion"
    parts = (
        real,
        found.st_size,
        found.st_mtime_ns,
        workspace,
        version.read_bytes() if version.exists() else b"",
        os.environ.get("USE_BAZEL_VERSION", ""),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def can_work(bazel: Path, workspace: Path, cache: Path) -> bool:
    """Whether `bazel` resolves the modules of `workspace`; `cache`: the folder for the answer."""
    answer = cache / "host-bazel" / _key(bazel, workspace)
    with contextlib.suppress(FileNotFoundError):
        reason = answer.read_text(encoding="utf-8")
        age = time.time() - answer.stat().st_mtime
        if 0 <= age < (_NO_LASTS if reason else _YES_LASTS):
            return not reason
    reason = _why_not(bazel, workspace)
    if reason:
        say(f"{bazel} can't work here ({reason}), so Bazel runs in the toolbox; {VARIABLE}=0 insists on it")
    answer.parent.mkdir(parents=True, exist_ok=True)
    answer.write_text(reason, encoding="utf-8")
    return not reason


def choose(script: Path, workspace: Path | None, cache: Path) -> Path | None:
    """The Bazel of the host to hand over to, or None for the toolbox.

    script: this tool's own entry, which is no Bazel. Raises ToolError if the host's is insisted on and
    there is none.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "1":
        return None
    bazel = host_bazel(script)
    if wanted == "0":
        if bazel is None:
            raise ToolError(f"{VARIABLE}=0 asks for the host's Bazel, and PATH has no bazelisk and no bazel")
        return bazel
    if wanted:
        raise ToolError(f"{VARIABLE} is '{wanted}': 1 asks for the toolbox, 0 for the host's Bazel")
    if bazel is None or workspace is None or not can_work(bazel, workspace, cache):
        return None
    return bazel
