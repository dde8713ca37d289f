"""Signing: what is signed verifies with cosign and openssl, and no longer after one changed byte."""

import base64
import hashlib
import json
import os
import random
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.testing import programs
from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence import dsse, sign

RUNFILES = Path(os.environ.get("TEST_SRCDIR", "/nonexistent")) / "_main"
COSIGN = RUNFILES / "system_image/tools/cosign"
OPENSSL = RUNFILES / "system_image/tools/openssl"
needs_programs = pytest.mark.skipif(
    not COSIGN.exists(), reason="cosign is among the runfiles of the Bazel test"
)

STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "app.tar", "digest": {}}],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {"buildDefinition": {}, "runDetails": {}},
}


def files(folder: Path) -> None:
    image = random.Random(1).randbytes(3000)
    (folder / "app.tar").write_bytes(image)
    digest = hashlib.sha256(image).hexdigest()
    (folder / "app.tar.sha256").write_text(f"{digest}  app.tar\n")
    statement = {**STATEMENT, "subject": [{"name": "app.tar", "digest": {"sha256": digest}}]}
    (folder / "app.intoto.json").write_text(json.dumps(statement))
    (folder / "app.spdx.json").write_text(json.dumps({"spdxVersion": "SPDX-2.3", "name": "app"}))
    settings = {
        "cosign": programs.argv(COSIGN) if COSIGN.exists() else [],
        "digest": "app.tar.sha256",
        "files": ["app.tar.sha256", "app.intoto.json", "app.spdx.json"],
        "image": "app.tar",
        "openssl": programs.argv(OPENSSL) if OPENSSL.exists() else [],
        "oras": [],
    }
    (folder / "settings.json").write_text(json.dumps(settings))


def run(folder: Path, *options: str) -> Path:
    """Signs all files; returns the folder with the signatures."""
    files(folder)
    output = folder / "signed"
    fixed = ["--runfiles", str(folder), "--settings", "settings.json", "--output", str(output)]
    assert sign.main([*fixed, *options]) == 0
    return output


def cosign(folder: Path, *options: str) -> int:
    environment = {"HOME": str(folder), "COSIGN_PASSWORD": "secret"}
    return subprocess.run(
        [*programs.argv(COSIGN), *options], cwd=folder, env=environment, capture_output=True, check=False
    ).returncode


