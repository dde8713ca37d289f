"""What Oak's stage0 and stage1 measure of a boot (project-oak/oak: stage0/src, oak_kernel_measurement).

stage0 gets the kernel from QEMU in two parts, the setup data and what follows it (Linux,
Documentation/arch/x86/boot.rst), and measures each with SHA-256.
"""

import hashlib
import struct
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError

_MAGIC = b"HdrS"  # at 0x202
_LOADER = 0xB0  # type_of_loader: QEMU
_CMDLINE = 0x20000  # where QEMU puts the command line
_SETUP = 0x10000  # where it puts the setup data


@dataclass(frozen=True, slots=True)
class OakKernel:
    """A kernel, as stage0 measures it: SHA-256."""

    image: bytes
    setup_data: bytes


def measure(kernel: bytes, where: str) -> OakKernel:
    """The two digests of a kernel. Raises ToolError if it is no bzImage."""
    if kernel[0x202:0x206] != _MAGIC:
        raise ToolError(
            f"{where}: is no bzImage, which Oak's stage0 boots; name one for x86-64, or measure without oak"
        )
    size = 512 * ((kernel[0x1F1] or 4) + 1)
    if size < 0x22C or size > len(kernel):
        raise ToolError(
            f"{where}: its setup data would have {size} bytes; take the kernel from its package again"
        )
    setup = bytearray(kernel[:size])
    # QEMU fills these in (hw/i386/x86-common.c, x86_load_linux).
    setup[0x210] = _LOADER
    setup[0x211] |= 0x80  # CAN_USE_HEAP
    struct.pack_into("<H", setup, 0x224, _CMDLINE - _SETUP - 0x200)  # heap_end_ptr
    struct.pack_into("<I", setup, 0x228, _CMDLINE)  # cmd_line_ptr
    # stage0 takes where the initramfs is, and its size, out (stage0/src/zero_page.rs).
    struct.pack_into("<II", setup, 0x218, 0, 0)
    return OakKernel(
        image=hashlib.sha256(memoryview(kernel)[size:]).digest(), setup_data=hashlib.sha256(setup).digest()
    )
