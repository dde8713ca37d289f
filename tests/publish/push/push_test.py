"""Stage push: what arrives in a real registry, what is not sent again, and what a user sees when it fails."""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publish.push.registries import ORAS, PASSWORD, RUNFILES, SKOPEO, USER, Cutter, Registry, run

LOCK = RUNFILES / "system_image/debian.lock.json"
REFERENCE = re.compile(r"127\.0\.0\.1:\d+/base@sha256:[0-9a-f]{64}")
PROGRESS = re.compile(r"((pushed|existing|mounted) (blob|manifest): |(Copied|Exists|Skipped|Uploaded) ).*")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "registry").mkdir()
    made = Registry(tmp_path / "registry").start()
    yield made
    made.stop()


@pytest.fixture
def locked_registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "locked").mkdir()
    made = Registry(tmp_path / "locked", users=True).start()
    yield made
    made.stop()


def push(name: str, host: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs //tests/publish/push:NAME as `bazel run` does."""
    argv: list[str | Path] = [RUNFILES / "tests/publish/push" / name, "--repository", f"{host}/base", *more]
    return run(
        argv,
        {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "RUNFILES_DIR": str(RUNFILES.parent)} | environment,
    )


def pushed(name: str, host: str, *more: str, **environment: str) -> str:
    """Pushes what can be pushed; returns the reference."""
    done = push(name, host, *more, **environment)
    assert done.returncode == 0, done.stderr
    assert all(PROGRESS.fullmatch(line) for line in done.stderr.splitlines()), done.stderr
    assert REFERENCE.fullmatch(done.stdout.rstrip("\n")), done.stdout
    return done.stdout.strip()


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Returns the line that a user sees: the only one but for what was reported before."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not PROGRESS.fullmatch(line)]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def layout(name: str) -> tuple[Path, str]:
    """The image layout of what is pushed, and its digest."""
    folder = RUNFILES / "tests/publish/push" / name
    return folder, json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]


def manifest_of(name: str) -> dict:
    folder, digest = layout(name)
    return json.loads((folder / "blobs" / digest.replace(":", "/")).read_text())


def skopeo(*arguments: str) -> str:
    return answer([*SKOPEO, "--insecure-policy", *arguments])


def oras(*arguments: str) -> str:
    return answer([*ORAS, *arguments])


def answer(argv: list[str]) -> str:
    done = run(argv, {"HOME": "/nowhere", "TMPDIR": os.environ["TEST_TMPDIR"]})
    assert done.returncode == 0, done.stderr
    return done.stdout


# What arrives


def test_the_reference_by_digest_is_the_last_line_and_what_the_file_says(
    registry: Registry, tmp_path: Path
) -> None:
    file = tmp_path / "reference"
    reference = pushed(
        "push_small", registry.host, "--tag", "one", "--tag=two", "--reference-file", str(file)
    )
    assert file.read_text() == f"{reference}\n"
    for name in (reference, f"{registry.host}/base:one", f"{registry.host}/base:two"):
        seen = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{name}"))
        assert seen["Digest"] == reference.partition("@")[2] == layout("push_small_image")[1]
    assert sorted(seen["RepoTags"]) == ["one", "two"]


def test_a_reference_file_is_the_users_not_of_the_folder_that_bazel_run_starts_in(
    registry: Registry, tmp_path: Path
) -> None:
    reference = pushed(
        "push_small", registry.host, "--reference-file", "ref", BUILD_WORKING_DIRECTORY=str(tmp_path)
    )
    assert (tmp_path / "ref").read_text() == f"{reference}\n"


def test_the_image_says_where_it_comes_from_and_no_time_of_the_clock(registry: Registry) -> None:
    reference = pushed("push_larger", registry.host)
    manifest = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}"))
    lock = json.loads(LOCK.read_text())
    time = re.sub(r"(....)(..)(..T..)(..)(..Z)", r"\1-\2-\3:\4:\5", lock["snapshot"])
    said = manifest["annotations"]
    assert said["org.opencontainers.image.created"] == time
    assert said["rules_system_image.lock.sha256"] == hashlib.sha256(LOCK.read_bytes()).hexdigest()
    assert said["org.opencontainers.image.base.digest"] == layout("push_small_image")[1]
    # A checkout without Git has neither.
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", said.get("org.opencontainers.image.revision", "0" * 40))
    assert said.get("org.opencontainers.image.source", "https://").startswith("https://")
    assert (
        json.loads(skopeo("inspect", "--no-tags", "--tls-verify=false", f"docker://{reference}"))["Created"]
        == time
    )


def test_another_client_copies_the_very_blobs(registry: Registry, tmp_path: Path) -> None:
    reference = pushed("push_larger", registry.host)
    copy = tmp_path / "copy"
    skopeo("copy", "--preserve-digests", "--src-tls-verify=false", f"docker://{reference}", f"oci:{copy}")
    pushed_layout, digest = layout("push_larger_image")
    assert json.loads((copy / "index.json").read_text())["manifests"][0]["digest"] == digest
    blobs = {path.name: path.read_bytes() for path in (copy / "blobs/sha256").iterdir()}
    assert len(blobs) == 4
    assert all((pushed_layout / "blobs/sha256" / name).read_bytes() == data for name, data in blobs.items())


