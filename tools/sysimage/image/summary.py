"""summary: where a system image is, how large it is, and its digests, for people."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.image.contents import ImageFacts

_DOC = "Says where a system image is, how large it is, and its digests."
_EXAMPLES = {
    "bazel run //:guest_summary": "builds the image first",
    "bazel run //:guest_summary -- --sha256": "the digest alone, for a script",
}


def main(argv: Sequence[str]) -> int:
    """Prints the summary. Raises ToolError."""
    parser = CommandLine("summary", _DOC, _EXAMPLES)
    parser.given("--image", type=Path)
    parser.given("--contents", type=Path)
    parser.add_argument("--sha256", action="store_true", help="print the SHA-256 alone")
    options = parser.parse_args(argv)
    facts, paths, packages = read(options.contents)
    print(facts.sha256 if options.sha256 else "\n".join(lines(facts, paths, packages, options.image)))
    return 0


def read(path: Path) -> tuple[ImageFacts, int, int]:
    """Reads a contents file: what is known of the image, and how many paths and packages it has."""
    try:
        found = json.loads(path.read_text())
        return ImageFacts(**found["image"]), len(found["paths"]), len(found["packages"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ToolError(f"{path}: is no contents file ({error}); build the image again") from error


def lines(facts: ImageFacts, paths: int, packages: int, image: Path) -> Iterator[str]:
    """Yields what people want to know of an image, a line each."""
    unpacked = "" if facts.compression == "none" else f", {_megabytes(facts.tar_size)} unpacked"
    yield shown(image)
    yield f"  size     {_megabytes(facts.size)}{unpacked}"
    yield f"  content  {paths:,} paths, {packages:,} packages"
    yield f"  sha256   {facts.sha256}"
    yield f"  sha384   {facts.sha384}"


def shown(image: Path) -> str:
    """The path of an output as people write it: below bazel-bin, where that leads to it."""
    real = Path(os.path.realpath(image))
    workspace = Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", ""))
    link = workspace / "bazel-bin"
    folder = Path(os.path.realpath(link))
    if link.exists() and folder in real.parents:
        return str(Path("bazel-bin") / real.relative_to(folder))
    return str(real)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


if __name__ == "__main__":
    run(main)
