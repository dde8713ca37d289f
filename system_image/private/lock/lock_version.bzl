"""The version of `debian.lock.json` that the rules read.

The tools' is LOCK_VERSION in tools/sysimage/debian/locked.py; tests/lock/lock_version_test.py compares them.
"""

LOCK_VERSION = 2
