"""A broken image makes boot_test fail within its time, with one line that names the cause."""

import argparse
import dataclasses
import os
import re
import sys
import tempfile
from pathlib import Path

from tools.sysimage.boot import check, machine
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import gpt

LIMIT = 240  # seconds, of the 300 that the test has


def main() -> int:
    """Boots; returns 0 if that fails as it has to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vm", type=Path, required=True)
    parser.add_argument("--message", required=True)
    parser.add_argument("--cut", action="store_true", help="the image's last kilobyte is missing")
    parser.add_argument("--twice", action="store_true", help="the image's bytes are there twice")
    parser.add_argument(
        "--damage", action="store_true", help="a byte in the middle of the image is another one"
    )
    parser.add_argument("--flip", action="store_true", help="a byte of the disk's file system is another one")
    parser.add_argument("--digest", action="store_true", help="stage1 is to insist on another digest")
    options = parser.parse_args()
    vm = machine.read(options.vm).machine()
    with tempfile.TemporaryDirectory(dir=os.environ["TEST_TMPDIR"]) as scratch:
        if options.cut or options.twice or options.damage:
            data = bytearray(vm.image.read_bytes())
            if options.damage:
                data[len(data) // 2] ^= 0xFF
            image = Path(scratch) / "image.tar.xz"
            image.write_bytes(data[:-1024] if options.cut else data * 2 if options.twice else data)
            vm = dataclasses.replace(vm, image=image, digest="")
        if options.flip:
            with vm.image.open("rb") as stream:
                root = gpt.read(stream, str(vm.image)).partitions[1]
            data = bytearray(vm.image.read_bytes())
            data[root.first * gpt.SECTOR + 1100] ^= 1
            image = Path(scratch) / "disk.raw"
            image.write_bytes(data)
            vm = dataclasses.replace(vm, image=image)
        if options.digest:
            vm = dataclasses.replace(vm, digest="0" * 64)
        try:
            check.check(vm, machine.Expectations(status=0), LIMIT)
        except ToolError as error:
            print(f"error: {error}")
            if "systemd had not started up" in str(error):
                print("it fails for want of time alone", file=sys.stderr)
                return 1
            if not re.search(options.message, str(error)):
                print(f"the message has no {options.message!r}", file=sys.stderr)
                return 1
            return 0
    print("the boot passed, and has to fail", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
