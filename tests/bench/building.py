"""Bazel, as measurements run it: by hand, outside of a build."""

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]


def bazel(*arguments: str) -> str:
    """Runs Bazel; returns what it prints."""
    command = [str(HERE / "tools/bazel"), *arguments]
    return subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True).stdout


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
