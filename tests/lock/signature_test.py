"""Stage lock: whoever can pass an InRelease of their own decides what every image holds."""

from pathlib import Path

import pysequoia
import pytest

from tests.lock.archives import KEY, OTHER_KEY, fingerprint
from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock.signature import Keyring

TEXT = b"Origin: Debian\n- a dash\nCodename: trixie\n"
PINNED = frozenset({fingerprint(KEY)})


def sign(text: bytes = TEXT, key: pysequoia.Tsk = KEY) -> bytes:
    return pysequoia.sign(key.signer(), text, mode=pysequoia.SignatureMode.CLEAR)


def signing_key() -> str:
    """The fingerprint of KEY's signing subkey."""
    result = pysequoia.verify(bytes=sign(), store=lambda _: [KEY.extract_certificate()])
    return str(result.valid_sigs[0].signing_key).upper()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """A keyring of two certificates, one after the other as ASCII armour."""
    path = tmp_path / "archive.asc"
    path.write_text("\n".join(str(key.extract_certificate()) for key in (OTHER_KEY, KEY)))
    return Keyring(path)


def test_the_text_of_a_good_signature_is_what_was_signed(keyring: Keyring) -> None:
    signed = keyring.verify(sign(), PINNED)
    assert signed.text == TEXT
    assert signed.signed_by == tuple(PINNED)


def test_a_single_signing_subkey_can_be_pinned(keyring: Keyring) -> None:
    assert signing_key() != fingerprint(KEY)
    assert keyring.verify(sign(), frozenset({signing_key()})).signed_by == (signing_key(),)


def test_what_stands_around_the_signed_text_is_not_taken(keyring: Keyring) -> None:
    signed = keyring.verify(b"Codename: evil\n\n" + sign() + b"\nCodename: evil\n", PINNED)
    assert signed.text == TEXT


def test_a_changed_text_is_refused(keyring: Keyring) -> None:
    message = sign().replace(b"Origin: Debian", b"Origin: Debiam")
    with pytest.raises(
        ToolError, match=r"^no good signature by a key of archive\.asc; it claims to be signed"
    ):
        keyring.verify(message, PINNED)


def test_a_key_that_is_in_the_keyring_but_not_pinned_is_refused(keyring: Keyring) -> None:
    message = sign(key=OTHER_KEY)
    other = fingerprint(OTHER_KEY)
    with pytest.raises(
        ToolError, match=rf"^signed by .*{other}.*, none of which is pinned in signed_by; add"
    ):
        keyring.verify(message, PINNED)


def test_a_key_that_is_not_in_the_keyring_is_refused_though_pinned(tmp_path: Path) -> None:
    path = tmp_path / "archive.asc"
    path.write_text(str(OTHER_KEY.extract_certificate()))
    with pytest.raises(ToolError, match=f"claims to be signed by {signing_key()}, whose certificate"):
        Keyring(path).verify(sign(), PINNED)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Origin: Debian\n",
        b"<html>Not found</html>",
        sign()[:200],
        sign().split(b"-----BEGIN PGP SIGN")[0],
    ],
    ids=["empty", "unsigned", "page", "cut in the text", "cut before the signature"],
)
def test_what_is_not_signed_is_refused(keyring: Keyring, message: bytes) -> None:
    with pytest.raises(ToolError) as caught:
        keyring.verify(message, PINNED)
    assert str(caught.value).startswith(("not a clear-signed message", "no good signature"))
    assert "\n" not in str(caught.value)


def test_a_missing_keyring_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"none\.asc: there is no such keyring"):
        Keyring(tmp_path / "none.asc")


@pytest.mark.parametrize(
    ("data", "message"), [(b"junk", "not OpenPGP certificates: "), (b"", "it holds no OpenPGP")]
)
def test_a_file_that_is_no_keyring_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "junk.asc").write_bytes(data)
    with pytest.raises(ToolError, match=rf"junk\.asc: {message}"):
        Keyring(tmp_path / "junk.asc")
