"""update-ca-certificates(8): the bundle of trusted certificates, and OpenSSL's links to them."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind
from tools.sysimage.effects.root import Root

_LOCAL = "usr/local/share/ca-certificates"
_INTO = "etc/ssl/certs"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
# The encodings of the text types of ASN.1 that a name is compared in (X.680, 8.1).
_TEXT = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1A: "ascii", 0x1C: "utf-32-be"} | {
    0x1E: "utf-16-be"
}


def local(root: Root) -> list[str]:
    """The certificates of the image's owner, by their paths."""
    folder = root.tree.resolve(_LOCAL)
    return [
        f"{_LOCAL}/{path.removeprefix(f'{folder}/')}"
        for path in sorted(root.tree.below(folder))
        if path.endswith(".crt") and root.tree[path].kind is Kind.FILE
    ]


def link_name(path: str) -> str:
    """The name of the link to a certificate in /etc/ssl/certs."""
    name = path.rpartition("/")[2].removesuffix(".crt")
    return name.translate(str.maketrans(" (),", "_==_")) + ".pem"


def trust(root: Root, who: str, found: list[str]) -> None:
    """Writes the bundle of these certificates and their links, and OpenSSL's links to all that are there.

    Raises ToolError for a file that is no certificate.
    """
    for path in found:
        root.link(f"{_INTO}/{link_name(path)}", f"/{path}", who, replace=True)
    bundle(root, who, found)
    hashes: dict[str, str] = {}  # fingerprint → name of the file, of each certificate once
    counts: dict[str, int] = {}
    for name in root.names(_INTO, ".pem"):
        blocks = _PEM.findall(root.text(f"{_INTO}/{name}"))
        if len(blocks) != 1:
            continue  # as `openssl rehash` does
        der = _decode(blocks[0], name, who)
        fingerprint = hashlib.sha1(der, usedforsecurity=False).hexdigest()
        if fingerprint in hashes:
            continue
        hashes[fingerprint] = name
        digest = subject_hash(der, f"{who}: /{_INTO}/{name}")
        number = counts.get(digest, 0)
        counts[digest] = number + 1
        root.link(f"{_INTO}/{digest}.{number}", name, who, replace=True)


def bundle(root: Root, who: str, found: list[str]) -> None:
    """Writes ca-certificates.crt, one certificate behind the other."""
    texts = [root.text(path) for path in found]
    whole = "".join(text if text.endswith("\n") else f"{text}\n" for text in texts)
    root.write(f"{_INTO}/ca-certificates.crt", whole, 0o644, who)


def _decode(text: str, name: str, who: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ToolError(f"{who}: /{_INTO}/{name}: no certificate ({error}); leave it out") from error


def subject_hash(der: bytes, where: str) -> str:
    """OpenSSL's X509_NAME_hash of a certificate's subject, eight hexadecimal digits.

    That are the first four bytes, read backwards, of the SHA-1 of the name's attributes, each text in
    UTF-8 and lower case, with single spaces and none at its ends. Raises ToolError for what is no
    certificate (RFC 5280, 4.1).
    """
    try:
        ((_, certificate),) = _elements(der)
        (_, body), *_ = _elements(certificate)
        fields = [value for tag, value in _elements(body) if tag != 0xA0]  # without the version
        subject = fields[4]
        sets = b"".join(_wrap(tag, _canonical(value)) for tag, value in _elements(subject))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ToolError(f"{where}: no certificate ({error}); leave it out") from error
    return hashlib.sha1(sets, usedforsecurity=False).digest()[3::-1].hex()


def _canonical(attributes: bytes) -> bytes:
    done = []
    for tag, attribute in _elements(attributes):
        (oid_tag, oid), (text_tag, text) = _elements(attribute)
        if text_tag in _TEXT:
            words = text.decode(_TEXT[text_tag]).strip(" \t\n\v\f\r")
            words = re.sub(r"[ \t\n\v\f\r]+", " ", words)
            # ASCII alone becomes lower case.
            text = bytes(b + 32 if 65 <= b <= 90 else b for b in words.encode())
            text_tag = 0x0C
        done.append(_wrap(tag, _wrap(oid_tag, oid) + _wrap(text_tag, text)))
    # A set's members are in order (X.690, 11.6).
    return b"".join(sorted(done))


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a DER encoding (X.690): tag, value."""
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count])
            at += count
        if at + size > len(data):
            raise ValueError("an element goes beyond its end")
        yield tag, data[at : at + size]
        at += size


def _wrap(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes([tag, size]) + value
    count = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | count]) + size.to_bytes(count) + value
