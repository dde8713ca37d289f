"""flatten: writes the root filesystem of an image in an OCI image layout as one deterministic tar."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import run, warn
from tools.sysimage.formats import oci, oci_image, tar


def main(argv: Sequence[str]) -> int:
    """Command line of the stage; see `flatten`."""
    parser = argparse.ArgumentParser(prog="flatten", description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--layout", type=Path, required=True, help="directory of the OCI image layout")
    parser.add_argument("--output", type=Path, required=True, help="tar to write")
    parser.add_argument("--os", default="", help="operating system of the image, if there are several")
    parser.add_argument("--architecture", default="", help="architecture, as Go names it: amd64, arm64")
    parser.add_argument("--variant", default="", help="variant of the architecture: v8")
    parser.add_argument(
        "--limit",
        type=int,
        default=oci_image.LIMIT,
        metavar="BYTES",
        help="refuse an image that unpacks to more",
    )
    options = parser.parse_args(argv)
    platform = oci.Platform(options.os, options.architecture, options.variant)
    flatten(options.layout, platform, options.output, options.limit)
    return 0


def flatten(layout: Path, platform: oci.Platform, output: Path, limit: int = oci_image.LIMIT) -> None:
    """Writes the filesystem of the layout's image for `platform` to the tar `output`.

    Each layer is read once, several side by side. Compressed layers are unpacked to temporary files without a
    name beside `output`. `limit` is in bytes, for all layers together. Raises ToolError if `layout` is no
    image layout, or the image is damaged or breaks layer.md.
    """
    with ExitStack() as files:
        tree = oci_image.load(layout, platform, files, output.parent, limit, warn)
        with atomic.output(output) as stream:
            tar.write(tree, stream)


if __name__ == "__main__":
    run(main)
