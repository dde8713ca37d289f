#!/usr/bin/env python3
"""Whether image_diff names all that diffoscope and dpkg name between two images.

    tests/evidence/diff_check.py OLD NEW DIFFERENCE

OLD and NEW are system images, tarballs of any compression; DIFFERENCE is what `bazel run //system_image:diff -- OLD NEW
--format json` has printed. diffoscope is a program on PATH (PyPI's or Debian's), which compares the archives; what dpkg
would list is each image's var/lib/dpkg/status.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

# Programs that look into files: that a file differs is enough.
_WITHOUT = ("readelf", "objdump", "nm", "strings")
# Of an archive's list of files: mode, four numbers, date, time, path.
_LINE = re.compile(r"[+-][-dlhbcp]\S{9}(?:\s+\d+){4}\s+\S+\s+\S+\s+(\S+)")


def main(arguments: list[str]) -> int:
    """Prints what one of both names and the other does not; returns 1 if there is anything."""
    old, new = Path(arguments[0]), Path(arguments[1])
    difference: dict[str, Any] = json.loads(Path(arguments[2]).read_bytes())
    ours = {path for part in difference["files"].values() for kind in part.values() for path in kind}
    failures = report("paths", ours, diffoscope(old, new))
    packages = difference["packages"]
    named = {name.partition(":")[0] for kind in packages.values() for name in kind}
    before, after = dpkg(old), dpkg(new)
    listed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    failures += report("packages", named, listed)
    for name, text in packages["changed"].items():
        assert text == f"{before[name]} → {after[name]}", name
    return 1 if failures else 0


def report(what: str, ours: set[str], theirs: set[str]) -> int:
    """Prints both counts, and what differs; returns how many do."""
    print(f"{what}: image_diff names {len(ours)}, they name {len(theirs)}")
    for name in sorted(ours ^ theirs):
        print(f"  {name}: only {'image_diff' if name in ours else 'the other'} names it")
    return len(ours ^ theirs)


def diffoscope(old: Path, new: Path) -> set[str]:
    """Paths that differ in content, type, link, mode or owner, or are in one alone."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "found.json"
        options = [f"--exclude-command=^{name}" for name in _WITHOUT]
        subprocess.run(["diffoscope", *options, "--json", output, old, new], check=False)
        root: dict[str, Any] = json.loads(output.read_bytes())
    found = set()
    for part in members(root):
        if part["source1"] == "file list":
            found.update(_LINE.findall(part["unified_diff"]))
        else:
            found.add(part["source1"])
    return {os.path.normpath(path) for path in found}


def members(root: dict[str, Any]) -> list[dict[str, Any]]:
    """What diffoscope says of an archive: its list of files, and each file; of a compressed one, the archive within."""
    parts: list[dict[str, Any]] = root.get("details", [])
    if parts and all(part["source1"] != "file list" and part.get("details") for part in parts):
        return [inner for part in parts for inner in members(part)]
    return parts


def dpkg(image: Path) -> dict[str, str]:
    """Package → version, as `dpkg -l` would list them."""
    with tarfile.open(image) as archive:
        stream = archive.extractfile("var/lib/dpkg/status")
        assert stream
        text = stream.read().decode()
    found = {}
    for part in text.split("\n\n"):
        fields = dict(re.findall(r"^(\S+): (.*)$", part, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
