"""What a manifest says of the packages of a locked set: `packages_manifest` of the rules."""

from dataclasses import dataclass
from pathlib import Path

LOCK_VERSION = 2
"""The version of debian.lock.json that the tools read and write; the rules have it in lock_version.bzl."""


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """A package's file, and what the lock says of it, to check it by; "" is not checked."""

    deb: Path
    name: str = ""
    version: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class PackagesInput:
    """A package set, for a stage that is told nothing else."""

    architecture: str
    packages: tuple[LockedPackage, ...]