# What is not sent again


@pytest.mark.parametrize("name", ["push_small", "push_tiny"])
def test_a_push_that_is_repeated_uploads_nothing(registry: Registry, name: str) -> None:
    reference = pushed(name, registry.host, "--tag", "one")
    assert registry.uploads()
    registry.stop()
    registry.start()
    assert pushed(name, registry.host, "--tag", "one") == reference
    # A tag is put again, which sends the manifest's few bytes; no blob is.
    assert [request for request in registry.uploads() if "/manifests/one" not in request] == []


def test_layers_that_the_base_has_pushed_are_not_sent_again(registry: Registry) -> None:
    pushed("push_small", registry.host)
    registry.stop()
    registry.start()
    pushed("push_larger", registry.host)
    uploaded = [
        re.sub(".*digest=sha256%3A", "", request) for request in registry.uploads() if "digest=" in request
    ]
    small, larger = manifest_of("push_small_image"), manifest_of("push_larger_image")
    new = [larger["config"], *(layer for layer in larger["layers"] if layer not in small["layers"])]
    assert len(new) == 2
    assert sorted(uploaded) == sorted(blob["digest"].removeprefix("sha256:") for blob in new)


# Tags


def test_a_tag_of_another_image_is_moved_only_if_the_user_says_so(registry: Registry) -> None:
    small = pushed("push_small", registry.host, "--tag", "one")
    line = refused(push("push_larger", registry.host, "--tag", "one"))
    assert f"base:one is {small.partition('@')[2]} already" in line and "--replace-tag" in line
    assert registry.host + "/base:one" in line
    # Nothing was pushed before the tag was looked at.
    assert oras("resolve", "--plain-http", f"{registry.host}/base:one").strip() == small.partition("@")[2]
    larger = pushed("push_larger", registry.host, "--tag", "one", "--replace-tag")
    assert oras("resolve", "--plain-http", f"{registry.host}/base:one").strip() == larger.partition("@")[2]


def test_a_tag_of_another_artifact_is_moved_only_if_the_user_says_so(registry: Registry) -> None:
    pushed("push_small", registry.host, "--tag", "one")
    assert "--replace-tag" in refused(push("push_tiny", registry.host, "--tag", "one"))
    pushed("push_tiny", registry.host, "--tag", "one", "--replace-tag")


# The system image as an artifact


def test_a_launcher_fetches_the_system_image_by_digest_with_any_client(
    registry: Registry, tmp_path: Path
) -> None:
    reference = pushed("push_tiny", registry.host)
    oras("pull", "--plain-http", "--output", str(tmp_path / "got"), reference)
    files = {path.name for path in (tmp_path / "got").iterdir()}
    assert files == {"tiny.tar", "tiny.tar.sha256", "tiny.tar.sha384", "tiny.mtree", "tiny.contents.json"}
    subprocess.run(["sha256sum", "--check", "--strict", "tiny.tar.sha256"], cwd=tmp_path / "got", check=True)
    manifest = json.loads(oras("manifest", "fetch", "--plain-http", reference))
    assert manifest["artifactType"] == "application/vnd.system-image.v1"
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert manifest["layers"][0]["mediaType"] == "application/vnd.system-image.v1.tar"
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == layout("push_small_image")[1]
    # A client that knows images only copies it, too.
    skopeo(
        "copy", "--preserve-digests", "--src-tls-verify=false", f"docker://{reference}", f"dir:{tmp_path}/dir"
    )
    assert (tmp_path / "dir" / manifest["layers"][0]["digest"].removeprefix("sha256:")).is_file()


def test_what_is_said_about_the_system_image_refers_to_it(registry: Registry, tmp_path: Path) -> None:
    reference = pushed("push_tiny", registry.host)
    found = json.loads(oras("discover", "--plain-http", "--format", "json", reference))["manifests"]
    assert [item["artifactType"] for item in found] == ["application/vnd.example.statement"]
    oras(
        "pull",
        "--plain-http",
        "--output",
        str(tmp_path / "got"),
        f"{registry.host}/base@{found[0]['digest']}",
    )
    assert (tmp_path / "got/note.txt").read_text() == "A file."


def test_a_cloud_would_be_given_another_disk_than_the_one_that_was_measured(
    registry: Registry, tmp_path: Path
) -> None:
    reference = pushed("push_disk", registry.host)
    got, built = tmp_path / "got", RUNFILES / "tests/disk"
    oras("pull", "--plain-http", "--output", str(got), reference)
    manifest = json.loads(oras("manifest", "fetch", "--plain-http", reference))
    assert manifest["artifactType"] == "application/vnd.system-image.disk.v1"
    title = "org.opencontainers.image.title"
    types = {layer["annotations"][title]: layer["mediaType"] for layer in manifest["layers"]}
    disks = {"disk.raw": ".raw", "disk.qcow2": ".qcow2", "disk.vhd": ".vhd", "disk.tar.gz": ".gcp.tar+gzip"}
    digests = {f"{name}.sha256": ".sha256" for name in disks}
    expected = disks | digests | {"uki.efi": ".uki"}
    assert types == {name: manifest["artifactType"] + ending for name, ending in expected.items()}
    for name in types:
        assert (got / name).read_bytes() == (built / name).read_bytes(), name
    subprocess.run(["sha256sum", "--check", "--strict", *digests], cwd=got, check=True)


