#!/usr/bin/env python3
"""How long an image takes after an edit: from `bazel build` to the image, and which actions it waits for.

    tests/bench/edits.py [--targets vanilla nvidia] [--edits NAME…] [--runs 5] [--mkosi] [--folder DIR]
        [--doc FILE]

Copies the checkout to DIR, or to a folder of its own that is removed in the end, and builds the images there,
from a disk cache if `user.bazelrc` names one. Then it makes each edit RUNS times, each time another one, and
builds without a disk cache. Prints a table of medians, beside what `xz -6` takes for the whole image, and for
each edit the actions of the critical path, from Bazel's profile. The checkout itself stays as it is. The exit
status is 0 if no median is above its limit, and no image is more than 3 % larger than xz's.

With --mkosi, mkosi makes a .tar.xz of vanilla's packages after the same edits: from its cache after those of
files, from packages after the others. It takes root, mmdebstrap and 6 GB more.

The edits:

    nothing        the command alone
    orchestrator   a word in the program's source
    configuration  a line in a file of the base, /etc/hosts
    package        a small package more in the base's set
    upgrade        a package of the base, perl-base, in another version, of which each program has other bytes
    clean          `bazel clean`: all but the packages is made anew
"""

import argparse
import hashlib
import io
import json
import lzma
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from building import HERE, bazel, profile_events
from mkosi import Mkosi, check_host

LOCK, MANIFEST = "system_image/debian.lock.json", "system_image/debian.toml"
ARCHITECTURE = "amd64"
UPGRADED = "perl-base"
# In no set that vanilla is in, and nothing beyond vanilla needed.
MORE = ("libproc2-0", "patch", "readline-common", "libbsd0", "libjansson4", "libnuma1", "libpopt0")

# Seconds on 2 cores; of a clean build, with all packages at hand.
LIMITS: Mapping[str, Mapping[str, float]] = {
    "nothing": {"vanilla": 0.3, "nvidia": 0.3},
    "orchestrator": {"vanilla": 1.5, "nvidia": 2.5},
    "configuration": {"vanilla": 6, "nvidia": 6},
    "package": {"vanilla": 10, "nvidia": 10},
    "upgrade": {"vanilla": 10, "nvidia": 10},
    "clean": {"vanilla": 50},
}
MOST_SIZE = 1.03

# What mkosi makes: the image that ours is, compressed as ours.
_OUTPUT = """\
Format=tar
CompressOutput=xz
CompressLevel=6
"""


@dataclass(frozen=True, slots=True)
class Build:
    """What a build took: seconds in all, and of each part of the critical path."""

    seconds: float
    path: tuple[tuple[str, float], ...]


class Checkout:
    """A copy of the checkout, and Bazel in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packages = folder / "bench-packages"
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=HERE, check=True, capture_output=True).stdout
        for name in [*filter(None, os.fsdecode(listed).split("\0")), "user.bazelrc"]:
            if (HERE / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(HERE / name, folder / name, follow_symlinks=False)
        self.packages.mkdir(exist_ok=True)
        self.originals = {name: (folder / name).read_bytes() for name in (LOCK, MANIFEST)}

    def bazel(self, *words: str) -> str:
        """Runs Bazel in the copy."""
        return bazel(*words, checkout=self.folder)

    def build(self, target: str, *more: str) -> Build:
        """Builds an image as a user does."""
        profile = self.folder / "bench-profile.gz"
        words = [f"--profile={profile}", f"--distdir={self.packages}", *more, f"//system_image:{target}"]
        start = time.monotonic()
        self.bazel("build", *words)
        seconds = time.monotonic() - start
        parts = [event for event in profile_events(profile) if event.get("cat") == "critical path component"]
        return Build(seconds, tuple((named(part["name"]), part["dur"] / 1e6) for part in parts))

    def edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Changes a file, as an editor does."""
        path = self.folder / name
        path.write_bytes(change(path.read_bytes()))

    def lock(self, change: Callable[[dict[str, Any]], None], wanted: Sequence[str] = ()) -> None:
        """Changes the lock, and lets it fit the manifest, to whose set vanilla packages are added."""
        head, name, rest = self.originals[MANIFEST].decode().partition("[set.vanilla]\n")
        more = "".join(f'\n    "{package}",' for package in wanted)
        manifest = head + name + rest.replace("packages = [", f"packages = [{more}", 1)
        (self.folder / MANIFEST).write_text(manifest)
        lock = json.loads(self.originals[LOCK])
        change(lock)
        # As tools/sysimage/lock/manifest.py has it.
        meaning = json.dumps(tomllib.loads(manifest), sort_keys=True, separators=(",", ":"))
        lock["manifest_sha256"] = hashlib.sha256(meaning.encode("ascii")).hexdigest()
        (self.folder / LOCK).write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n")


def named(part: str) -> str:
    """The name of an action in the profile, without what is the same in all."""
    return re.sub(r"^action '|'$|//system_image:|bazel-out/\S*/", "", part)


