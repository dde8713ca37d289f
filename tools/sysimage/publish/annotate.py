"""annotate: writes annotations that tell where an image or artifact comes from (image-spec: annotations.md).

The commit determines all of them: the time is that of the lock's snapshot, not of the clock.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.formats.oci_layout import first_digest
from tools.sysimage.publish.registry import LOCK_ANNOTATION
from tools.sysimage.publish.workspace_status import public, status_values

_OCI = "org.opencontainers.image."


def annotations(lock: bytes, status: dict[str, str], source: str, base: Path | None) -> dict[str, str]:
    """The annotations whose values are known. Raises ToolError if `lock` is no lock."""
    try:
        snapshot = datetime.strptime(json.loads(lock)["snapshot"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ToolError(
            f"lock: it has no snapshot ({error}); name the lock that the image is made of"
        ) from None
    values = {
        LOCK_ANNOTATION: hashlib.sha256(lock).hexdigest(),
        _OCI + "base.digest": first_digest(base) if base else "",
        _OCI + "created": snapshot.strftime("%Y-%m-%dT%H:%M:%SZ"),
        _OCI + "revision": status.get("STABLE_GIT_COMMIT", ""),
        _OCI + "source": source or public(status.get("STABLE_GIT_URL", "")),
    }
    for name, value in values.items():
        if "\n" in value:
            raise ToolError(f"{name}: {value!r} holds a line break; leave it out")
    return {name: value for name, value in values.items() if value}


def main(argv: Sequence[str]) -> int:
    """Writes a file of the annotations, NAME=VALUE on each line, and a file of the creation time alone."""
    parser = argparse.ArgumentParser(prog="annotate", description=__doc__)
    parser.add_argument("--lock", type=Path, required=True, help="the lock that the image is made of")
    parser.add_argument("--status", type=Path, required=True, help="Bazel's stable-status.txt")
    parser.add_argument("--source", default="", help="where the source is; default: STABLE_GIT_URL")
    parser.add_argument("--base", type=Path, help="image layout of the image that it is based on")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--created", type=Path, required=True)
    options = parser.parse_args(argv)
    found = annotations(
        options.lock.read_bytes(),
        status_values(options.status.read_text("utf-8")),
        options.source,
        options.base,
    )
    with ExitStack() as files:
        output = files.enter_context(atomic.output(options.output))
        created = files.enter_context(atomic.output(options.created))
        # No line break at the end: rules_oci takes these files as they are.
        output.write("\n".join(f"{name}={value}" for name, value in found.items()).encode())
        created.write(found[_OCI + "created"].encode())
    return 0


if __name__ == "__main__":
    run(main)
