"""A registry of the lock on a free port of loopback, and ways in which it fails."""

import contextlib
import json
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

from tests.testing.programs import argv

RUNFILES = Path(__file__).parents[3]
_SECONDS = 60  # that a registry may take to start

# "right", by crypt(3) with bcrypt, the only one that the registry takes.
USER, PASSWORD = "user", "right"
_HTPASSWD = "user:$2y$05$abcdefghijklmnopqrstuu8xaCxxL82bnl.UY74PMksDxIJShppPC"

ORAS = argv(RUNFILES / "system_image/tools/oras")
SKOPEO = argv(RUNFILES / "tests/programs/skopeo")


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
            command = [
                *argv(RUNFILES / "tests/publish/push/registry"),
                "serve",
                str(self.folder / "config.yml"),
            ]
            if self.room:
                command = [
                    sys.executable,
                    str(Path(__file__).with_name("small_disk.py")),
                    str(data),
                    str(self.room),
                    *command,
                ]
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
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


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a program with this environment alone."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