def nothing(_checkout: Checkout, _run: str) -> None:
    """No edit."""


def orchestrator(checkout: Checkout, run: str) -> None:
    """Another word in what the orchestrator says."""
    # In the program: an edit of a comment gives the same program.
    pattern = rb'"orchestrator: reference orchestrator( x\w+)?'
    new = f'"orchestrator: reference orchestrator x{run}'.encode()
    checkout.edit("system_image/orchestrator/main.cc", lambda data: re.sub(pattern, new, data, count=1))


def configuration(checkout: Checkout, run: str) -> None:
    """Another line at the end of a file."""
    line = f"# {run}\n".encode()
    checkout.edit("system_image/files/etc/hosts", lambda data: re.sub(rb"# x\w+\n\Z", b"", data) + line)


def package(checkout: Checkout, run: str) -> None:
    """One more package in the set of the base."""
    names = MORE[: int(run.removeprefix("x")) + 1]

    def change(lock: dict[str, Any]) -> None:
        # In the lock, a set that extends another has the other's packages, too.
        sets = [entry["packages"].get(ARCHITECTURE, []) for entry in lock["sets"].values()]
        vanilla = set(lock["sets"]["vanilla"]["packages"][ARCHITECTURE])
        for locked in sets:
            if vanilla <= set(locked):
                locked[:] = sorted({*locked, *names})

    checkout.lock(change, names)


def upgrade(checkout: Checkout, run: str) -> None:
    """Another version of a package."""
    base = Path(checkout.bazel("info", "output_base").strip())
    [old, *_] = base.glob(f"external/*__{UPGRADED}__*/*.deb")
    original = checkout.packages / f"{UPGRADED}.original"
    if not original.exists():
        shutil.copyfile(old, original)

    def change(lock: dict[str, Any]) -> None:
        entry = lock["packages"][ARCHITECTURE][UPGRADED]
        entry["version"] += f"+{run}"
        data = upgraded(original.read_bytes(), entry["version"])
        path = checkout.packages / f"{UPGRADED}_{run}_{ARCHITECTURE}.deb"
        path.write_bytes(data)
        entry["path"] = str(Path(entry["path"]).with_name(path.name))
        entry["sha256"], entry["size"] = hashlib.sha256(data).hexdigest(), len(data)

    checkout.lock(change)


def clean(checkout: Checkout, _run: str) -> None:
    """Nothing is left of earlier builds."""
    checkout.bazel("clean")


EDITS = (nothing, orchestrator, configuration, package, upgrade, clean)


def members(deb: bytes) -> Iterator[tuple[str, bytes]]:
    """The members of a .deb, which is an archive of ar(1)."""
    at = 8
    while at < len(deb):
        name, size = deb[at : at + 16].decode().strip(), int(deb[at + 48 : at + 58])
        yield name, deb[at + 60 : at + 60 + size]
        at += 60 + size + size % 2


def upgraded(deb: bytes, version: str) -> bytes:
    """The package in another version: its programs have some bytes more at their ends."""
    out = b"!<arch>\n"
    for name, data in members(deb):
        packed = name.startswith(("control.tar", "data.tar"))
        new = f"{name.partition('.')[0]}.tar.xz" if packed else name
        content = rewritten(data, version) if packed else data
        head = f"{new:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        out += head.encode() + content + b"\n" * (len(content) % 2)
    return out


def rewritten(data: bytes, version: str) -> bytes:
    """A tar of the package in another version."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for info in old:
            file = old.extractfile(info) if info.isreg() else None
            content = file.read() if file else b""
            if content.startswith(b"\x7fELF"):
                content += version.encode()
            elif info.name == "./control":
                content = re.sub(rb"(?m)^Version: .*$", f"Version: {version}".encode(), content)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return lzma.compress(out.getvalue(), preset=0)


def whole(checkout: Checkout, target: str) -> tuple[float, float]:
    """What `xz -6` of the host takes for the image's tar, in seconds; and our size as a multiple of its."""
    image = checkout.folder / f"bazel-bin/system_image/{target}.tar.xz"
    with tempfile.TemporaryDirectory(dir=checkout.folder) as folder:
        tar = Path(folder, "image.tar")
        with lzma.open(image) as source, tar.open("wb") as out:
            shutil.copyfileobj(source, out)
        start = time.monotonic()
        subprocess.run(["xz", "-6", "--threads=1", tar], check=True)
        seconds = time.monotonic() - start
        return seconds, image.stat().st_size / tar.with_suffix(".tar.xz").stat().st_size


def measured(checkout: Checkout, target: str, name: str, runs: int) -> list[Build]:
    """The builds after an edit. The first one is not counted: then all that is needed is at hand."""
    edit = next(edit for edit in EDITS if edit.__name__ == name)
    found = []
    for run in range(runs + 1):
        edit(checkout, f"x{run}")
        found.append(checkout.build(target, "--disk_cache="))
    for original, data in checkout.originals.items():
        (checkout.folder / original).write_bytes(data)
    # Of what was counted before, Bazel remembers only the last: so this is no edit of the next kind.
    checkout.build(target, "--disk_cache=")
    return sorted(found[1:], key=lambda build: build.seconds)


