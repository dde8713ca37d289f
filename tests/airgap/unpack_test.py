import io
import os
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from tools.airgap import recipe, unpack
from tools.airgap.errors import ToolError


@pytest.fixture(autouse=True)
def _dpkg_deb_reads_plain_tars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a package is its data.tar; the real dpkg-deb need not be on the machine that tests."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "dpkg-deb").write_text('#!/bin/sh\ncat "$2"\n')
    (programs / "dpkg-deb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


def _package(path: Path, files: dict[str, str], *, mode: int = 0o644) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = mode
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return path


def test_packages_are_unpacked_and_deleted_without_documentation(tmp_path: Path) -> None:
    one = _package(tmp_path / "one.deb", {"./usr/bin/one": "1", "./usr/share/doc/one/README": "x"})
    two = _package(tmp_path / "two.deb", {"./usr/bin/two": "2", "./usr/share/man/man1/two.1": "x"})
    unpack.unpack([one, two], tmp_path / "root")
    files = sorted(path.name for path in (tmp_path / "root").rglob("*") if path.is_file())
    assert files == ["one", "two"]
    assert not one.exists()
    assert not two.exists()


def test_files_laid_through_the_link_of_base_files_land_in_usr(tmp_path: Path) -> None:
    base = tmp_path / "base-files_1_amd64.deb"
    with tarfile.open(base, "w") as tar:
        for name in ("./usr", "./usr/bin"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        link = tarfile.TarInfo("./bin")
        link.type, link.linkname = tarfile.SYMTYPE, "usr/bin"
        tar.addfile(link)
    old = _package(tmp_path / "a-old_1_amd64.deb", {"./bin/old": "x"})
    unpack.unpack([old, base], tmp_path / "root")
    assert (tmp_path / "root/usr/bin/old").read_text() == "x"
    assert (tmp_path / "root/bin").is_symlink()


def test_a_package_that_is_cut_off_is_named(tmp_path: Path) -> None:
    deb = _package(tmp_path / "cut.deb", {"./usr/bin/cut": "x" * 10000})
    deb.write_bytes(deb.read_bytes()[:3000])
    with pytest.raises(ToolError, match=r"^can't unpack cut\.deb of the toolbox: "):
        unpack.unpack([deb], tmp_path / "root")


def _finished(root: Path, *, label: str = "7.7.1") -> Path:
    for name, text in {
        "usr/share/bazel/build-label.txt": label,
        "usr/share/ca-certificates/mozilla/b.crt": "B\n",
        "usr/share/ca-certificates/mozilla/a.crt": "A\n",
        "usr/bin/sudo": "",
        "usr/bin/awk": "another",
        "usr/bin/python3": "the default has moved on",
        "etc/bazel/bazelrc": "build --sandbox_debug\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "usr/bin/sudo").chmod(0o4755)
    unpack.finish(root, ["a.deb"])
    return root


def test_what_scripts_would_have_done_is_there(tmp_path: Path) -> None:
    root = _finished(tmp_path / "root")
    assert (root / "usr/bin/sh").readlink() == Path("dash")
    assert (root / "usr/bin/python3").readlink() == Path("python3.14")
    assert (root / "etc/ssl/certs/ca-certificates.crt").read_text() == "A\nB\n"
    assert "build.label=7.7.1" in (root / recipe.BUILD_DATA / "build-data.properties").read_text()
    assert "sandbox_debug" not in (root / "etc/bazel/bazelrc").read_text()
    for name in (*recipe.HOST_FILES, *recipe.HOST_FOLDERS):
        assert (root / name).exists(), f"no mount point {name}"


def test_a_program_that_a_package_ships_is_not_replaced_by_a_link(tmp_path: Path) -> None:
    assert (_finished(tmp_path / "root") / "usr/bin/awk").read_text() == "another"


def test_no_program_runs_as_another_user(tmp_path: Path) -> None:
    assert (_finished(tmp_path / "root") / "usr/bin/sudo").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("label", ["7.7.0", "7.9.2", "8.0.0", "8.5.1", "9.0.0", "9.3.0rc1"])
def test_each_bazel_that_the_rules_work_with_says_its_version(tmp_path: Path, label: str) -> None:
    root = _finished(tmp_path / "root", label=label + "\n")
    assert f"build.label={label}\n" == (root / recipe.BUILD_DATA / "build-data.properties").read_text()


@pytest.mark.parametrize("label", ["7.6.1", "10.0.0", "6.5.0"])
def test_a_bazel_that_the_rules_do_not_work_with_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(ToolError, match=rf"has version {label}, .* works with 7\.7 and later, before 10: "):
        _finished(tmp_path / "root", label=label)


def _compiled(root: Path, source: str) -> Path:
    module = root / "usr/lib/python3.14/module.py"
    module.parent.mkdir(parents=True)
    module.write_text(source)
    # The toolbox's Python has its library in the toolbox, this one hasn't.
    unpack.compile_library(root, ["/usr/bin/env", "-u", "PYTHONHOME", sys.executable])
    return next((module.parent / "__pycache__").iterdir())


def test_a_tool_does_not_compile_the_library_at_each_start(tmp_path: Path) -> None:
    data = _compiled(tmp_path / "root", "VALUE = 1\n").read_bytes()
    unchecked = 1
    assert int.from_bytes(data[4:8], "little") == unchecked
    assert b"/usr/lib/python3.14/module.py" in data
    assert bytes(tmp_path) not in data, "the path is the one inside"


def test_what_the_compiler_itself_imports_is_compiled_like_the_rest(tmp_path: Path) -> None:
    library = tmp_path / "root/usr/lib/python3.14"
    leave_out = shutil.ignore_patterns("__pycache__", "*-packages", "test", "idlelib")
    shutil.copytree(Path(os.__file__).parent, library, symlinks=True, ignore=leave_out)
    unpack.compile_library(tmp_path / "root", [sys.executable])
    made = {path.name: path.read_bytes() for path in (library / "__pycache__").iterdir()}
    unchecked = 1
    assert {int.from_bytes(data[4:8], "little") for data in made.values()} == {unchecked}
    assert b"/usr/lib/python3.14/argparse.py" in made["argparse.cpython-314.pyc"]
    assert not [name for name, data in made.items() if bytes(tmp_path) in data]


def test_a_library_that_cannot_be_compiled_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^can't compile the modules of the toolbox's Python: .*SyntaxError"):
        _compiled(tmp_path / "root", "VALUE = = 1\n")


def test_the_recipe_names_the_toolbox() -> None:
    assert recipe.digest("amd64") == recipe.digest("amd64")
    assert recipe.digest("amd64") != recipe.digest("arm64")


def test_no_package_is_both_wanted_and_left_out() -> None:
    assert not set(recipe.PACKAGES) & set(recipe.ABSENT)
