"""A root filesystem of packages and what is added to them: the stages install and rootfs."""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.sysimage.core import errors
from tools.sysimage.rootfs import install, rootfs


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE [--mtree FILE] [--effects FILE].

    The manifest has the fields of both stages. Raises ToolError as they do.
    """
    parser = argparse.ArgumentParser(prog="filesystems", description=main.__doc__)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--mtree", type=Path)
    parser.add_argument("--effects", type=Path)
    options = parser.parse_args(argv)
    given = json.loads(options.manifest.read_text())
    names = {field.name for field in dataclasses.fields(install.InstallInput)}
    with TemporaryDirectory(dir=options.output.parent) as name:
        folder = Path(name)
        tar, owners, first, second = (folder / name for name in ("tar", "owners", "first", "second"))
        first.write_text(json.dumps({key: value for key, value in given.items() if key in names}))
        words = ["--manifest", str(first), "--output", str(tar), "--owners", str(owners)]
        install.main([*words, "--effects", str(options.effects or folder / "effects")])
        rest = {key: value for key, value in given.items() if key not in names}
        rest |= {"architecture": given["architecture"], "installed": str(tar), "owners": str(owners)}
        second.write_text(json.dumps(rest))
        words = ["--manifest", str(second), "--output", str(options.output)]
        return rootfs.main([*words, *(["--mtree", str(options.mtree)] if options.mtree else [])])


if __name__ == "__main__":
    errors.run(main)
