"""Stage bundle: an OCI runtime bundle, config.json and rootfs, of an image or a root filesystem, as a tar.

The image's configuration becomes the container's, as in the image-spec's conversion.md; the rest is as `runc
spec` writes it. The container has no network namespace of its own, since the guest runs nothing else.
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.span import External
from tools.sysimage.core.tree import Inode, Kind, Tree, canonical, directory, file
from tools.sysimage.formats import oci, oci_image, tar

_ROOTFS = "rootfs"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
_HARDENED = ["nosuid", "noexec", "nodev"]
_MOUNTS: tuple[dict[str, Any], ...] = (
    {"destination": "/proc", "type": "proc", "source": "proc", "options": _HARDENED},
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts",
        "type": "devpts",
        "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
        "destination": "/dev/shm",
        "type": "tmpfs",
        "source": "shm",
        "options": [*_HARDENED, "mode=1777", "size=65536k"],
    },
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": _HARDENED},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*_HARDENED, "ro"]},
    {
        "destination": "/sys/fs/cgroup",
        "type": "cgroup",
        "source": "cgroup",
        "options": [*_HARDENED, "relatime", "ro"],
    },
)
_MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"]
_MASKED += ["/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
_READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


@dataclass(frozen=True, slots=True)
class BundleInput:
    """What a container is made of, beside its root filesystem, as the rule hands it over."""

    path: str  # of the program, "" for the image's own
    args: tuple[str, ...]
    env: Mapping[str, str]
    mounts: Mapping[str, str]  # path in the container → "tmpfs", or a path of the guest, ":ro" behind it


@dataclass(frozen=True, slots=True)
class Container(BundleInput):
    """The same, and the base."""

    where: str  # the base, for messages


def main(argv: Sequence[str]) -> int:
    """Writes the bundle."""
    parser = argparse.ArgumentParser(prog="bundle", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, see BundleInput")
    parser.add_argument(
        "--base", type=Path, required=True, help="an OCI image layout, or a root filesystem's tar"
    )
    parser.add_argument("--architecture", required=True, help="of the image, by Debian's name")
    parser.add_argument("--program", type=Path, help="the program to lay into it")
    parser.add_argument("--output", type=Path, required=True, help="the bundle")
    options = parser.parse_args(argv)
    given = json_manifest.read(BundleInput, options.manifest)
    container = Container(given.path, given.args, given.env, given.mounts, str(options.base))
    with ExitStack() as files:
        tree, image = _load(options.base, options.architecture, files, options.output.parent)
        if options.program:
            _put(tree, canonical(container.path, container.where), options.program)
        bundle = Tree()
        text = json.dumps(config(tree, image, container), indent=2) + "\n"
        bundle.put("config.json", file(text.encode()))
        for path in tree.paths():
            bundle.put(f"{_ROOTFS}/{path}".rstrip("/"), tree[path])
        with atomic.output(options.output) as stream:
            tar.write(bundle, stream)
    return 0


def _load(base: Path, architecture: str, files: ExitStack, scratch: Path) -> tuple[Tree, Mapping[str, Any]]:
    platform = oci.Platform("linux", architecture, "")
    if base.is_dir():
        image = oci.ImageLayout(base).image(platform).config.get("config") or {}
        return oci_image.load(base, platform, files, scratch), image
    return tar.load(cast(BinaryIO, files.enter_context(base.open("rb"))), str(base)), {}


def _put(tree: Tree, path: str, program: Path) -> None:
    path = tree.resolve(path)
    inode = Inode(Kind.FILE, 0o755, content=External(program, program.stat().st_size), origin=str(program))
    tree.add(path, inode)


def config(tree: Tree, image: Mapping[str, Any], container: Container) -> dict[str, Any]:
    """The config.json (runtime-spec 1.0.2, config.md) of a container; makes the folders for its mounts.

    `image` is the object `config` of the image's configuration. Raises ToolError if there is nothing to run,
    or if a user or a mount is invalid.
    """
    own = [f"/{container.path}", *container.args]
    args = (
        own if container.path else [*_words(image, "Entrypoint"), *(container.args or _words(image, "Cmd"))]
    )
    if not args:
        raise ToolError(f"{container.where}: the image names no program to run; give binary")
    env = dict(item.partition("=")[::2] for item in [_PATH, *_words(image, "Env")])
    mounts = [*_MOUNTS, *(_mount(*mount, container.where) for mount in container.mounts.items())]
    for mount in mounts:
        path = tree.resolve(mount["destination"])
        # Only the source of a bind tells whether it needs a file or a directory; the runtime makes it.
        if mount["type"] != "bind" and path not in tree:
            tree.add(path, directory())
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": _user(tree, image.get("User") or "0", container.where),
            "args": args,
            "env": [f"{name}={value}" for name, value in {**env, **container.env}.items()],
            "cwd": image.get("WorkingDir") or "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES),
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": _ROOTFS, "readonly": False},
        "hostname": "container",
        "mounts": mounts,
        "linux": {
            "namespaces": [{"type": name} for name in ("pid", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": _MASKED,
            "readonlyPaths": _READ_ONLY,
        },
    }


def _words(image: Mapping[str, Any], key: str) -> list[str]:
    return list(image.get(key) or ())


def _mount(destination: str, what: str, where: str) -> dict[str, Any]:
    if not destination.startswith("/"):
        raise ToolError(
            f"{where}: mounts: {destination!r} is no absolute path; write it as the container sees it"
        )
    if what == "tmpfs":
        options = ["nosuid", "nodev", "mode=1777"]
        return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": options}
    source, colon, mode = what.partition(":")
    if not source.startswith("/") or (colon and mode not in ("ro", "rw")):
        raise ToolError(
            f"{where}: mounts: {what!r} is neither tmpfs nor /PATH, /PATH:ro or /PATH:rw of the guest"
        )
    return {"destination": destination, "type": "bind", "source": source, "options": ["rbind", mode or "rw"]}


def _user(tree: Tree, user: str, where: str) -> dict[str, int]:
    """The user of an image, "user" or "user:group", each a name or a number, as conversion.md asks."""
    name, _, group = user.partition(":")
    fields = _entry(tree, "etc/passwd", name, where)
    uid = int(fields[2]) if fields else int(name)
    gid = int(fields[3]) if fields else 0
    if group:
        fields = _entry(tree, "etc/group", group, where)
        gid = int(fields[2]) if fields else int(group)
    return {"uid": uid, "gid": gid}


def _entry(tree: Tree, path: str, name: str, where: str) -> list[str] | None:
    """The line of a name or number in passwd(5) or group(5); None for a number without a line."""
    inode = tree.find(path)
    for line in inode.read().decode("utf-8", "replace").splitlines() if inode else ():
        fields = line.split(":")
        if len(fields) > 3 and name in (fields[0], fields[2]):
            return fields
    if not re.fullmatch(r"[0-9]{1,9}", name):
        raise ToolError(
            f"{where}: the image's user {name!r} is not in its /{path}; give a number, or add it there"
        )
    return None


if __name__ == "__main__":
    run(main)
