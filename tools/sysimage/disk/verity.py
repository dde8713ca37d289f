"""verity: a flat tar becomes an erofs with its hash tree and root hash.

The erofs has what the tar says: owners, modes, attributes, hard links, devices; all times are 0. UUID and
salt follow from the tar's bytes, so the same tar gives the same three files on every host.

The hash tree is dm-verity's, as veritysetup(8) of cryptsetup writes it (format 1, hash type 1): SHA-256,
blocks of 4096 bytes, a salt of 32 bytes, and before the tree its superblock, whose UUID is the root hash's
first 128 bits.
"""

import argparse
import errno
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.disk import hash_tree
from tools.sysimage.formats import layer, tar
from tools.sysimage.formats.tarformat import BLOCK

# Compression → options of mkfs.erofs. Clusters of 64 KiB are a sixth smaller than blocks of their own.
COMPRESSIONS = {"none": (), "lz4hc": ("-zlz4hc", "-C65536")}
# What is mounted over when the guest starts: a read-only root can't make it.
_FOLDERS = ("dev", "etc", "proc", "run", "sys", "tmp", "var")
_INIT = "sbin/init"
_FULL = 1 << 20  # bytes that are left on a disk that is full
# Bytes of an entry's headers, of which mkfs.erofs reads 32 KiB of attributes and long names, and no more.
_MOST_HEADERS = (32 << 10) + 2 * BLOCK


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `make`."""
    parser = argparse.ArgumentParser(prog="verity", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument(
        "--layer", type=Path, action="append", required=True, help="flat tar, and what is laid over it"
    )
    parser.add_argument("--compression", choices=sorted(COMPRESSIONS), default="none")
    parser.add_argument("--mkfs", type=Path, required=True, help='JSON {"argv": […]}: what starts mkfs.erofs')
    parser.add_argument("--data", type=Path, required=True, help="erofs to write")
    parser.add_argument("--hash-tree", type=Path, required=True, help="hash tree to write")
    parser.add_argument("--root-hash", type=Path, required=True, help="root hash to write: 64 digits")
    options = parser.parse_args(argv)
    make(
        options.layer,
        (*tool_argv(options.mkfs), *COMPRESSIONS[options.compression]),
        (options.data, options.hash_tree, options.root_hash),
    )
    return 0


def make(layers: Sequence[Path], mkfs: Sequence[str], outputs: tuple[Path, Path, Path]) -> None:
    """Writes erofs, hash tree and root hash of the first tar with the others over it.

    Raises ToolError for a tar that is not one of ours, for a tree that can't be a read-only root, and if
    mkfs.erofs fails.
    """
    with tempfile.TemporaryDirectory(dir=outputs[0].parent) as folder:
        flat, image = Path(folder, "flat.tar"), Path(folder, "erofs")
        digest = _flatten(layers, flat)
        _make_erofs(flat, image, digest, mkfs)
        flat.unlink()
        salt = hashlib.sha256(b"salt" + digest).digest()
        with image.open("rb") as data, atomic.outputs(*outputs[1:]) as [tree, root]:
            root_hash = hash_tree.write(data, tree, salt)
            root.write(f"{root_hash.hex()}\n".encode())
        # mkfs made it for its owner alone.
        image.chmod(0o644)
        image.replace(outputs[0])


def _flatten(layers: Sequence[Path], flat: Path) -> bytes:
    """Writes one tar of all layers; returns its SHA-256."""
    first, *others = layers
    with first.open("rb") as stream:
        tree = tar.load(stream, str(first))
        streams = [path.open("rb") for path in others]
        try:
            for path, over in zip(others, streams, strict=True):
                layer.apply(tree, tar.read(over, str(path)), str(path))
            _check(tree)
            with flat.open("wb") as out:
                tar.write(tree, out)
        finally:
            for over in streams:
                over.close()
    with flat.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _check(tree: Tree) -> None:
    for path in _FOLDERS:
        inode = tree.get(path)
        if inode is None or inode.kind is not Kind.DIRECTORY:
            raise ToolError(
                f"the image has no folder /{path}, which a guest with a read-only root mounts over; add one"
            )
    init = tree.find(_INIT)
    if init is None or init.kind is not Kind.FILE or not init.mode & 0o111:
        raise ToolError(f"the image has no program /{_INIT}, which starts the guest; add its package")
    for path, inode in tree.walk():
        if inode.xattrs and len(tar.header(path, inode)) > _MOST_HEADERS:
            raise ToolError(f"/{path}: has extended attributes of more than 32 KiB; leave some of them out")


def _make_erofs(flat: Path, image: Path, digest: bytes, mkfs: Sequence[str]) -> None:
    # mkfs.erofs 1.8 keeps a copy of the data; with too little room it waits for ever, or blames a checksum.
    room = shutil.disk_usage(image.parent).free
    if not any(word.startswith("-z") for word in mkfs) and room < 2 * flat.stat().st_size:
        raise _full()
    uuid = hashlib.sha256(b"uuid" + digest).hexdigest()
    done = subprocess.run(
        [
            *mkfs,
            *("--quiet", "--tar=f", "-T0", "--all-time"),
            *("-U", "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:32]))),
            *(str(image), str(flat)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode and shutil.disk_usage(image.parent).free < _FULL:
        raise _full()
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise ToolError(f"mkfs.erofs ended with status {done.returncode}: {said or 'it said nothing'}")


def _full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


if __name__ == "__main__":
    run(main)
