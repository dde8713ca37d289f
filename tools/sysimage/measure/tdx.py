"""MRTD of Intel TDX guests, as QEMU and KVM launch them.

Pages are added by TDH.MEM.PAGE.ADD, and their content by TDH.MR.EXTEND (Intel, "Trust Domain Extensions
Module ABI Reference", 348551, both leaves; "TDX Virtual Firmware Design Guide", chapter 11). KVM extends
each page right after it has been added (arch/x86/kvm/vmx/tdx.c, tdx_gmem_post_populate), which decides the
digest.
"""

import hashlib
import struct

from tools.sysimage.core.errors import ToolError
from tools.sysimage.measure.firmware_image import MR_EXTEND, PAGE, PAGE_AUG, FirmwareImage

_CHUNK = 256  # bytes that MR.EXTEND adds
_RECORD = struct.Struct("<16sQ104x")


def mrtd(firmware: FirmwareImage) -> bytes:
    """MRTD, 48 bytes: the firmware alone. Raises ToolError if it is not for TDX."""
    if not firmware.tdvf:
        raise ToolError(f"{firmware.where}: has no TDVF metadata; take OVMF.fd of ovmf")
    digest = hashlib.sha384()
    for section in firmware.tdvf:
        if section.attributes & PAGE_AUG:
            continue  # the guest accepts these pages itself
        if section.offset + section.raw_size > len(firmware.data):
            raise ToolError(
                f"{firmware.where}: is shorter than its TDVF metadata says, as the part with the code is; "
                "take the whole, such as OVMF.fd"
            )
        content = firmware.data[section.offset : section.offset + section.raw_size].ljust(section.size, b"\0")
        for page in range(0, section.size, PAGE):
            digest.update(_RECORD.pack(b"MEM.PAGE.ADD", section.address + page))
            if section.attributes & MR_EXTEND:
                for at in range(page, page + PAGE, _CHUNK):
                    digest.update(_RECORD.pack(b"MR.EXTEND", section.address + at))
                    digest.update(content[at : at + _CHUNK])
    return digest.digest()
