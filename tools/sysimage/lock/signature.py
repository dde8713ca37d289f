"""Verifies the OpenPGP clear-signature (RFC 9580, 7) of an InRelease against pinned fingerprints."""

from dataclasses import dataclass
from pathlib import Path

import pysequoia

from tools.sysimage.core.errors import ToolError

SHIPPED = Path(__file__).with_name("debian-archive.asc")
"""Certificates of Debian's archives, of which a manifest pins those that it trusts."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The text that was signed, and by which pinned keys (fingerprints in upper case, sorted)."""

    text: bytes
    signed_by: tuple[str, ...]


class Keyring:
    """The certificates of a file, of which a signature may only use the pinned ones."""

    def __init__(self, path: Path) -> None:
        """Reads certificates, binary or ASCII-armoured. Raises ToolError."""
        self.path = path
        try:
            found = pysequoia.Cert.split_bytes(path.read_bytes())
        except FileNotFoundError as error:
            raise ToolError(f"{path}: there is no such keyring; correct [lock] keyring") from error
        except (RuntimeError, ValueError) as error:
            raise ToolError(f"{path}: not OpenPGP certificates: {_first_line(error)}") from error
        if not found:
            raise ToolError(f"{path}: it holds no OpenPGP certificate")
        self.certificates: list[pysequoia.Cert] = found

    def verify(self, message: bytes, pinned: frozenset[str]) -> Signed:
        """Checks a clear-signed message; only the signed text is returned, never what stands around it.

        `pinned` are fingerprints of certificates, which stand for all their signing keys, or of single
        signing subkeys. One good signature by a pinned key is enough, as for apt: an archive signs with
        an old and a new key for a while. Raises ToolError.
        """
        claimed: list[str] = []

        def certificates(key_ids: list[str]) -> list[pysequoia.Cert]:
            claimed.extend(key_ids)
            return self.certificates

        try:
            result = pysequoia.verify(bytes=message, store=certificates)
        except (RuntimeError, ValueError, OSError) as error:
            if not claimed:
                raise ToolError(f"not a clear-signed message: {_first_line(error)}") from error
            keys = ", ".join(key.upper() for key in claimed)
            raise ToolError(
                f"no good signature by a key of {self.path.name}; it claims to be signed by {keys}, "
                f"whose certificate has to be in the file that [lock] keyring names"
            ) from error
        signers = {
            fingerprint.upper()
            for signature in result.valid_sigs
            for fingerprint in (signature.certificate, signature.signing_key)
        }
        if not signers & pinned:
            raise ToolError(
                f"signed by {', '.join(sorted(signers))}, none of which is pinned in signed_by; "
                f"add the fingerprint only if the archive's owner announced it"
            )
        if result.bytes is None:
            raise ToolError("the signed message has no text")
        return Signed(bytes(result.bytes), tuple(sorted(signers & pinned)))


def _first_line(error: Exception) -> str:
    # The library appends a stack trace to its messages.
    return str(error).partition("\n")[0]
