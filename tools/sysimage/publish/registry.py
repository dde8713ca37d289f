"""References to registries (distribution-spec 1.1), and the programs that talk to them."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError

LOCK_ANNOTATION = "rules_system_image.lock.sha256"
"""The annotation of an image with the SHA-256, in hex, of the lock that it was made of."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(r"([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(:[0-9]+)?")
_PATH = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_LOOPBACK = re.compile(r"(localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?")

# Progress messages of crane and oras. Other lines are kept for the error message.
_PROGRESS = re.compile(
    r"[0-9/]{10} [0-9:]{8} (?P<crane>(pushed|mounted|existing) (blob|manifest): \S+)"
    r"|(?P<oras>(Copied|Exists|Skipped|Mounted|Uploaded) +[0-9a-f]{12} .*)"
)
# oras has one exit status for all errors. This is oras-go's errdef.ErrNotFound, after the name of the object.
_ABSENT = re.compile(r"Error( response from registry)?: .*: not found")
_MAX_REASON = 400  # characters of what a registry says

_REMEDIES = (
    (r"\bErr:28\b|no space left", "the registry's disk is full: free some of it and run this again"),
    (
        r"unauthori[sz]ed|denied|forbidden|\b40[13]\b|authentication required|credential not found",
        "log in with `docker login {host}` or `podman login {host}` as someone who may do this",
    ),
    (
        r"connection re(fused|set)|broken pipe|no such host|timeout|\bEOF\b|unreachable|\bclosed\b",
        "see that the registry runs and run this again: what has arrived is not sent again",
    ),
    (
        r"HTTP response to HTTPS client|certificate|tls:",
        "if the registry has no TLS, add --plain-http; name a certificate authority in SSL_CERT_FILE",
    ),
    (
        r"not found|\b404\b|NAME_UNKNOWN|MANIFEST_UNKNOWN",
        "see that the name is right, and that it was pushed",
    ),
)
_OTHER_REMEDY = "the registry's log may say why (a full disk?); run this again when it is mended"


class NotFoundError(ToolError):
    """A registry answers that it does not have the object."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a registry: "HOST/PATH"."""

    host: str
    """With its port, if it has one."""
    path: str

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine: there, clients accept a registry without TLS."""
        return bool(_LOOPBACK.fullmatch(self.host))

    @staticmethod
    def parse(text: str) -> Repository:
        """Parses HOST/PATH. Raises ToolError for any other text, also one with a tag or digest."""
        host, _, path = text.partition("/")
        if not path or not _HOST.fullmatch(host) or not (set(".:") & set(host) or host == "localhost"):
            raise ToolError(
                f"{text!r}: not a repository; name it with its registry, such as registry.example/base"
            )
        if "@" in path or ":" in path:
            raise ToolError(f"{text!r}: a repository without tag and digest is wanted; a tag goes to --tag")
        if not _PATH.fullmatch(path):
            raise ToolError(
                f"{text!r}: {path!r} is no repository's path; it has lower-case letters, digits, ._- between"
            )
        return Repository(host, path)


@dataclass(frozen=True, slots=True)
class Reference:
    """An image in a registry: "HOST/PATH@sha256:…"."""

    repository: Repository
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"

    @staticmethod
    def parse(text: str) -> Reference:
        """Parses HOST/PATH@sha256:…. Raises ToolError for any other text."""
        name, _, digest = text.partition("@")
        if not DIGEST.fullmatch(digest):
            raise ToolError(f"{text!r}: has no digest; name HOST/PATH@sha256:…, which is what a push prints")
        return Reference(Repository.parse(name), digest)


def in_runfiles(argv: Sequence[str], runfiles: Path) -> tuple[str, ...]:
    """A command of a manifest, in whose words "{runfiles}" stands for the folder of the runfiles."""
    return tuple(word.replace("{runfiles}", str(runfiles)) for word in argv)


def auth_file(environment: Mapping[str, str]) -> Path:
    """The file with docker's credentials, or else podman's: the one that crane and rules_oci use.

    If neither exists, it is the path of docker's file; clients treat a missing file as empty.
    """
    home = Path(environment.get("HOME", "/"))
    docker = Path(environment.get("DOCKER_CONFIG", home / ".docker")) / "config.json"
    podman = Path(environment.get("XDG_RUNTIME_DIR", home / ".config")) / "containers/auth.json"
    if "REGISTRY_AUTH_FILE" in environment:
        podman = Path(environment["REGISTRY_AUTH_FILE"])
    return podman if podman.is_file() and not docker.is_file() else docker


def send(argv: Sequence[str], what: str, host: str) -> None:
    """Runs a client that sends something to the registry `host`; its progress goes to standard error.

    Raises ToolError, one line with the client's own reason, if it fails. When this tool ends, so do the
    client and its children.
    """
    lines: list[str] = []
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as client:
        try:
            for line in client.stdout or ():
                if match := _PROGRESS.match(line):
                    print(match["crane"] or match["oras"], file=sys.stderr, flush=True)
                else:
                    lines.append(line.strip())
            status = client.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(client.pid, signal.SIGTERM)
            raise
    if status:
        raise ToolError(failure(what, lines, host))


def ask(argv: Sequence[str], what: str, host: str) -> str:
    """Runs a client that queries the registry `host`; returns the answer.

    Raises ToolError as `send` does; NotFoundError if the registry does not have the object.
    """
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines()]
        absent = any(_ABSENT.fullmatch(line) for line in lines)
        raise (NotFoundError if absent else ToolError)(failure(what, lines, host))
    return done.stdout.strip()


def failure(what: str, lines: Sequence[str], host: str) -> str:
    """One line for a client's output: what failed, the client's reason, the remedy."""
    errors = [line for line in lines if line.startswith(("Error", "panic: "))]
    reason = re.sub(r"^Error( response from registry)?: ", "", errors[0] if errors else "it gives no reason")
    # crane gives the reason when it retries; its last error may say no more than "500".
    seen = (reason, " ".join(lines))
    if len(reason) > _MAX_REASON:
        reason = f"{reason[:_MAX_REASON]}…"
    remedies = (remedy for text in seen for pattern, remedy in _REMEDIES if re.search(pattern, text, re.I))
    remedy = next(remedies, _OTHER_REMEDY)
    return f"{what}: {reason}; {remedy.format(host=host)}"


@dataclass(frozen=True, slots=True)
class Oras:
    """The client oras, for operations for which rules_oci has no rule."""

    argv: Sequence[str]
    """How it is started."""
    plain_http: bool = False
    """Whether registries on other machines have no TLS, either."""
    auth: Path = field(default_factory=lambda: auth_file(os.environ))

    def _options(self, repository: Repository, prefix: str = "--") -> list[str]:
        options = [f"{prefix}plain-http"] if self.plain_http or repository.loopback else []
        return [*options, f"{prefix}registry-config", str(self.auth)]

    def tagged(self, repository: Repository, tag: str) -> str | None:
        """The digest that a tag names; None if there is no such tag. Raises ToolError if the query fails."""
        what = f"{repository}:{tag} can't be looked up"
        try:
            said = ask(
                [*self.argv, "resolve", *self._options(repository), f"{repository}:{tag}"],
                what,
                repository.host,
            )
        except NotFoundError:
            return None
        return said

    def manifest(self, reference: Reference) -> dict[str, Any]:
        """The manifest or index with that digest. Raises ToolError if it can't be fetched."""
        options = self._options(reference.repository)
        said = ask(
            [*self.argv, "manifest", "fetch", *options, str(reference)],
            f"{reference} can't be read",
            reference.repository.host,
        )
        return _json(said, reference)

    def blob(self, reference: Reference) -> dict[str, Any]:
        """The JSON blob with that digest. Raises ToolError if it can't be fetched."""
        options = self._options(reference.repository)
        said = ask(
            [*self.argv, "blob", "fetch", "--output", "-", *options, str(reference)],
            f"{reference} can't be read",
            reference.repository.host,
        )
        return _json(said, reference)

    def attach(self, reference: Reference, file: Path, media_type: str) -> None:
        """Pushes a file as an artifact of this type that refers to `reference`. Raises ToolError."""
        what = f"{file.name} can't be attached to {reference}"
        fixed = ("attach", "--no-tty", "--disable-path-validation", "--artifact-type", media_type)
        options = self._options(reference.repository)
        send(
            [*self.argv, *fixed, *options, str(reference), f"{file}:{media_type}"],
            what,
            reference.repository.host,
        )

    def fetch(self, reference: Reference, layout: Path) -> None:
        """Copies what a digest names, without referrers, into a new image layout. Raises ToolError."""
        options = self._options(reference.repository, "--from-")
        send(
            [*self.argv, "cp", "--no-tty", "--to-oci-layout", *options, str(reference), f"{layout}:fetched"],
            f"{reference} can't be fetched",
            reference.repository.host,
        )

    def copy(self, layout: Path, reference: Reference, tags: Sequence[str]) -> None:
        """Pushes a manifest of an image layout with its referrers, and tags it. Raises ToolError."""
        what = f"{reference} can't be pushed"
        options = self._options(reference.repository, "--to-")
        source = f"{layout}@{reference.digest}"
        target = str(reference.repository) + (f":{','.join(tags)}" if tags else "")
        # One blob at a time: oras 1.2 panics if two fail at once (oras-go issue 916). Only one is large
        # anyway.
        fixed = ("cp", "--recursive", "--concurrency", "1", "--no-tty", "--from-oci-layout")
        send(
            [*self.argv, *fixed, *options, source, target],
            what,
            reference.repository.host,
        )


def _json(text: str, reference: Reference) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError, RecursionError:
        value = None
    if not isinstance(value, dict):
        raise ToolError(f"{reference}: is not a manifest in JSON; name an image by its digest")
    return value