def test_the_encoding_is_the_one_of_the_specification() -> None:
    # protocol.md has this example.
    assert dsse.encoded(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_is_read_back_and_what_is_none_is_refused() -> None:
    opened = dsse.opened(dsse.envelope(b"{}", b"signature"), "x")
    assert (opened.payload, opened.kind, opened.signatures) == (b"{}", dsse.IN_TOTO, (b"signature",))
    for data in (b"", b"[]", b'{"payload": "?"}'):
        with pytest.raises(ToolError, match="x: is no DSSE envelope"):
            dsse.opened(data, "x")


def test_each_file_has_a_signature_and_each_statement_an_envelope_for_the_image(tmp_path: Path) -> None:
    output = run(tmp_path, "--command", "sha256sum")
    assert sorted(path.name for path in output.iterdir()) == [
        "app.intoto.json.dsse.json",
        "app.intoto.json.sig",
        "app.spdx.json.dsse.json",
        "app.spdx.json.sig",
        "app.tar.sha256.sig",
        "app.tar.sig",
    ]
    payload = json.loads(dsse.opened((output / "app.spdx.json.dsse.json").read_bytes(), "x").payload)
    digest = (tmp_path / "app.tar.sha256").read_text().split()[0]
    assert payload["subject"] == [{"name": "app.tar", "digest": {"sha256": digest}}]
    assert payload["predicateType"] == "https://spdx.dev/Document"


def test_a_program_that_fails_or_is_not_there_is_an_error_and_no_signature(tmp_path: Path) -> None:
    for command, message in (
        ("false", "can't sign"),
        ("/nonexistent/kms", "is not there"),
        ("true", "can't sign"),
    ):
        with pytest.raises(ToolError, match=message):
            run(tmp_path, "--command", command)
        assert not list((tmp_path / "signed").iterdir())


def test_a_command_that_signs_digests_gets_the_sha_256_of_what_is_signed(tmp_path: Path) -> None:
    output = run(tmp_path, "--digest-command", "cat")
    signature = base64.b64decode((output / "app.tar.sig").read_bytes())
    assert signature == hashlib.sha256((tmp_path / "app.tar").read_bytes()).digest()


def test_two_ways_to_sign_are_refused(tmp_path: Path) -> None:
    for options in ((), ("--key", "k", "--command", "c"), ("--command", "c", "--digest-command", "c")):
        with pytest.raises(SystemExit):
            run(tmp_path, *options)


def test_a_key_that_is_not_there_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is no file; name a PEM or cosign key"):
        run(tmp_path, "--key", str(tmp_path / "none.pem"))


@needs_programs
def test_cosign_verifies_what_its_key_has_signed_and_nothing_after_a_changed_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "secret")
    assert cosign(tmp_path, "generate-key-pair") == 0
    output = run(tmp_path, "--key", str(tmp_path / "cosign.key"))
    key = ["--key", "cosign.pub", "--insecure-ignore-tlog=true"]

    def verified(name: str, signature: bytes) -> int:
        (tmp_path / "sig").write_bytes(signature)
        return cosign(tmp_path, "verify-blob", *key, "--signature", "sig", name)

    signature = (output / "app.tar.sig").read_bytes()
    assert verified("app.tar", signature) == 0
    image = bytearray((tmp_path / "app.tar").read_bytes())
    for at in (0, len(image) // 2, len(image) - 1):
        image[at] ^= 1
        (tmp_path / "changed.tar").write_bytes(image)
        assert verified("changed.tar", signature) != 0
        image[at] ^= 1
    der = bytearray(base64.b64decode(signature))
    der[-1] ^= 1
    assert verified("app.tar", base64.b64encode(der)) != 0

    envelope = (output / "app.intoto.json.dsse.json").read_bytes()

    def attested(data: bytes, name: str) -> int:
        (tmp_path / "envelope").write_bytes(data)
        options = [*key, "--signature", "envelope", "--type", "slsaprovenance1", name]
        return cosign(tmp_path, "verify-blob-attestation", *options)

    assert attested(envelope, "app.tar") == 0
    assert attested(envelope, "changed.tar") != 0
    value = json.loads(envelope)
    payload = bytearray(base64.b64decode(value["payload"]))
    payload[len(payload) // 2] ^= 1
    value["payload"] = base64.b64encode(payload).decode()
    assert attested(json.dumps(value).encode(), "app.tar") != 0


def make_key(folder: Path) -> None:
    for command in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"],
        ["ec", "-in", "key.pem", "-pubout", "-out", "public.pem"],
    ):
        subprocess.run([*programs.argv(OPENSSL), *command], cwd=folder, capture_output=True, check=True)


# Stands in for a KMS: it gets a digest, and never the file.
_KMS = """\
#!/bin/sh
cd "$(dirname "$0")" && cat > digest && [ "$(wc -c < digest)" = 32 ] || exit 1
exec {openssl} pkeyutl -sign -inkey key.pem -pkeyopt digest:sha256 -in digest
"""


@needs_programs
def test_cosign_verifies_what_a_command_has_signed_that_gets_digests_alone(tmp_path: Path) -> None:
    make_key(tmp_path)
    (tmp_path / "kms").write_text(_KMS.format(openssl=shlex.join(programs.argv(OPENSSL))))
    (tmp_path / "kms").chmod(0o755)
    run(tmp_path, "--digest-command", str(tmp_path / "kms"))
    (tmp_path / "changed.tar").write_bytes((tmp_path / "app.tar").read_bytes() + b"x")
    key = ["--key", "public.pem", "--insecure-ignore-tlog=true"]
    signature = ["--signature", "signed/app.tar.sig"]
    assert cosign(tmp_path, "verify-blob", *key, *signature, "app.tar") == 0
    assert cosign(tmp_path, "verify-blob", *key, *signature, "changed.tar") != 0
    envelope = ["--type", "slsaprovenance1", "--signature", "signed/app.intoto.json.dsse.json"]
    assert cosign(tmp_path, "verify-blob-attestation", *key, *envelope, "app.tar") == 0
    assert cosign(tmp_path, "verify-blob-attestation", *key, *envelope, "changed.tar") != 0


@needs_programs
def test_openssl_verifies_what_a_pem_key_has_signed_and_cosign_too(tmp_path: Path) -> None:
    openssl = programs.argv(OPENSSL)
    make_key(tmp_path)
    output = run(tmp_path, "--key", str(tmp_path / "key.pem"))
    (tmp_path / "der").write_bytes(base64.b64decode((output / "app.tar.sig").read_bytes()))
    verify = [*openssl, "dgst", "-sha256", "-verify", "public.pem", "-signature", "der"]
    for name, status in (("app.tar", 0), ("app.tar.sha256", 1)):
        assert (
            subprocess.run([*verify, name], cwd=tmp_path, capture_output=True, check=False).returncode
            == status
        )
    options = ["--key", "public.pem", "--insecure-ignore-tlog=true", "--signature", "signed/app.tar.sig"]
    assert cosign(tmp_path, "verify-blob", *options, "app.tar") == 0
