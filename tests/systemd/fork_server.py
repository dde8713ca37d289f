"""Programs of the judge that start once and run many cases, each in a child of their own: see fork_server.c.

Loading a program of systemd takes longer than a case. The child has done no more than load its libraries, so
that what it does with a case is what the program does.
"""

import os
import shutil
import socket
import struct
import subprocess
import tempfile
from atexit import register
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).with_name("fork_server.c")
_SECONDS = 60
_FAST = "/dev/shm"


@dataclass(frozen=True, slots=True)
class Server:
    """A program that waits for requests."""

    process: subprocess.Popen[bytes]
    requests: socket.socket
    output: Path
    complaints: Path

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Runs the program's main with these arguments, and nothing but this environment."""
        strings = [
            *(str(self.output), str(self.complaints)),
            *(f"{name}={value}" for name, value in environment.items()),
            *("", *words),
        ]
        request = b"".join(os.fsencode(text) + b"\0" for text in strings)
        self.requests.sendall(struct.pack("=I", len(request)) + request)
        answer = self.requests.recv(4, socket.MSG_WAITALL)
        if len(answer) != 4:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait(_SECONDS)}")
        return subprocess.CompletedProcess(
            list(words),
            os.waitstatus_to_exitcode(*struct.unpack("=i", answer)),
            *(path.read_text("utf-8", "surrogateescape") for path in (self.output, self.complaints)),
        )


def prepare() -> str:
    """Builds what makes a program a server with the host's C compiler; "" where there is none."""
    compiler = shutil.which("cc")
    if compiler is None:
        return ""
    folder = Path(tempfile.mkdtemp(prefix="fork", dir=_FAST if os.access(_FAST, os.W_OK) else None))
    register(shutil.rmtree, folder, ignore_errors=True)
    made = folder / "fork_server.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", made, _SOURCE, "-ldl"], check=True)
    return str(made)


@cache
def start(argv: tuple[str, ...], preload: str) -> Server:
    """Starts a program by the loader that `argv` begins with. Each process has its own."""
    ours, theirs = socket.socketpair()
    # The third descriptor is the server's: a shell leads it there.
    shell = ["/bin/sh", "-c", f'exec 3<&{theirs.fileno()}; exec "$@"', "sh"]
    loader, *rest = argv
    with theirs:
        process = subprocess.Popen(
            [*shell, loader, "--preload", preload, *rest],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={"PATH": os.defpath},
        )
    place = f"{preload}.{process.pid}."
    return Server(process, ours, Path(f"{place}output"), Path(f"{place}complaints"))
