"""Output files that are either whole or absent."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def output(path: Path) -> Iterator[BinaryIO]:
    """Opens `path` for writing; it appears under its name only if the block ends without an error.

    The bytes go to a file beside `path`, which is renamed into place (rename(2) is atomic) or removed.
    That file has another name, so if the process is killed, what it leaves is never taken for the output.
    """
    with outputs(path) as [stream]:
        yield stream


@contextmanager
def outputs(*paths: Path) -> Iterator[list[BinaryIO]]:
    """Opens several files as `output` does; all of them appear, or none."""
    streams: list[BinaryIO] = []
    written: list[Path] = []
    done: list[Path] = []
    path = Path()
    try:
        for path in paths:
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            written.append(Path(name))
            streams.append(os.fdopen(descriptor, "wb"))
        yield streams
        # Closing can fail for want of space, so all are closed before the first is renamed.
        for path, stream in zip(paths, streams, strict=True):  # noqa: B007 - for the message
            stream.close()
        for path, aside in zip(paths, written, strict=True):
            # mkstemp makes files that only their owner can read, but other users read outputs, too.
            aside.chmod(0o644)
            aside.replace(path)
            done.append(path)
    except BaseException as error:
        for stream in streams:
            with suppress(OSError):
                stream.close()
        for aside in (*written, *done):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, *map(str, written), *written):
            # An error of write(2) names no file, and others name the temporary one.
            error.filename = path
        raise
