"""dm-verity's hash trees, and the superblock before them.

The format is that of the kernel's Documentation/admin-guide/device-mapper/verity.rst, version 1: a digest
is SHA-256(salt, block). The digests of 128 blocks are a block of the next level, the last of a level padded
with zeros, up to a level of one block, whose digest is the root hash. On a disk the uppermost level comes
first.
"""

import hashlib
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from tools.sysimage.core.errors import ToolError

BLOCK = 4096  # bytes, of data and of the tree
_CHUNK = 256 * BLOCK  # what a thread digests at a time
# Signature, version, hash type, UUID, algorithm, sizes of blocks, number of blocks, size of the salt, salt.
_SUPERBLOCK = struct.Struct("<8sII16s32sIIQH6x256s")


def write(data: BinaryIO, tree: BinaryIO, salt: bytes) -> bytes:
    """Writes superblock and hash tree of `data`, from its position to its end; returns the root hash.

    Raises ToolError if `data` is not of two or more whole blocks.
    """
    start = hashlib.sha256(salt)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        chunks = iter(lambda: data.read(_CHUNK), b"")
        level = b"".join(pool.map(lambda chunk: _digests(start, chunk), chunks, buffersize=16))
    blocks = len(level) // start.digest_size
    if blocks < 2:
        raise ToolError("a file system of less than two blocks has no hash tree; give one with files")
    levels = [_padded(level)]
    while len(levels[-1]) > BLOCK:
        levels.append(_padded(_digests(start, levels[-1])))
    root = _digests(start, levels[-1])
    tree.write(superblock(root, salt, blocks))
    for each in reversed(levels):
        tree.write(each)
    return root


def superblock(root: bytes, salt: bytes, blocks: int) -> bytes:
    """The block before a hash tree of `blocks` blocks of data."""
    return _SUPERBLOCK.pack(
        b"verity", 1, 1, root[:16], b"sha256", BLOCK, BLOCK, blocks, len(salt), salt
    ).ljust(BLOCK, b"\0")


def _digests(start: hashlib._Hash, data: bytes) -> bytes:
    """The digests of all blocks; `start` has taken the salt."""
    view = memoryview(data)
    found = []
    for at in range(0, len(data), BLOCK):
        block = view[at : at + BLOCK]
        if len(block) < BLOCK:
            raise ToolError(
                f"a file system ends with {len(block)} bytes of a block of {BLOCK}; write it again"
            )
        digest = start.copy()
        digest.update(block)
        found.append(digest.digest())
    return b"".join(found)


def _padded(level: bytes) -> bytes:
    return level + bytes(-len(level) % BLOCK)