# Credentials


def docker_login(folder: Path, host: str, password: str) -> dict[str, str]:
    """Writes what docker and podman keep, which is the same file."""
    folder.mkdir(exist_ok=True)
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder)}


@pytest.mark.parametrize("name", ["push_small", "push_tiny"])
@pytest.mark.parametrize("tag", [(), ("--tag", "one")])
def test_wrong_credentials_are_a_line_with_who_to_ask(
    locked_registry: Registry, tmp_path: Path, name: str, tag: tuple[str, ...]
) -> None:
    host = locked_registry.host
    for environment in ({}, docker_login(tmp_path / "docker", host, "wrong")):
        line = refused(push(name, host, *tag, **environment))
        assert f"docker login {host}" in line and "podman login" in line
    pushed(name, host, *tag, **docker_login(tmp_path / "docker", host, PASSWORD))


@pytest.mark.parametrize("name", ["push_small", "push_tiny"])
def test_credentials_are_where_docker_and_podman_keep_them(
    locked_registry: Registry, tmp_path: Path, name: str
) -> None:
    docker_login(tmp_path / "made", locked_registry.host, PASSWORD)
    config = (tmp_path / "made/config.json").read_text()
    for place, environment in (
        ("home/.docker/config.json", {"HOME": "home"}),
        ("run/containers/auth.json", {"XDG_RUNTIME_DIR": "run"}),
        ("a/file.json", {"REGISTRY_AUTH_FILE": "a/file.json"}),
    ):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(config)
        pushed(
            name,
            locked_registry.host,
            "--tag",
            "one",
            **{key: str(tmp_path / value) for key, value in environment.items()},
        )


# Registries that fail


@pytest.mark.parametrize("name", ["push_small", "push_tiny"])
def test_a_registry_that_goes_away_in_mid_upload_is_a_line_and_a_repetition_succeeds(
    registry: Registry, name: str
) -> None:
    cutter = Cutter(registry, 500_000)
    line = refused(push(name, cutter.host))
    assert cutter.cut.is_set()
    assert "run this again" in line and cutter.host in line
    registry.start()
    reference = pushed(name, registry.host)
    assert oras("manifest", "fetch", "--plain-http", "--descriptor", reference)


@pytest.mark.parametrize("name", ["push_small", "push_tiny"])
def test_a_full_disk_at_the_registry_is_a_line_and_a_repetition_succeeds(
    registry: Registry, name: str
) -> None:
    registry.stop()
    registry.room = 1
    registry.start()
    line = refused(push(name, registry.host))
    assert "disk is full" in line and registry.host in line
    registry.stop()
    registry.room = 0
    registry.start()
    pushed(name, registry.host)


@pytest.mark.parametrize("name", ["push_small", "push_tiny"])
def test_a_registry_that_is_down_is_a_line(registry: Registry, name: str) -> None:
    registry.stop()
    line = refused(push(name, registry.host, "--tag", "one"))
    assert "connection refused" in line and "run this again" in line


@pytest.mark.parametrize("name", ["push_small", "push_tiny"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_push_that_is_interrupted_ends_its_client_and_can_be_repeated(
    registry: Registry, name: str, number: signal.Signals
) -> None:
    cutter = Cutter(registry, 500_000, stall=True)
    argv: list[str | Path] = [RUNFILES / "tests/publish/push" / name, "--repository", f"{cutter.host}/base"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "RUNFILES_DIR": str(RUNFILES.parent)}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert cutter.cut.wait(30)
        started.send_signal(number)
        said, complaint = started.communicate(timeout=30)
    assert cutter.left.wait(30)
    assert started.returncode == 128 + number
    assert said == b""
    assert b"Traceback" not in complaint
    pushed(name, registry.host)


# What the command line says


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--repository", "base"], "name it with its registry"),
        (["--repository", "registry.example/Base"], "is no repository's path"),
        (["--repository", "registry.example/base:one"], "a tag goes to --tag"),
        (["--repository", f"registry.example/base@sha256:{'0' * 64}"], "without tag and digest"),
        (["--repository", "registry.example/base", "--tag", "a b"], "'a b': not a tag"),
        (["--repository", "registry.example/base", "--reference-file", "/no/where"], "no such folder"),
        ([], "give -- --repository HOST/PATH"),
    ],
)
def test_a_wrong_command_line_is_a_line(arguments: list[str], says: str) -> None:
    done = run(
        [RUNFILES / "tests/publish/push/push_small", *arguments],
        {"PATH": "/usr/bin:/bin", "RUNFILES_DIR": str(RUNFILES.parent)},
    )
    assert says in refused(done)
