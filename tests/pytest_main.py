"""Runs pytest on the modules that the command line names, as Bazel starts and asks it."""

import os
import sys

import pytest


def main() -> int:
    """Returns pytest's status; no test at all is a failure."""
    arguments = ["-p", "no:cacheprovider", "--import-mode=importlib", "-q", *sys.argv[1:]]
    if report := os.environ.get("XML_OUTPUT_FILE"):
        arguments.append(f"--junitxml={report}")
    if chosen := os.environ.get("TESTBRIDGE_TEST_ONLY"):
        arguments.append(f"-k={chosen}")
    if folder := os.environ.get("TEST_TMPDIR"):
        arguments.append(f"--basetemp={folder}/pytest")
    return pytest.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