def by_mkosi(checkout: Checkout, names: Sequence[str], runs: int) -> dict[str, float]:
    """What mkosi takes after an edit, in seconds: of those edits that it has anything to do after."""
    checkout.build("vanilla_overlay", "--remote_download_outputs=all")
    overlay = checkout.folder / "bazel-bin/system_image/vanilla_overlay.tar"
    with tempfile.TemporaryDirectory(dir=checkout.folder) as folder:
        peer = Mkosi(Path(folder), overlay, output=_OUTPUT, content="Bootable=no\n")
        seconds: dict[str, float] = {}
        for name in ("orchestrator", "configuration", "packages"):
            costs = [getattr(peer, name)(f"x{run}").wall for run in range(runs + 1)]
            print(
                f"mkosi, {name}: {', '.join(f'{cost:.1f}' for cost in costs[1:])} s",
                file=sys.stderr,
                flush=True,
            )
            seconds[name] = statistics.median(costs[1:])
    # Its cache is of all packages, or of none.
    seconds |= dict.fromkeys(("package", "upgrade", "clean"), seconds.pop("packages"))
    return {name: seconds[name] for name in names if name in seconds}


def document(page: Path, table: Sequence[str]) -> None:
    """Writes the table into a page, in place of the one that is there."""
    before, begin, rest = page.read_text().partition("<!-- edits: begin -->\n")
    _, end, after = rest.partition("<!-- edits: end -->")
    if not end:
        sys.exit(
            f"{page}: has no place for the table: <!-- edits: begin --> and, below it, <!-- edits: end -->"
        )
    lines = "".join(f"{line}\n" for line in table)
    page.write_text(f"{before}{begin}{lines}{end}{after}")


def main(argv: Sequence[str]) -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(prog="edits", description=(__doc__ or "").partition("\n")[0])
    names = [edit.__name__ for edit in EDITS]
    parser.add_argument("--targets", nargs="+", default=["vanilla", "nvidia"])
    parser.add_argument("--edits", nargs="+", default=names, choices=names)
    parser.add_argument("--runs", type=int, default=5, help="builds for each edit; the median counts")
    parser.add_argument("--folder", type=Path, help="where the copy goes; it stays, for the next time")
    parser.add_argument("--doc", type=Path, help="a page whose table is written anew: docs/edits.md")
    parser.add_argument("--mkosi", action="store_true", help="beside ours, what mkosi takes; as root")
    options = parser.parse_args(argv)
    if options.runs >= len(MORE) and "package" in options.edits:
        parser.error(f"--runs: at most {len(MORE) - 1}, since there are so many packages to add")
    if options.mkosi:
        check_host()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="edits.", dir="/var/tmp"))
    checkout = Checkout(folder.resolve())
    results: dict[tuple[str, str], Build] = {}
    compressing = {}
    try:
        for target in options.targets:
            # With all in between, which a disk cache would keep to itself.
            checkout.build(target, "--remote_download_outputs=all")
            for name in options.edits:
                builds = measured(checkout, target, name, options.runs)
                results[target, name] = builds[len(builds) // 2]
                times = ", ".join(f"{build.seconds:.2f}" for build in builds)
                load = os.getloadavg()[0]
                print(f"{target}, {name}: {times} s; load {load:.1f}", file=sys.stderr, flush=True)
            compressing[target] = whole(checkout, target)
        peer = by_mkosi(checkout, options.edits, options.runs) if options.mkosi else {}
    finally:
        if not options.folder:
            checkout.bazel("clean", "--expunge")
            shutil.rmtree(folder)
    columns = {
        target: {name: results[target, name].seconds for name in options.edits} for target in options.targets
    }
    for target in options.targets:
        columns[target]["`xz -6` of all"] = compressing[target][0]
    if peer:
        columns["vanilla, by mkosi"] = peer
    table = [f"| edit | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    for name in (*options.edits, "`xz -6` of all"):
        cells = (f"{found[name]:.1f} s" if name in found else "" for found in columns.values())
        table.append(f"| {name} | {' | '.join(cells)} |")
    print("\n".join(table))
    if options.doc:
        document(options.doc, table)
    for target, (_, ratio) in compressing.items():
        print(f"\n{target}: {ratio:.4f} times the size that `xz -6` makes")
    for (target, name), build in results.items():
        print(f"\n{target}, {name}: {build.seconds:.2f} s")
        for part, took in build.path:
            if took >= 0.01:
                print(f"  {took:6.2f} s  {part}")
    slow = [key for key, build in results.items() if build.seconds > LIMITS[key[1]].get(key[0], 1e9)]
    large = [target for target, (_, ratio) in compressing.items() if ratio > MOST_SIZE]
    print(
        f"\nabove the limits: {', '.join(map(' '.join, slow)) or 'no edit'}; {', '.join(large) or 'no image'}"
    )
    return 1 if slow or large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
