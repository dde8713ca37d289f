"""Stage lock_fits: says whether a lock fits its manifest, before anything is made of the lock."""

import argparse
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.atomic import output
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.lock.manifest import meaning_sha256


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A file, and the name by which its user knows it."""

    path: Path
    label: str


def check(manifest: LabelledFile, lock: LabelledFile, name: str, relock: str) -> None:
    """Raises ToolError unless the lock was made from the manifest and has the set `name`.

    `relock` is the command that writes the lock anew.
    """
    try:
        asked = meaning_sha256(tomllib.loads(manifest.path.read_text("utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise ToolError(f"{manifest.label}: no TOML ({error}); mend it") from error
    try:
        locked = json.loads(lock.path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{lock.label}: no JSON ({error}); write it anew with `{relock}`") from error
    if not isinstance(locked, dict) or not isinstance(locked.get("sets"), dict):
        raise ToolError(f"{lock.label}: is no lock; write it anew with `{relock}`")
    if locked.get("manifest_sha256") != asked:
        raise ToolError(
            f"{lock.label} does not fit {manifest.label}, which was changed since; "
            f"bring it up to date with `{relock}`"
        )
    if name not in locked["sets"]:
        raise ToolError(f"{lock.label}: has no set {name!r}; write it anew with `{relock}`")


def main(argv: Sequence[str]) -> int:
    """Checks a lock, and writes that it fits."""
    parser = argparse.ArgumentParser(prog="lock_fits", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="debian.toml")
    parser.add_argument("--manifest-label", required=True, help="its name in messages")
    parser.add_argument("--lock", type=Path, required=True, help="debian.lock.json")
    parser.add_argument("--lock-label", required=True, help="its name in messages")
    parser.add_argument("--set", required=True, help="the set that is going to be used")
    parser.add_argument("--relock", required=True, help="the command that writes the lock anew")
    parser.add_argument("--output", type=Path, required=True, help="made if the lock fits")
    options = parser.parse_args(argv)
    manifest = LabelledFile(options.manifest, options.manifest_label)
    lock = LabelledFile(options.lock, options.lock_label)
    check(manifest, lock, options.set, options.relock)
    with output(options.output) as stream:
        # The same after a change of another set: what is made of this one is not made again.
        stream.write(f"{options.set} fits\n".encode())
    return 0


if __name__ == "__main__":
    run(main)
