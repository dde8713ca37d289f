#!/usr/bin/env python3
"""Whether a first-stage loader in Rust unpacks an image whole: with the crates xz2 and tar, of Debian.

    tests/image/emit/stage1_check.py IMAGE MTREE

Compiles tests/image/emit/stage1 with the host's cargo and the crates of librust-xz2-dev and librust-tar-dev, which it
installs as root where they are missing, and unpacks IMAGE, a .tar.xz, with it. Then each path of MTREE has to be
there, with its type, size, digest, target and the permission bits that such a loader keeps, and nothing else.
"""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
CRATES = Path("/usr/share/cargo/registry")
PACKAGES = ("cargo", "librust-xz2-dev", "librust-tar-dev")
SOURCE = {"source.crates-io.replace-with": "debian", "source.debian.directory": str(CRATES)}


def works(program: str) -> bool:
    """Whether a compiler runs: rustup's stand-ins do only for a user who has chosen one."""
    found = shutil.which(program)
    return (
        bool(found)
        and not subprocess.run([program, "--version"], check=False, capture_output=True).returncode
    )


def toolchain() -> tuple[str, str]:
    """cargo and rustc: those on PATH, else Debian's. They and the crates are installed if they are missing."""
    crates = all(list(CRATES.glob(f"{name}-*")) for name in ("xz2", "tar"))
    choices = [("cargo", "rustc"), ("/usr/bin/cargo", "/usr/bin/rustc")]
    working = [choice for choice in choices if all(works(program) for program in choice)]
    if not working or not crates:
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        packages = PACKAGES[1:] if working else PACKAGES
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            subprocess.run(
                ["apt-get", "--quiet=2", *command], env=environ, check=True, stdout=subprocess.DEVNULL
            )
    return working[0] if working else choices[-1]


def compiled(folder: Path) -> Path:
    """The loader."""
    cargo, rustc = toolchain()
    config = [word for key, value in SOURCE.items() for word in ("--config", f'{key}="{value}"')]
    command = [cargo, "build", "--quiet", "--offline", "--release", *config]
    source = shutil.copytree(HERE / "stage1", folder / "source")
    environ = {**os.environ, "CARGO_TARGET_DIR": str(folder), "RUSTC": rustc}
    subprocess.run(command, cwd=source, env=environ, check=True)
    return folder / "release/stage1"


def wanted(mtree: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The paths of a manifest with their keywords."""
    for line in mtree.read_text().splitlines()[1:]:
        path, *words = line.split(" ")
        yield unquoted(path.removeprefix("./")), dict(word.split("=", 1) for word in words)


def unquoted(text: str) -> str:
    """What vis(3) wrote in octal, as it is."""
    return re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), text.encode()).decode()


def problem(path: Path, keywords: dict[str, str]) -> str:
    """What is wrong with an unpacked path, or nothing."""
    if not os.path.lexists(path):
        return "is missing"
    status = path.lstat()
    kinds = {"dir": stat.S_ISDIR, "file": stat.S_ISREG, "link": stat.S_ISLNK}
    if not kinds[keywords["type"]](status.st_mode):
        return f"is no {keywords['type']}"
    if keywords["type"] == "link":
        target = unquoted(keywords["link"])
        return "" if str(path.readlink()) == target else f"leads to {path.readlink()}, not {target}"
    if keywords["type"] == "file":
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if (status.st_size, digest) != (int(keywords["size"]), keywords["sha256digest"]):
            return f"has {status.st_size} bytes with SHA-256 {digest}"
        if status.st_nlink != int(keywords.get("nlink", "1")):
            return f"has {status.st_nlink} names"
    mode, kept = int(keywords["mode"], 8) & 0o777, stat.S_IMODE(status.st_mode)
    return "" if mode == kept else f"has mode {kept:o}, not {mode:o}"


def main(argv: Sequence[str]) -> int:
    """Prints what is wrong; returns 1 if anything is."""
    image, mtree = Path(argv[0]).resolve(), Path(argv[1])
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir(mode=0o755)
        print("compiling the loader", file=sys.stderr, flush=True)
        loader = compiled(folder)
        print(f"unpacking {image.name}, and comparing", file=sys.stderr, flush=True)
        subprocess.run([loader, image, root], check=True)
        paths = dict(wanted(mtree))
        del paths["."]
        problems = [f"/{path} {what}" for path, keys in paths.items() if (what := problem(root / path, keys))]
        there = {str(path.relative_to(root)) for path in root.rglob("*")}
        problems += [f"/{path} is there and should not be" for path in sorted(there - paths.keys())]
    for text in problems:
        print(text)
    print(f"{image.name}: {len(paths)} paths unpacked by Rust's XzDecoder and tar, {len(problems)} wrong")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
