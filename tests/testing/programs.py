"""Locked programs, as tests and measurements start them."""

from pathlib import Path


def argv(folder: Path) -> list[str]:
    """The command that starts the program in the folder of a `locked_program`, on any host."""
    [loader] = folder.glob("lib/ld-linux-*.so.*")
    [program] = folder.glob("bin/*")
    return [str(loader), "--library-path", str(folder / "lib"), "--argv0", program.name, str(program)]
