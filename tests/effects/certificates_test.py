"""The bundle of trusted certificates and OpenSSL's links to them."""

import base64
import re

import pytest

from tests.testing.certificates import BMP, UTF8
from tests.testing.debs import Node
from tests.testing.roots import links, make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import certificates

SHIPPED = "usr/share/ca-certificates/mozilla"


def der(text: str) -> bytes:
    return base64.b64decode("".join(re.sub("-----.*-----", "", text).split()))


def test_hash_is_the_one_that_openssl_looks_for() -> None:
    assert certificates.subject_hash(der(UTF8), "x") == "30596645"
    assert certificates.subject_hash(der(BMP), "x") == "2d35df69"


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x05\x01", b"\x30\x00", der(UTF8)[:40]])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(ToolError, match=r"where: no certificate .*; leave it out"):
        certificates.subject_hash(data, "where")


def test_certificates_of_packages_and_of_the_image_are_trusted() -> None:
    paths: dict[str, Node] = {
        f"{SHIPPED}/B_(x).crt": UTF8,
        f"{SHIPPED}/A.crt": BMP.rstrip(),
        "usr/local/share/ca-certificates/README": "words",
        "usr/local/share/ca-certificates/own.crt": UTF8,
    }
    root = make(paths)
    own = certificates.local(root)
    assert own == ["usr/local/share/ca-certificates/own.crt"]
    certificates.trust(root, "p", [f"{SHIPPED}/A.crt", f"{SHIPPED}/B_(x).crt", *own])
    assert root.text("etc/ssl/certs/ca-certificates.crt") == BMP + UTF8 + UTF8
    assert links(root) == {
        "etc/ssl/certs/A.pem": f"/{SHIPPED}/A.crt",
        "etc/ssl/certs/B_=x=.pem": f"/{SHIPPED}/B_(x).crt",
        "etc/ssl/certs/own.pem": "/usr/local/share/ca-certificates/own.crt",
        # The same certificate once, under the first of its names.
        "etc/ssl/certs/30596645.0": "B_=x=.pem",
        "etc/ssl/certs/2d35df69.0": "A.pem",
    }


def test_file_that_is_no_certificate_says_its_name() -> None:
    text = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"
    with pytest.raises(ToolError, match=r"p: /etc/ssl/certs/A.pem: no certificate"):
        certificates.trust(make({f"{SHIPPED}/A.crt": text}), "p", [f"{SHIPPED}/A.crt"])
