"""update-ca-certificates: what the program of ca-certificates left, by hand in a chroot with OpenSSL."""

import hashlib
import re

from tests.commands.rooted import in_memory, rooted
from tests.commands.world import run
from tests.testing.certificates import BMP, UTF8

_FILES: dict[str, str | None] = {
    "etc/ssl/certs": None,
    "etc/ca-certificates/update.d": None,
    "usr/share/ca-certificates/m/A.crt": UTF8.rstrip(),
    "usr/share/ca-certificates/m/B_(x).crt": BMP,
    "usr/local/share/ca-certificates/own.crt": BMP,
    "etc/ca-certificates.conf": "# head\nm/A.crt\nm/B_(x).crt\n\nm/none.crt\n",
}
_ALL = {
    "2d35df69.0": "B_=x=.pem",
    "30596645.0": "A.pem",
    "A.pem": "/usr/share/ca-certificates/m/A.crt",
    "B_=x=.pem": "/usr/share/ca-certificates/m/B_(x).crt",
    "own.pem": "/usr/local/share/ca-certificates/own.crt",
}
_WITHOUT_A = {name: target for name, target in _ALL.items() if "A." not in target}
_HOOKS = "Running hooks in /etc/ca-certificates/update.d...\ndone.\n"
# Options and a change before, what the program said, its links, and the MD5 of its bundle.
_STEPS = (
    ("", "", "3 added, 0 removed; done.\n" + _HOOKS, _ALL, "67a96a3ad7ed7db66bf8f4f91548251b"),
    ("", "", "0 added, 0 removed; done.\n" + _HOOKS, _ALL, "67a96a3ad7ed7db66bf8f4f91548251b"),
    ("--fresh", "", "3 added, 0 removed; done.\n" + _HOOKS, _ALL, "67a96a3ad7ed7db66bf8f4f91548251b"),
    ("--hooksdir ''", "", "0 added, 0 removed; done.\n", _ALL, "67a96a3ad7ed7db66bf8f4f91548251b"),
    ("", "!m/A.crt", "0 added, 1 removed; done.\n" + _HOOKS, _WITHOUT_A, "3c0d9c69ef1262c59ca16ef100e98e4f"),
    ("", "m/A.crt", "1 added, 0 removed; done.\n" + _HOOKS, _ALL, "e39fa63be18334df0b76b29ef8245857"),
)


def test_certificates_would_be_linked_and_bundled_otherwise() -> None:
    made = rooted(_FILES)
    for options, conf, said, links, digest in _STEPS:
        if conf:
            run(made, f"echo '{conf}' >/etc/ca-certificates.conf".encode())
        status, stdout, _ = run(made, f"update-ca-certificates {options}".encode())
        files = in_memory(made.root.tree)
        found = {
            path.rpartition("/")[2]: what.removeprefix("-> ")
            for path, what in files.items()
            if path.startswith("etc/ssl/certs/") and what.startswith("-> ")
        }
        if "B_" not in files["etc/ca-certificates.conf"]:
            # The program leaves the link of a certificate that is no longer listed.
            assert "B_=x=.pem" in found
        bundle = hashlib.md5(files["etc/ssl/certs/ca-certificates.crt"].encode(), usedforsecurity=False)
        assert (status, found, bundle.hexdigest()) == (0, links, digest)
        assert re.sub(r"(?s)^.*\.\.\.\n(?=\d+ added)", "", stdout.decode()) == said


def test_a_hook_would_not_be_left_for_the_guest() -> None:
    made = rooted(_FILES | {"etc/ca-certificates/update.d/jks": "#!/bin/sh\n"})
    made.root.tree["etc/ca-certificates/update.d/jks"].mode = 0o755
    run(made, b"update-ca-certificates")
    assert [item.kind for item in made.left] == ["compiled data"]
