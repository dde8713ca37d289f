"""Bazel, as measurements run it: by hand, outside of a build."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# The checkout; of a program that `bazel run` starts, not its runfiles.
HERE = Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY") or Path(__file__).resolve().parents[2])


def bazel(*words: str, checkout: Path = HERE) -> str:
    """Runs Bazel in a checkout; returns what it prints. Ends the program with what Bazel said if it fails."""
    command = [str(checkout / "tools/bazel"), *words]
    done = subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: bazel {' '.join(words)}: {done.stderr[-6000:]}")
    return done.stdout


def profile_events(profile: Path) -> list[dict[str, Any]]:
    """What is in a profile of Bazel's: JSON trace events."""
    with gzip.open(profile) as stream:
        events: list[dict[str, Any]] = json.load(stream)["traceEvents"]
    return events


def action_seconds(name: str, *build: str) -> float:
    """Builds, and says how long the action took whose progress message holds `name`, sandbox and all."""
    profile = HERE / "bazel-out/bench-profile.gz"
    bazel("build", f"--profile={profile}", *build)
    events = profile_events(profile)
    profile.unlink()
    return max(
        float(event["dur"]) / 1e6
        for event in events
        if event.get("cat") == "action processing" and name in event["name"]
    )
