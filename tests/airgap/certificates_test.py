import base64
import hashlib
import struct
from pathlib import Path

import pytest

from tools.airgap import certificates
from tools.airgap.errors import ToolError

# Any bytes do: neither side looks into a certificate.
_ONE, _TWO = b"\x30\x03one", b"\x30\x03two" * 40


def _pem(der: bytes, label: str = "CERTIFICATE") -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"


def _read_store(store: bytes, password: str) -> dict[str, bytes]:
    """Reads a JKS file as Java does; alias → DER."""
    content, check = store[:-20], store[-20:]
    assert hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + content).digest() == check
    magic, version, count = struct.unpack_from(">III", content)
    assert (magic, version) == (0xFEEDFEED, 2)
    at, found = 12, {}

    def text() -> str:
        nonlocal at
        (size,) = struct.unpack_from(">H", content, at)
        at += 2 + size
        return content[at - size : at].decode()

    for _ in range(count):
        assert struct.unpack_from(">I", content, at) == (2,)
        at += 4
        alias = text()
        at += 8
        assert text() == "X.509"
        (size,) = struct.unpack_from(">I", content, at)
        at += 4 + size
        found[alias] = content[at - size : at]
    assert at == len(content)
    return found


def test_java_gets_each_certificate_of_the_host_once_and_in_order() -> None:
    bundle = "# a comment\n" + _pem(_ONE) + "\ntext\n" + _pem(_TWO, "TRUSTED CERTIFICATE") + _pem(_ONE)
    found = certificates.read_pem(bundle, Path("bundle"))
    assert found == [_ONE, _TWO]
    store = _read_store(certificates.trust_store(found), "changeit")
    assert store == {"host-0": _ONE, "host-1": _TWO}


def test_the_same_certificates_give_the_same_store() -> None:
    assert certificates.trust_store([_ONE]) == certificates.trust_store([_ONE])


def test_a_private_key_in_the_bundle_is_left_alone() -> None:
    assert certificates.read_pem(_pem(_ONE, "PRIVATE KEY"), Path("bundle")) == []


def test_a_broken_certificate_is_named() -> None:
    broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"
    with pytest.raises(ToolError, match=r"^/etc/bundle holds a certificate that is no base64: "):
        certificates.read_pem(broken, Path("/etc/bundle"))
