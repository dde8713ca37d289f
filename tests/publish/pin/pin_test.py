"""Stage pin: what is written for which image, and that nothing is written for what is none."""

import ast
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publish.push.registries import ORAS, RUNFILES, Registry, run
from tools.sysimage.core.errors import ToolError
from tools.sysimage.publish import pin
from tools.sysimage.publish.registry import Oras, Reference

MODULE = 'module(name = "m")\n'
COMMAND = "bazel run //images:pin"
DIGEST = "sha256:" + "0" * 64
PINS = {
    "vanilla": {"arm64": f"registry.example/base@{DIGEST}", "amd64": f"http://localhost:5000/base@{DIGEST}"},
    "sysroot": {"amd64": f"registry.example/base@{DIGEST}"},
}


# What is written


def test_module_file_pulls_each_pin_by_digest_and_keeps_what_stood_there() -> None:
    text = pin.module_file(MODULE + "# The end.\n", PINS, "m", COMMAND)
    assert text.startswith(MODULE + "# The end.\n")
    pulls = [line for line in text.splitlines() if line.startswith("    ")]
    assert pulls[3:6] == [
        '    name = "m_pinned_vanilla_amd64",',
        f'    digest = "{DIGEST}",',
        '    image = "http://localhost:5000/base",',
    ]
    names = ["m_pinned_sysroot_amd64", "m_pinned_vanilla_amd64", "m_pinned_vanilla_arm64"]
    assert f"use_repo(pinned, {', '.join(map(json.dumps, names))})\n" in text


def test_pinning_again_replaces_what_was_pinned_and_nothing_else() -> None:
    first = pin.module_file(MODULE, PINS, "m", COMMAND) + "# After.\n"
    second = pin.module_file(first, {"vanilla": {"amd64": f"a.example/b@{DIGEST}"}}, "m", COMMAND)
    assert second.startswith(MODULE) and second.endswith("# After.\n")
    assert second.count("pull(") == 1 and "a.example/b" in second
    assert pin.module_file(first, PINS, "m", COMMAND) == first


def test_a_module_file_without_the_end_of_the_pins_is_refused() -> None:
    damaged = pin.module_file(MODULE, PINS, "m", COMMAND).replace("# (end of what is pinned)\n", "")
    with pytest.raises(ToolError, match="end of what is pinned"):
        pin.module_file(damaged, PINS, "m", COMMAND)


def test_the_file_of_pins_is_read_as_it_was_written(tmp_path: Path) -> None:
    for pins in (PINS, {}):
        (tmp_path / "pins.bzl").write_text(pin.pins_file(pins, COMMAND))
        assert pin.read(tmp_path / "pins.bzl") == pins
    # What comes with the rules is what the tool would write.
    assert pin.pins_file({}, "bazel run //system_image:pin").endswith("\n\nPINS = {}\n")


@pytest.mark.parametrize("text", ["", "PINS = {", '"""."""\n\nPINS = os.environ\n'])
def test_a_file_of_pins_of_somebody_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pins.bzl").write_text(text)
    with pytest.raises(ToolError, match="restore it"):
        pin.read(tmp_path / "pins.bzl")


# With a registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    made = Registry(tmp_path_factory.mktemp("registry")).start()
    yield made
    made.stop()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "system_image").mkdir()
    (tmp_path / "MODULE.bazel").write_text(MODULE)
    (tmp_path / "system_image/pins.bzl").write_text(pin.pins_file({}, COMMAND))
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "RUNFILES_DIR": str(RUNFILES.parent)} | more


def pushed(registry: Registry, name: str) -> str:
    argv: list[str | Path] = [RUNFILES / "tests/publish/push" / name, "--repository", f"{registry.host}/base"]
    done = run(argv, environment())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def pinned(workspace: Path, *pins: str) -> subprocess.CompletedProcess[str]:
    """Runs //system_image:pin as `bazel run` does."""
    return run([RUNFILES / "system_image/pin", *pins], environment(BUILD_WORKSPACE_DIRECTORY=str(workspace)))


