"""Output files that are either whole or absent."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def output(path: Path) -> Iterator[BinaryIO]:
    """Opens `path` for writing; it appears under its name only if the block ends without an error.

    The bytes go to a file beside `path`, which is renamed into place (rename(2) is atomic) or removed.
    What a killed process leaves behind is never taken for the output: it has another name.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        # mkstemp makes files that only their owner can read; an output is read by other users too.
        aside.chmod(0o644)
        aside.replace(path)
    except BaseException as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            # write(2) does not know the name of its file; who reads the message wants it.
            error.filename = path
        raise
