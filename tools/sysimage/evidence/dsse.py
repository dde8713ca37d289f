"""DSSE envelopes (secure-systems-lab/dsse, protocol 1.0): statements, and the signature of their encoding."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.sysimage.core.errors import ToolError

IN_TOTO = "application/vnd.in-toto+json"


def statement(name: str, digest: Mapping[str, str], kind: str, predicate: Any) -> dict[str, Any]:
    """A statement about a file by its digests: in-toto attestation v1, "Statement"."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": digest}],
        "predicateType": kind,
        "predicate": predicate,
    }


def encoded(payload: bytes, kind: str = IN_TOTO) -> bytes:
    """What is signed of a payload: PAE, the pre-authentication encoding."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def envelope(payload: bytes, signature: bytes, kind: str = IN_TOTO) -> bytes:
    """The envelope of a payload with a signature of its encoding."""
    value = {
        "payloadType": kind,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(value).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope's payload and its signatures, not verified."""

    payload: bytes
    kind: str
    signatures: tuple[bytes, ...]


def opened(data: bytes, where: str) -> Opened:
    """Reads an envelope. Raises ToolError if it is none."""
    try:
        value = json.loads(data)
        payload = base64.b64decode(value["payload"], validate=True)
        signatures = tuple(base64.b64decode(one["sig"], validate=True) for one in value["signatures"])
        return Opened(payload, value["payloadType"], signatures)
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{where}: is no DSSE envelope ({error}); sign it anew") from error
