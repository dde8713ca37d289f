"""Signs EFI programs for Secure Boot, so that the same key gives the same bytes: without the time.

Microsoft, "Windows Authenticode Portable Executable Signature Format"; RFC 2315 (PKCS #7); UEFI Specification
2.10, section 32.2.3. sbsign(1) writes the time of signing, which nobody reads, into the signature.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats.pe import PeFile

_SEQUENCE, _SET, _OCTETS, _INTEGER, _CONTEXT = 0x30, 0x31, 0x04, 0x02, 0xA0
_NULL = b"\x05\x00"
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
_RSA = bytes.fromhex("06092a864886f70d010101")
_SHA256 = bytes.fromhex("0609608648016503040201")
_INDIRECT_DATA = bytes.fromhex("060a2b060104018237020104")  # SPC_INDIRECT_DATA_OBJID
_PE_IMAGE_DATA = bytes.fromhex("060a2b06010401823702010f")  # SPC_PE_IMAGE_DATAOBJ
_ENTRY = struct.Struct("<IHH")  # WIN_CERTIFICATE
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Certificate:
    """An X.509 certificate (RFC 5280, section 4.1), as a signature names it."""

    der: bytes
    issuer: bytes  # DER
    serial: bytes  # DER


def certificate(text: str, where: str) -> Certificate:
    """Reads a file of PEM with one certificate. Raises ToolError for anything else."""
    found = _PEM.findall(text)
    if len(found) != 1:
        raise ToolError(f"{where}: has {len(found)} certificates in PEM; name a file with one")
    try:
        der = base64.b64decode(found[0])
        *_, begin, end = _value(der, 0)
        *_, begin, end = _value(der, begin)
        items = []
        while begin < end:
            begin, (tag, data) = _item(der, begin)
            items.append((tag, data))
        # An explicit version comes first, if it is not 1; the algorithm is between serial number and issuer.
        [(_, serial), _, (_, issuer), *_] = [item for item in items if item[0] != _CONTEXT]
    except binascii.Error, IndexError, ValueError:
        raise ToolError(f"{where}: is no certificate of X.509 in PEM; name one") from None
    return Certificate(der, issuer, serial)


def _value(data: bytes, at: int) -> tuple[int, int, int]:
    """An item of DER: tag, where its content begins, where it ends."""
    tag, length = data[at], data[at + 1]
    at += 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(data[at : at + size]), at + size
    if at + length > len(data):
        raise ValueError
    return tag, at, at + length


def _item(data: bytes, at: int) -> tuple[int, tuple[int, bytes]]:
    tag, _, end = _value(data, at)
    return end, (tag, data[at:end])


def signed(program: PeFile, signer: Certificate, sign: Callable[[bytes], bytes], where: str) -> list[bytes]:
    """The parts of the file with a signature at its end; `sign` makes one of RSA, PKCS #1 1.5, with SHA-256.

    Raises ToolError if the program has a signature already, or no place that says where it is.
    """
    if program.signature or not program.certificates:
        raise ToolError(f"{where}: has a signature already, or no room for one; name an unsigned EFI program")
    padding = bytes(-len(program.data) % 8)
    if padding:
        raise ToolError(f"{where}: ends within a word of 8 bytes; write it with padded sections")
    # SpcPeImageData: no flags, and a file name that nobody has; then the digest.
    name = _der(0x80, "<<<Obsolete>>>".encode("utf-16-be"))
    image = _der(_SEQUENCE, _der(0x03, b"\0"), _der(_CONTEXT, _der(_CONTEXT | 2, name)))
    algorithm = _der(_SEQUENCE, _SHA256, _NULL)
    digest = _der(_SEQUENCE, algorithm, _der(_OCTETS, program.authenticode("sha256")))
    content = _der(_SEQUENCE, _PE_IMAGE_DATA, image) + digest
    attributes = _der(_SEQUENCE, _CONTENT_TYPE, _der(_SET, _INDIRECT_DATA))
    attributes += _der(_SEQUENCE, _MESSAGE_DIGEST, _der(_SET, _der(_OCTETS, sha256(content).digest())))
    signature = sign(_der(_SET, attributes))
    info = _der(
        _SEQUENCE,
        _der(_INTEGER, b"\x01"),
        _der(_SEQUENCE, signer.issuer, signer.serial),
        algorithm,
        _der(_CONTEXT, attributes),
        _der(_SEQUENCE, _RSA, _NULL),
        _der(_OCTETS, signature),
    )
    data = _der(
        _SEQUENCE,
        _der(_INTEGER, b"\x01"),
        _der(_SET, algorithm),
        _der(_SEQUENCE, _INDIRECT_DATA, _der(_CONTEXT, _der(_SEQUENCE, content))),
        _der(_CONTEXT, signer.der),
        _der(_SET, info),
    )
    pkcs7 = _der(_SEQUENCE, _SIGNED_DATA, _der(_CONTEXT, data))
    pkcs7 += bytes(-len(pkcs7) % 8)
    size = _ENTRY.size + len(pkcs7)
    head = bytearray(program.data[: program.headers])
    struct.pack_into("<II", head, program.certificates, len(program.data), size)
    # Revision 2.0, WIN_CERT_TYPE_PKCS_SIGNED_DATA.
    return [bytes(head), program.data[program.headers :], _ENTRY.pack(size, 0x200, 2), pkcs7]


def _der(tag: int, *contents: bytes) -> bytes:
    """An item of DER (X.690)."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + content
