"""The lock tool: `--manifest debian.toml --lock debian.lock.json`, or `--check` without a network."""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.sysimage import mirrors as host
from tools.sysimage.errors import ToolError
from tools.sysimage.lock import lockfile, manifest
from tools.sysimage.lock.archive import Release, fetch_release, read_packages
from tools.sysimage.lock.fetch import Cache, Mirrors
from tools.sysimage.lock.packages import Index
from tools.sysimage.lock.resolve import Closure, resolve
from tools.sysimage.lock.signature import Keyring
from tools.sysimage.lock.summary import summary

# A few weeks of daily locking; Debian's indexes of one day are 40 MB for two architectures.
_CACHED_FILES = 200


def main(argv: Sequence[str]) -> int:
    """Locks, or checks a lock. Returns the exit status; raises ToolError."""
    parser = argparse.ArgumentParser(prog="lock", description=__doc__)
    parser.add_argument("--manifest", required=True, type=_workspace_path, help="debian.toml")
    parser.add_argument("--lock", required=True, type=_workspace_path, help="debian.lock.json")
    parser.add_argument("--check", action="store_true", help="only say whether the lock fits its manifest")
    arguments = parser.parse_args(argv)
    wanted = manifest.load(arguments.manifest)
    old = lockfile.load(arguments.lock)
    if arguments.check:
        check(wanted, old, arguments.lock, arguments.manifest)
        return 0
    started = time.monotonic()
    new = make(wanted, arguments.manifest.parent, os.environ)
    lockfile.save(new, arguments.lock)
    print("\n".join(summary(old, new)) or "no change of any package")
    print(f"wrote {arguments.lock} in {time.monotonic() - started:.1f} s", file=sys.stderr)
    return 0


def check(
    wanted: manifest.Manifest, lock: lockfile.Lock | None, lock_path: Path, manifest_path: Path
) -> None:
    """Raises ToolError unless `lock` was made from the manifest as it is now."""
    if lock is None:
        raise ToolError(f"{lock_path}: there is no lock yet; run this tool without --check to write it")
    if lock.get("manifest_sha256") != wanted.sha256:
        raise ToolError(
            f"{lock_path} does not fit {manifest_path}, which has changed since; "
            f"run this tool without --check to lock anew"
        )


def make(wanted: manifest.Manifest, folder: Path, environ: Mapping[str, str]) -> lockfile.Lock:
    """Fetches, verifies and resolves; `folder` is the manifest's. Raises ToolError."""
    keyring = Keyring(folder / wanted.keyring)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    urls = host.host_mirrors((archive.name for archive in wanted.archives), now, environ)
    mirrors = {name: Mirrors(name, listed) for name, listed in urls.items()}
    cache = Cache.of_user(environ)
    releases: dict[str, list[Release]] = {}
    for archive in wanted.archives:
        for suite in archive.suites:
            release = fetch_release(archive, suite, mirrors[archive.name], keyring)
            releases.setdefault(archive.name, []).append(release)
    closures: dict[str, dict[str, Closure]] = {}
    for architecture in wanted.architectures:
        index = Index(architecture)
        for archive in wanted.archives:
            for release in releases[archive.name]:
                read_packages(index, archive, release, mirrors[archive.name], cache)
        resolved = closures.setdefault(architecture, {})
        for package_set in wanted.sets:
            base = resolved[package_set.extends] if package_set.extends else None
            closure = resolve(index, package_set, base)
            resolved[package_set.name] = closure
            print(f"resolved {package_set.name} for {architecture}", file=sys.stderr)
            for name in closure.unused:
                print(
                    f"warning: [set.{package_set.name}] exclude: nothing needs {name} for {architecture}",
                    file=sys.stderr,
                )
    cache.prune(_CACHED_FILES)
    return lockfile.build(wanted, releases, closures)


def _workspace_path(text: str) -> Path:
    """A path of the command line; `bazel run` starts us elsewhere and says where the user stood."""
    return Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", "")) / text
