"""What is in an erofs, by erofs-utils' own programs, in the words of mtree(5)."""

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.testing.programs import argv

LIMIT = 40  # seconds
# The root of a sandbox can give files to nobody but itself.
ROOT = os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
_OWNERS = re.compile(r"Uid: (\d+) +Gid: (\d+) +Access: (\d+)/")
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}

type Manifest = dict[str, list[str]]  # path, as mtree quotes it → keywords


def read_mtree(lines: Iterable[str]) -> Manifest:
    """A manifest by path; what an ordinary user can't extract is left out of its keywords."""
    found = {}
    for line in lines:
        if not line.startswith("#"):
            path, *words = line.split()
            found[path] = [word for word in words if _extracted(word)]
    return found


def _extracted(word: str) -> bool:
    return ROOT or not word.startswith(("uid=", "gid=", "xattr.security", "xattr.trusted"))


def extract(erofs: Path, folder: Path, fsck: Path) -> Manifest:
    """Extracts a file system into folders of this one; returns what is there then."""
    folder.mkdir()
    tree = folder / "tree"
    _extract(erofs, tree, fsck, "--no-preserve-owner", "--xattrs")
    owners = folder / "owners" if ROOT else tree
    if ROOT:
        # It gives a file its owner after its attributes, and with a new owner Linux takes capabilities away.
        _extract(erofs, owners, fsck, "--preserve-owner", "--no-xattrs")
    found = {".": _words(tree, owners)}
    for path in tree.rglob("*"):
        name = path.relative_to(tree)
        found["./" + quoted(str(name))] = _words(path, owners / name)
    return found


def _extract(erofs: Path, folder: Path, fsck: Path, *options: str) -> None:
    command = [*argv(fsck), f"--extract={folder}", "--preserve-perms", *options, str(erofs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def quoted(path: str) -> str:
    """A path as the manifest has it."""
    plain = set(range(0x21, 0x7F)) - {ord("\\"), ord("#")}
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in os.fsencode(path))


def _words(path: Path, owned: Path) -> list[str]:
    status, owners = path.lstat(), owned.lstat()
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    words = [
        f"type={kind}",
        f"mode={stat.S_IMODE(owners.st_mode):04o}",
        *(f"uid={owners.st_uid}", f"gid={owners.st_gid}"),
    ]
    if kind == "file":
        words += [f"nlink={status.st_nlink}"] if status.st_nlink > 1 else []
        words += [f"size={status.st_size}", f"sha256digest={_sha256(path, status)}"]
    elif kind == "link":
        words.append(f"link={quoted(os.readlink(path))}")  # noqa: PTH115 - Path takes a slash away
    elif kind in ("char", "block"):
        words.append(f"device=linux,{os.major(status.st_rdev)},{os.minor(status.st_rdev)}")
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        words.append(f"xattr.{name}={os.getxattr(path, name, follow_symlinks=False).hex()}")
    return [word for word in words if _extracted(word)]


def _sha256(path: Path, status: os.stat_result) -> str:
    # An ordinary user can't read what its owner can't, such as a shadow file of mode 0.
    mode = stat.S_IMODE(status.st_mode)
    if not mode & stat.S_IRUSR:
        path.chmod(mode | stat.S_IRUSR)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not mode & stat.S_IRUSR:
        path.chmod(mode)
    return digest


def differences(wanted: Mapping[str, Sequence[str]], found: Mapping[str, Sequence[str]]) -> list[str]:
    """A line for each path that is not as it has to be."""
    return [
        f"{path}: {' '.join(wanted.get(path, ['missing']))} is {' '.join(found.get(path, ['missing']))}"
        for path in sorted({*wanted, *found})
        if wanted.get(path) != found.get(path)
    ]


def owner(erofs: Path, path: str, dump: Path) -> tuple[int, int, int]:
    """User, group and permissions of a path; of other bits it tells nothing."""
    command = [*argv(dump), f"--path=/{path}", str(erofs)]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=True)
    found = _OWNERS.search(done.stdout.decode("utf-8", "replace"))
    assert found, done.stdout
    return int(found[1]), int(found[2]), int(found[3], 8)
