"""Locked programs, as tests and measurements start them."""

from pathlib import Path


def argv(folder: Path, *, share: bool = False) -> list[str]:
    """The command that starts the program in the folder of a `locked_program`, on any host.

    With `share`, it has libraries in share/, too, as a program has that keeps its own in a folder of its own.
    """
    [loader] = folder.glob("lib/ld-linux-*.so.*")
    [program] = folder.glob("bin/*")
    libraries = f"{folder}/lib:{folder}/share" if share else f"{folder}/lib"
    return [str(loader), "--library-path", libraries, "--argv0", program.name, str(program)]
