"""dash, which says what a script means: it runs in a folder of its own, with the tests' commands in PATH."""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.scripts.world import SCRIPTS, Outcome, interpret, snapshot_of_host
from tests.testing.programs import argv

# Of the lock: another release's differs.
DASH = argv(Path(__file__).parents[1] / "programs/dash")
_SECONDS = 10


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="shell"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    commands = folder / "bin"
    commands.mkdir()
    for name in ("cat", "rm", "mkdir", "ln", "env", "sort", "grep"):
        (commands / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    for name, text in SCRIPTS.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    return folder


def judge(script: bytes, arguments: Sequence[str] = ()) -> Outcome:
    """Runs a script by dash."""
    folder = _folder()
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (folder / "script").write_bytes(script)
    done = subprocess.run(
        [*DASH, "../script", *arguments],
        input=b"one\ntwo words\nthree\n",
        capture_output=True,
        cwd=work,
        env={"PATH": str(folder / "bin"), "HOME": "/nonexistent/me", "LC_ALL": "C"},
        timeout=_SECONDS,
        check=False,
        umask=0o022,
        preexec_fn=None,
    )
    stdout = done.stdout.replace(os.fsencode(work), b"/work").replace(b"../script", b"script")
    return Outcome(stdout, done.returncode, snapshot_of_host(str(work)))


def compare(script: bytes, arguments: Sequence[str] = ()) -> tuple[Outcome, Outcome]:
    """Returns what dash makes of a script, and what the machine does."""
    return judge(script, arguments), interpret(script, arguments)
