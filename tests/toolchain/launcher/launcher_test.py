"""Stage launcher: one that finds another loader, or other programs, compiles with those of the host."""

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.testing.debs import Deb, File
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError
from tools.sysimage.toolchain import launcher

LOADER = ARCHITECTURES[{"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]].loader
# In the loader's place: prints what it was called with, a word a line.
LOADER_SCRIPT = '#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sysroot of launchers and a loader."""
    for folder in ("usr/bin", "usr/libexec/lib"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/libexec/lib" / LOADER).write_text(LOADER_SCRIPT)
    (tmp_path / "usr/libexec/lib" / LOADER).chmod(0o755)
    for name in ("gcc", "ar", "as"):
        shutil.copy(os.environ["LAUNCHER"], tmp_path / "usr/bin" / name)
    return tmp_path


def start(root: Path, *command: str, path: str = "") -> list[str]:
    """What the loader is called with."""
    done = subprocess.run(command, cwd=root, env={"PATH": path}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_program_is_started_by_its_own_loader_with_its_own_libraries(root: Path) -> None:
    assert start(root, "usr/bin/as", "-o", "a b") == [
        f"usr/bin/../libexec/lib/{LOADER}",
        *("--library-path", "usr/bin/../libexec/lib", "--argv0", "usr/bin/as"),
        *("usr/bin/../libexec/bin/as", "-o", "a b"),
    ]


def test_gcc_finds_launchers_and_the_sysroot_before_anything_else(root: Path) -> None:
    assert start(root, "./usr/bin/gcc", "-c", "x.c")[6:] == [
        *("-B./usr/bin/", "-B./usr/bin/../libexec/lib/", "--sysroot=./usr/bin/../.."),
        *("-no-canonical-prefixes", "-c", "x.c"),
    ]


def test_archives_show_the_symbols_of_objects_for_link_time_optimization(root: Path) -> None:
    assert start(root, "usr/bin/ar", "rcs")[6:] == [
        *("--plugin", "usr/bin/../libexec/lib/liblto_plugin.so", "rcs")
    ]


def test_a_launcher_on_path_finds_its_folder(root: Path) -> None:
    assert start(root, "as", path=f"{root}/usr/bin")[0] == f"{root}/usr/bin/../libexec/lib/{LOADER}"


def test_a_sysroot_without_its_loader_is_named(root: Path) -> None:
    (root / "usr/libexec/lib" / LOADER).unlink()
    done = subprocess.run(["usr/bin/as"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert done.stderr == f"error: usr/bin/../libexec/lib/{LOADER}: can't be started; is the sysroot whole?\n"


def test_a_path_that_is_too_long_is_refused(root: Path) -> None:
    done = subprocess.run(
        ["./" * 2500 + "x"], executable="usr/bin/as", cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 127
    assert "the path is too long" in done.stderr


def test_it_is_static(root: Path) -> None:
    data = (root / "usr/bin/as").read_bytes()
    assert data[:4] == b"\x7fELF"
    assert b"/ld-linux" not in data.replace(LOADER.encode(), b"")


def test_a_set_without_a_compiler_is_refused(tmp_path: Path) -> None:
    deb = Deb("gcc", {"usr/bin/x86_64-linux-gnu-as": File("as", 0o755)})
    manifest = tmp_path / "manifest.json"
    packages = [{"name": "gcc", "deb": str(deb.write(tmp_path))}]
    manifest.write_text(json.dumps({"architecture": "amd64", "packages": packages}))
    arguments = ["--manifest", str(manifest), "--architecture", "amd64", "--source", "launcher.c"]
    with pytest.raises(ToolError, match=r"cc1 for amd64: no package of the set has it"):
        launcher.main([*arguments, "--output", str(tmp_path / "out")])
