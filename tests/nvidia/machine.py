"""Runs programs of an unpacked image with the image as their root, without being root (unshare(2))."""

import ctypes
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.sysimage.core.materialize import write
from tools.sysimage.core.tree import Kind, Tree

_BIND, _REC, _PRIVATE = 0x1000, 0x4000, 0x40000


def unpack(tree: Tree, folder: Path) -> Path:
    """Writes an image to disk, as its first-stage loader does."""
    files = Tree()
    for path in tree.paths():
        if tree[path].kind in (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK):
            files.put(path, tree[path])
    write(files, folder)
    return folder


def run(root: Path, argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a program of the image; its standard output and standard error are one."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()

    def mount(source: str, target: str, flags: int, kind: str = "") -> None:
        if libc.mount(source.encode(), target.encode(), kind.encode(), flags, None):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)

    def enter() -> None:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS | os.CLONE_NEWCGROUP)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        mount("none", "/", _REC | _PRIVATE)
        mount(str(root), str(root), _BIND | _REC)
        for name in ("dev", "proc", "sys"):
            mount(f"/{name}", str(root / name), _BIND | _REC)
        # runc looks for one, although it may not change anything in it.
        mount("cgroup2", str(root / "sys/fs/cgroup"), 0, "cgroup2")
        os.chroot(root)
        os.chdir("/")

    return subprocess.run(
        argv,
        env={"PATH": "/usr/sbin:/usr/bin", **environment},
        preexec_fn=enter,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
