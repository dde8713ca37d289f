"""The rules and the tools agree on what a lock is."""

import re
from pathlib import Path

from tools.sysimage.debian.locked import LOCK_VERSION

RULES = Path(__file__).parents[2] / "system_image/private/lock/lock_version.bzl"


def test_the_rules_would_refuse_the_locks_that_the_tools_write() -> None:
    assert re.findall(r"(?m)^LOCK_VERSION = (\d+)$", RULES.read_text("utf-8")) == [str(LOCK_VERSION)]
