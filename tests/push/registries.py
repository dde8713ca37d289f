"""A registry of the lock on a free port of loopback, and ways in which it fails."""

import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RUNFILES = Path(__file__).parents[2]
_LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
_SECONDS = 60  # that a registry may take to start

# "right", by crypt(3) with bcrypt, the only one that the registry takes.
USER, PASSWORD = "user", "right"
_HTPASSWD = "user:$2y$05$abcdefghijklmnopqrstuu8xaCxxL82bnl.UY74PMksDxIJShppPC"


def locked(folder: str, program: str) -> list[str]:
    """How a locked_program is started; `folder` is its path in the runfiles."""
    root = RUNFILES / folder
    loader = root / "lib" / _LOADERS[os.uname().machine]
    return [str(loader), "--library-path", str(root / "lib"), "--argv0", program, str(root / "bin" / program)]


ORAS = locked("system_image/oras", "oras")
SKOPEO = locked("tests/push/skopeo", "skopeo")


@dataclass
class Registry:
    """docker-registry; its data and its log are in `folder`."""

    folder: Path
    users: bool = False
    """Whether it asks for a password."""
    room: int = 0
    """MiB that its disk has; 0: that of the folder."""
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> Registry:
        """Starts it; again on the same port."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        (self.folder / "htpasswd").write_text(_HTPASSWD + "\n")
        config = {
            "version": 0.1,
            "log": {"level": "info", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(data)}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        if self.users:
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(self.folder / "htpasswd")}}
        (self.folder / "config.yml").write_text(json.dumps(config))  # which is YAML, too
        log = self.folder / "log"
        log.write_text("")
        with log.open("ab") as output:
            argv = [
                *locked("tests/push/registry", "docker-registry"),
                "serve",
                str(self.folder / "config.yml"),
            ]
            if self.room:
                argv = [sys.executable, __file__, str(data), str(self.room), *argv]
            self._process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
        end = time.monotonic() + _SECONDS
        while not (found := re.search(r'"listening on 127\.0\.0\.1:(\d+)"', log.read_text())):
            assert time.monotonic() < end and self._process.poll() is None, log.read_text()
            time.sleep(0.02)
        self.port = int(found[1])
        return self

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ends it."""
        if self._process:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    @property
    def host(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    def requests(self) -> list[str]:
        """What it was asked since it started, such as "PUT /v2/…"."""
        return re.findall(
            r'"((?:GET|HEAD|POST|PATCH|PUT|DELETE) \S+) HTTP', (self.folder / "log").read_text()
        )

    def uploads(self) -> list[str]:
        """What was sent to it since it started: its requests that change something."""
        return [request for request in self.requests() if not request.startswith(("GET", "HEAD"))]


def _small_disk(folder: str, room: str) -> None:
    """Gives this process a file system of `room` MiB in `folder`, which nobody else sees."""
    user, group = os.getuid(), os.getgid()
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={room}m".encode()):
        raise OSError(ctypes.get_errno(), "mount")


class Cutter:
    """Between a client and a registry: after `limit` bytes to the registry it kills it and hangs up.

    With `stall` it kills nothing, and passes nothing on from then on until the client hangs up.
    """

    def __init__(self, registry: Registry, limit: int, *, stall: bool = False) -> None:
        self._registry, self._left, self._stall = registry, limit, stall
        self.left = threading.Event()
        """Whether the client has hung up since."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self.cut = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                registry = socket.create_connection(("127.0.0.1", self._registry.port))
            except OSError:
                return
            self._open += [client, registry]
            for source, target, counted in ((client, registry, True), (registry, client, False)):
                threading.Thread(target=self._pump, args=(source, target, counted), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if counted:
                    self._left -= len(data)
                    if self._left < 0 and not self._stall:
                        self._cut()
                        return
                    if self._left < 0:
                        self.cut.set()
                        while source.recv(1 << 16):
                            time.sleep(0.01)  # a slow network
                        self.left.set()
                        return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            if self.cut.is_set():
                self.left.set()

    def _cut(self) -> None:
        self.cut.set()
        self._registry.stop(signal.SIGKILL)
        # It wakes accept() up.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def run(argv: Sequence[str | Path], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a program with this environment alone."""
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=240, check=False)


if __name__ == "__main__":
    # FOLDER ROOM PROGRAM…: becomes the program.
    _small_disk(*sys.argv[1:3])
    os.execv(sys.argv[3], sys.argv[3:])
