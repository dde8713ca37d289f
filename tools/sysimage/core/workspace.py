"""Paths on the command line of programs that `bazel run` starts."""

import os
from pathlib import Path


def workspace_path(text: str) -> Path:
    """Returns a path that a person has written where they called Bazel.

    `bazel run` starts programs elsewhere, and says in BUILD_WORKSPACE_DIRECTORY where the workspace is.
    """
    return Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", "")) / text
