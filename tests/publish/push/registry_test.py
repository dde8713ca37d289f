"""What is a repository, where credentials are, and what the messages of crane and oras come to."""

from pathlib import Path

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.publish.registry import Reference, Repository, auth_file, failure

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("registry.example/base", "registry.example", "base"),
        ("registry.example:5000/a/b-c/d__e", "registry.example:5000", "a/b-c/d__e"),
        ("localhost/base", "localhost", "base"),
        ("[::1]:5000/base", "[::1]:5000", "base"),
    ],
)
def test_a_repository_is_host_and_path(text: str, host: str, path: str) -> None:
    assert Repository.parse(text) == Repository(host, path)
    assert str(Repository.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "base",
        "team/base",  # of a registry that somebody else's default would choose
        "registry.example/",
        "registry.example/base:tag",
        f"registry.example/base@{DIGEST}",
        "registry.example/Base",
        "registry.example/a//b",
        "registry.example/a b",
        "registry.example/a;b",
        "https://registry.example/base",
        "-r.example/$(base)",
    ],
)
def test_what_is_no_repository_is_refused(text: str) -> None:
    with pytest.raises(ToolError, match="repository"):
        Repository.parse(text)


@pytest.mark.parametrize(
    "text", ["registry.example/base", "registry.example/base@sha256:0", f"base@{DIGEST}"]
)
def test_what_is_no_reference_by_digest_is_refused(text: str) -> None:
    with pytest.raises(ToolError):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("127.1.2.3:80", True),
        ("[::1]:80", True),
        ("localhost.example", False),
        ("10.0.0.1:5000", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert Repository(host, "base").loopback == loopback


def test_docker_goes_before_podman_and_either_is_found(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    docker, podman = tmp_path / ".docker/config.json", tmp_path / ".config/containers/auth.json"
    assert auth_file(environment) == docker
    podman.parent.mkdir(parents=True)
    podman.touch()
    assert auth_file(environment) == podman
    docker.parent.mkdir()
    docker.touch()
    assert auth_file(environment) == docker
    assert auth_file({"HOME": "/nowhere", "REGISTRY_AUTH_FILE": str(podman)}) == podman
    assert auth_file(environment | {"DOCKER_CONFIG": "/nowhere"}) == podman


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ["2026/01/02 03:04:05 retrying: no space", "Error: PUT x: DENIED: no; [{}]"],
            "docker login r.example",
        ),
        (["Error: basic credential not found"], "podman login r.example"),
        (["Error: dial tcp 127.0.0.1:1: connect: connection refused"], "see that the registry runs"),
        (["Error: PATCH x: EOF"], "what has arrived is not sent again"),
        (["Error: http: server gave HTTP response to HTTPS client"], "--plain-http"),
        (["Error response from registry: unknown: map[Enclosed:map[Err:28 Op:write]]"], "disk is full"),
        (["retrying POST: map[Err:28]", "Error: HEAD x: unexpected status code 500"], "disk is full"),
        (["Error: MANIFEST_UNKNOWN: manifest unknown"], "see that the name is right"),
        (["Error: PUT x: unexpected status code 503 Service Unavailable"], "the registry's log"),
        (["panic: oh", "", "goroutine 1 [running]:"], "panic: oh;"),
        (["nothing that is known"], "it gives no reason"),
        ([], "it gives no reason"),
    ],
)
def test_each_failure_of_a_client_has_its_remedy_in_one_line(lines: list[str], says: str) -> None:
    line = failure("it can't be", lines, "r.example")
    assert says in line
    assert line.startswith("it can't be: ")
    assert "\n" not in line


def test_a_registry_that_says_much_does_not_flood_the_line() -> None:
    assert len(failure("it", ["Error: " + "x" * 10000], "r.example")) < 600