def index(registry: Registry, tmp_path: Path, *references: str) -> str:
    """Pushes an index of images, as other tools make it; returns its reference."""
    manifests = []
    for architecture, reference in zip(("amd64", "arm64"), references, strict=False):
        said = run(
            [*ORAS, "manifest", "fetch", "--plain-http", "--descriptor", reference], environment()
        ).stdout
        manifests.append(json.loads(said) | {"platform": {"os": "linux", "architecture": architecture}})
    unknown = manifests[0] | {"platform": {"os": "unknown", "architecture": "unknown"}}
    media_type = "application/vnd.oci.image.index.v1+json"
    value = {"schemaVersion": 2, "mediaType": media_type, "manifests": [*manifests, unknown]}
    (tmp_path / "index.json").write_text(json.dumps(value))
    argv = [
        *ORAS,
        "manifest",
        "push",
        "--plain-http",
        f"{registry.host}/base:index",
        str(tmp_path / "index.json"),
    ]
    done = run(argv, environment())
    assert done.returncode == 0, done.stderr
    return f"{registry.host}/base@" + done.stdout.partition("Digest: ")[2].strip()


def test_an_image_is_pinned_for_its_architecture(registry: Registry, workspace: Path) -> None:
    reference = pushed(registry, "push_small")
    done = pinned(workspace, f"vanilla={reference}")
    assert done.returncode == 0, done.stderr
    ((architecture, image),) = pin.read(workspace / "system_image/pins.bzl")["vanilla"].items()
    # Loopback has no TLS, and rules_oci has to be told.
    assert image == f"http://{reference}"
    assert (
        f'name = "rules_system_image_pinned_vanilla_{architecture}"'
        in (workspace / "MODULE.bazel").read_text()
    )
    assert done.stdout == f"vanilla for {architecture}: {reference}\n"


def test_of_an_index_each_image_is_pinned(registry: Registry, workspace: Path, tmp_path: Path) -> None:
    reference = index(registry, tmp_path, pushed(registry, "push_small"))
    assert pinned(workspace, f"vanilla={reference}").returncode == 0
    (image,) = pin.read(workspace / "system_image/pins.bzl")["vanilla"].values()
    assert image == f"http://{pushed(registry, 'push_small')}"


def test_one_pin_leaves_the_others_alone(registry: Registry, workspace: Path) -> None:
    small, larger = pushed(registry, "push_small"), pushed(registry, "push_larger")
    assert pinned(workspace, f"vanilla={small}").returncode == 0
    assert pinned(workspace, f"sysroot={larger}").returncode == 0
    found = pin.read(workspace / "system_image/pins.bzl")
    assert list(found["vanilla"].values()) == [f"http://{small}"]
    assert list(found["sysroot"].values()) == [f"http://{larger}"]
    ast.parse((workspace / "MODULE.bazel").read_text())


def test_what_is_no_longer_pinned_leaves_nothing_behind(registry: Registry, workspace: Path) -> None:
    assert pinned(workspace, f"vanilla={pushed(registry, 'push_small')}").returncode == 0
    assert pinned(workspace, "vanilla=").returncode == 0
    assert pin.read(workspace / "system_image/pins.bzl") == {}
    assert "pinned." not in (workspace / "MODULE.bazel").read_text()


@pytest.mark.parametrize(
    "manifest",
    [
        {"manifests": {"a": 1}},
        {"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}}]},
        {"config": []},
    ],
)
def test_a_manifest_that_is_none_is_a_line_and_no_traceback(manifest: dict) -> None:
    class Fake(Oras):
        def manifest(self, reference: Reference) -> dict:
            return manifest

    with pytest.raises(ToolError, match="no manifest that can be read"):
        pin.images(Fake([]), Reference.parse(f"registry.example/base@{DIGEST}"))


@pytest.mark.parametrize(
    ("pins", "says"),
    [
        (["vanilla"], "give NAME=HOST/PATH@sha256:"),
        (["vanilla=registry.example/base:one"], "has no digest"),
        (["other={small}"], "other: is no base that can be pinned; there are: "),
        (["vanilla={small}", f"sysroot={{host}}/base@{DIGEST}"], "not found"),
        (["vanilla={tiny}"], "is application/vnd.system-image.v1, not an image"),
        ([f"vanilla=127.0.0.1:1/base@{DIGEST}"], "connection refused"),
    ],
)
def test_what_can_not_be_pinned_is_a_line_and_nothing_is_written(
    registry: Registry, workspace: Path, pins: list[str], says: str
) -> None:
    names = {
        "small": pushed(registry, "push_small"),
        "tiny": pushed(registry, "push_tiny"),
        "host": registry.host,
    }
    done = pinned(workspace, *(text.format(**names) for text in pins))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ") and says in done.stderr
    assert (workspace / "MODULE.bazel").read_text() == MODULE
    assert pin.read(workspace / "system_image/pins.bzl") == {}
