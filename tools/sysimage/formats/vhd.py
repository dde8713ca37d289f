"""The footer of disks as Azure and Hyper-V take them: Microsoft's "Virtual Hard Disk Image Format", fixed."""

import struct
import uuid

_FOOTER = struct.Struct(">8sIIQI4sI4sQQHBBII16sB427x")
_FIXED = 2
# Who made it. Of this one, readers take the size that the footer says, not cylinders, which end at 127 GiB.
_CREATOR = b"qem2"


def footer(size: int, identity: uuid.UUID) -> bytes:
    """The 512 bytes that follow a disk of `size` bytes."""

    def packed(checksum: int) -> bytes:
        return _FOOTER.pack(
            *(b"conectix", 2, 0x10000, (1 << 64) - 1, 0, _CREATOR, 0x50003, b"Wi2k", size, size),
            *(*_geometry(size // 512), _FIXED, checksum, identity.bytes, 0),
        )

    return packed(~sum(packed(0)) & 0xFFFFFFFF)


def _geometry(sectors: int) -> tuple[int, int, int]:
    """Cylinders, heads, sectors of a track, as the appendix of the specification reckons them."""
    sectors = min(sectors, 65535 * 16 * 255)
    if sectors >= 65535 * 16 * 63:
        return sectors // 255 // 16, 16, 255
    tracks = sectors // 17
    heads = max(4, -(-tracks // 1024))
    track = 17
    if tracks >= heads * 1024 or heads > 16:
        track, heads = 31, 16
        tracks = sectors // track
    if tracks >= heads * 1024:
        track, heads = 63, 16
        tracks = sectors // track
    return tracks // heads, heads, track
