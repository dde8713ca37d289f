"""Writes a tar with a file of as many MiB as are asked for, which no compressor makes smaller."""

import io
import random
import sys
import tarfile
from pathlib import Path


def main(argv: list[str]) -> int:
    """OUTPUT NUMBER SIZE: the bytes follow from the number alone."""
    output, number, size = Path(argv[0]), int(argv[1]), int(argv[2])
    data = random.Random(number).randbytes(size << 20)
    with tarfile.open(output, "w") as archive:
        entry = tarfile.TarInfo(f"data{number}")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
