"""The host's certificates as a trust store that Java reads.

The format is JKS, version 2, of trusted certificates only: big-endian numbers, strings as 16-bit length
and modified UTF-8, and at the end a SHA-1 over the password, a fixed phrase and all that came before.
Java keeps reading it; its own tool would be started once for each certificate.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from pathlib import Path

from tools.airgap.errors import ToolError

# Not a secret: it only makes an integrity check, and is Java's own default.
PASSWORD = "changeit"

_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_PEM = re.compile(
    r"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----\s*(.*?)\s*"
    r"-----END (?:TRUSTED |X509 )?CERTIFICATE-----",
    re.DOTALL,
)


def read_pem(text: str, where: Path) -> list[bytes]:
    """The certificates of a PEM bundle (RFC 7468) in DER, each once, in their order."""
    found: list[bytes] = []
    for body in _PEM.findall(text):
        try:
            der = base64.b64decode("".join(body.split()), validate=True)
        except binascii.Error as error:
            raise ToolError(f"{where} holds a certificate that is no base64: {error}") from error
        if der not in found:
            found.append(der)
    return found


def trust_store(certificates: list[bytes], password: str = PASSWORD) -> bytes:
    """A JKS trust store of `certificates` (DER). The same certificates give the same bytes."""
    store = struct.pack(">III", _MAGIC, _VERSION, len(certificates))
    for number, der in enumerate(certificates):
        alias, kind = f"host-{number}".encode("ascii"), b"X.509"
        store += struct.pack(">IH", _TRUSTED, len(alias)) + alias
        store += struct.pack(">Q", 0)  # the time of creation, in milliseconds
        store += struct.pack(">H", len(kind)) + kind
        store += struct.pack(">I", len(der)) + der
    check = hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + store)
    return store + check.digest()
