"""sign: signs an image and the statements about it with your key, and writes what verifies them beside.

For each file FILE it writes FILE.sig, the signature as cosign(1) and openssl(1) verify it; for each statement
FILE.dsse.json, its envelope. With --subject they go to a registry, as artifacts that refer to the image.
"""

import base64
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import json_manifest
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.evidence import dsse
from tools.sysimage.publish.registry import Oras, Reference, in_runfiles

_TYPES = {
    ".spdx.json": "https://spdx.dev/Document",
    ".cdx.json": "https://cyclonedx.org/bom",
    ".spdx3.json": "https://spdx.dev/Document/v3",
}
_EXAMPLES = {
    "bazel run //:sign_guest -- --key cosign.key --output signed": "with a cosign or PEM key",
    'bazel run //:sign_guest -- --digest-command "./kms-sign key-1" --output signed': "with a KMS",
}
_SIGNATURE = "application/vnd.system-image.v1.signature"
_STATEMENTS = (".intoto.json", ".endorsement.json")


@dataclass(frozen=True, slots=True)
class SignInput:
    """What the rule hands over; paths are relative to the runfiles."""

    cosign: tuple[str, ...]
    digest: Path
    """The image's SHA-256, as sha256sum(1) writes it."""
    image: Path
    openssl: tuple[str, ...]
    oras: tuple[str, ...]
    files: tuple[Path, ...]
    """What is said about the image: SBOMs, provenance, measurements."""


def main(argv: Sequence[str]) -> int:
    """Signs; prints a line for each file, with the command that verifies it."""
    parser = CommandLine("sign", __doc__ or "", _EXAMPLES)
    parser.given("--runfiles", type=Path)
    parser.given("--settings", type=Path)
    parser.add_argument("--key", help="PEM or cosign key, or a KMS URI of cosign's such as gcpkms://…")
    parser.add_argument(
        "--command", help="signs what it reads on standard input, and writes the DER signature"
    )
    parser.add_argument(
        "--digest-command",
        help="signs the SHA-256, 32 bytes, that it reads, as a KMS does, and writes the DER signature",
    )
    parser.add_argument("--output", required=True, help="folder to write to")
    parser.add_argument(
        "--subject", help="HOST/PATH@sha256:… of the pushed image: attach what is signed to it"
    )
    parser.add_argument("--plain-http", action="store_true", help="the registry has no TLS")
    options = parser.parse_args(argv)
    if [options.key, options.command, options.digest_command].count(None) != 2:
        parser.error("give one of --key, --command and --digest-command")
    settings = json_manifest.read(SignInput, options.runfiles / options.settings)
    output = workspace_path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    signer = Signer(settings, options.runfiles, options.key, options.command, options.digest_command)
    written = sign(settings, options.runfiles, output, signer)
    for path in written:
        print(path)
    if options.subject:
        client = Oras(in_runfiles(settings.oras, options.runfiles), options.plain_http)
        attach(client, options.subject, written)
    return 0


class Signer:
    """Makes signatures: ECDSA or RSA over SHA-256, DER."""

    def __init__(
        self,
        settings: SignInput,
        runfiles: Path,
        key: str | None,
        command: str | None = None,
        digest_command: str | None = None,
    ) -> None:
        self._settings, self._runfiles, self._key = settings, runfiles, key
        self._command, self._digest_command = command, digest_command

    def sign(self, data: bytes) -> bytes:
        """The signature of these bytes. Raises ToolError if the program that signs fails."""
        if self._command:
            return _output(shlex.split(self._command), data, "--command")
        if self._digest_command:
            digest = hashlib.sha256(data).digest()
            return _output(shlex.split(self._digest_command), digest, "--digest-command")
        assert self._key
        if "://" in self._key or self._is_cosign():
            key = self._key if "://" in self._key else str(workspace_path(self._key))
            with tempfile.NamedTemporaryFile() as blob:
                blob.write(data)
                blob.flush()
                argv = [*in_runfiles(self._settings.cosign, self._runfiles), "sign-blob", "--key", key]
                argv += ["--tlog-upload=false", "--yes", blob.name]
                return base64.b64decode(_output(argv, None, "cosign").split()[-1])
        argv = [*in_runfiles(self._settings.openssl, self._runfiles), "dgst", "-sha256"]
        return _output([*argv, "-sign", str(workspace_path(self._key))], data, "openssl")

    def _is_cosign(self) -> bool:
        path = workspace_path(self._key or "")
        if not path.is_file():
            raise ToolError(f"{path}: is no file; name a PEM or cosign key, or a KMS URI")
        head = path.read_bytes()[:200]
        return b"ENCRYPTED SIGSTORE PRIVATE KEY" in head or b"ENCRYPTED COSIGN PRIVATE KEY" in head


def sign(settings: SignInput, runfiles: Path, output: Path, signer: Signer) -> list[Path]:
    """Signs the image and each file; returns what was written."""
    written = []
    image = runfiles / settings.image
    for path in (image, *(runfiles / file for file in settings.files)):
        # A KMS may take seconds for each.
        print(f"signing {path.name}", file=sys.stderr, flush=True)
        signature = output / f"{path.name}.sig"
        signature.write_bytes(base64.b64encode(signer.sign(path.read_bytes())))
        written.append(signature)
    digest = (runfiles / settings.digest).read_text("utf-8").split()[0]
    for file in settings.files:
        payload = statement(runfiles / file, image.name, digest)
        if payload:
            envelope = output / f"{file.name}.dsse.json"
            envelope.write_bytes(dsse.envelope(payload, signer.sign(dsse.encoded(payload))))
            written.append(envelope)
    return written


def statement(path: Path, image: str, digest: str) -> bytes:
    """The in-toto statement that a file is, or is the predicate of; nothing for any other file."""
    if path.name.endswith(_STATEMENTS):
        return path.read_bytes()
    for suffix, kind in _TYPES.items():
        if path.name.endswith(suffix):
            predicate = json.loads(path.read_bytes())
            return json.dumps(dsse.statement(image, {"sha256": digest}, kind, predicate)).encode()
    return b""


def attach(oras: Oras, subject: str, files: Sequence[Path]) -> None:
    """Pushes what was signed to a registry, as referrers of the image (image-spec 1.1). Raises ToolError."""
    reference = Reference.parse(subject)
    for path in files:
        oras.attach(reference, path, dsse.IN_TOTO if path.name.endswith(".dsse.json") else _SIGNATURE)


def _output(argv: Sequence[str], data: bytes | None, what: str) -> bytes:
    environment: Mapping[str, str] = {"HOME": "/nonexistent", **os.environ}
    if not shutil.which(argv[0]):
        raise ToolError(f"{what}: {argv[0]} is not there; correct the command")
    result = subprocess.run(argv, input=data, capture_output=True, check=False, env=environment)
    if result.returncode or (data is not None and not result.stdout):
        said = result.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it says nothing"]
        raise ToolError(f"{what}: can't sign ({said[0]}); check the key, and COSIGN_PASSWORD if it has one")
    return result.stdout


if __name__ == "__main__":
    run(main)
