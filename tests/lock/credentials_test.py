"""Mirrors that want a password, or patience: the lock tool has to get through, and to keep the password."""

import base64
import email.utils
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lock.archives import Workspace
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.credentials import access, shown
from tools.sysimage.debian.fetch import Mirrors
from tools.sysimage.debian.mirrors import parse_variable

PASSWORD = "p@ss:w/rd"
ENCODED = "p%40ss%3Aw%2Frd"
WANTED = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()


class Server(http.server.ThreadingHTTPServer):
    """A mirror: /auth wants the password, /busy is free at the second try, /move leads to another host."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str | None]] = []
        self.busy: list[str] = []  # values of Retry-After, one an answer
        self.goal = ""

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        if self.path.startswith("/move"):
            return self.say(302, {"Location": self.server.goal})
        if self.path.startswith("/busy") and self.server.busy:
            later = self.server.busy.pop(0)
            return self.say(429, {"Retry-After": later} if later else {})
        if self.path.startswith("/auth") and self.headers.get("Authorization") != WANTED:
            return self.say(401, {})
        return self.say(200, {})

    def say(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Drops the line."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def get(url: str) -> bytes:
    return Mirrors("debian", [url]).fetch("it", ("file",), lambda stream: stream.read())


def test_password_of_the_url_would_be_taken_for_a_host(server: Server) -> None:
    assert get(f"http://user:{ENCODED}@{server.place}/auth") == b"ok"
    assert get(f"http://user:{PASSWORD.replace('/', '%2F')}@{server.place}/auth") == b"ok"


@pytest.mark.parametrize("name", [".netrc", "other"])
def test_netrc_would_not_be_read(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text = f'machine other login a password b\nmachine 127.0.0.1 login user password "{PASSWORD}"\n'
    (tmp_path / name).write_text(text)
    if name == "other":
        monkeypatch.setenv("NETRC", str(tmp_path / name))
    assert get(f"http://{server.place}/auth") == b"ok"


def test_password_would_be_sent_to_the_host_of_a_redirection(server: Server) -> None:
    server.goal = f"http://localhost:{server.server_port}/elsewhere"
    assert get(f"http://user:{ENCODED}@{server.place}/move") == b"ok"
    assert server.seen == [("/move/file", WANTED), ("/elsewhere", None)]
    server.goal = f"http://{server.place}/auth"
    assert get(f"http://user:{ENCODED}@{server.place}/move") == b"ok"


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@{}/auth",
        "http://user:secret@{}/move",
        "http://user:sec/ret@{}/auth",
        "http://user:sec?ret@{}/auth",
        "http://user:secret@[{}/auth",
        "http://user:secret@none.invalid/x",
        "ftp2://user:secret@{}/auth",
        "http://user:secret@{}:port/x",
    ],
)
def test_password_would_be_in_a_message(server: Server, url: str, capfd: pytest.CaptureFixture[str]) -> None:
    server.goal = "nonsense://user:secret@x/"
    texts = []
    for attempt in (lambda: get(url.format(server.place)), lambda: parse_variable(f"debian{url}")):
        with pytest.raises(ToolError) as caught:
            attempt()
        texts.append(str(caught.value))
    said = "".join([*texts, *capfd.readouterr()])
    assert "sec" not in said
    assert "ret@" not in said


def test_refused_password_would_be_without_a_remedy(server: Server) -> None:
    with pytest.raises(
        ToolError, match=r"HTTP 401 Unauthorized, it wants a user and a password: name them in ~/\.netrc"
    ):
        get(f"http://{server.place}/auth")


@pytest.mark.parametrize(
    "text", ["machine x login y password secret extra", "machine x password secret\nsecret\n"]
)
def test_broken_netrc_would_show_its_password(tmp_path: Path, text: str) -> None:
    (tmp_path / ".netrc").write_text(text)
    with pytest.raises(ToolError, match=r"\.netrc: is no netrc, at line \d+; correct it") as caught:
        access("http://x/y", {"HOME": str(tmp_path)})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("later", "least", "most"),
    [("7", 7, 7), ("", 0.5, 0.5), ("soon", 0.5, 0.5), ("date", 15, 21), ("0", 0.5, 0.5)],
)
def test_busy_mirror_would_be_given_up(
    server: Server, waits: list[float], later: str, least: float, most: float
) -> None:
    server.busy = [email.utils.formatdate(time.time() + 20, usegmt=True) if later == "date" else later]
    assert get(f"http://{server.place}/busy") == b"ok"
    [waited] = waits
    assert least <= waited <= most


def test_mirror_that_asks_for_an_hour_would_be_waited_for(server: Server, waits: list[float]) -> None:
    server.busy = ["3600"] * 9
    with pytest.raises(ToolError, match="HTTP 429 Too Many Requests, try again in 3600 s"):
        get(f"http://{server.place}/busy")
    assert not waits


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://a:b@c/d: no", "http://c/d: no"),
        ("debian=https://a@c/d", "debian=https://c/d"),
        ("http://c/d e@f", "http://c/d e@f"),
    ],
)
def test_other_parts_of_a_message_would_vanish(text: str, found: str) -> None:
    assert shown(text) == found


def test_link_to_a_lock_would_become_a_file(workspace: Workspace, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.json"
    real.parent.mkdir()
    workspace.lock.symlink_to(real)
    workspace.run()
    assert workspace.lock.is_symlink()
    before: Any = workspace.read()
    assert real.is_file()
    assert before["version"] == 2
