"""Stage kernel: the wrong set is refused with what to add, and depmod's complaints fail the build."""

import json
import sys
from pathlib import Path

import pytest

from tests.testing.debs import Deb
from tools.sysimage.core.errors import ToolError
from tools.sysimage.kernel import kernel

LINUX = Deb(
    "linux-image-6.1-amd64", {"boot/vmlinuz-6.1": "kernel", "usr/lib/modules/6.1/kernel/a.ko": "module"}
)


def manifest(folder: Path, *debs: Deb) -> str:
    """Writes the manifest of a set; returns its path."""
    path = folder / "manifest.json"
    path.write_text(
        json.dumps(
            {
                "architecture": "amd64",
                "packages": [{"name": deb.name, "deb": str(deb.write(folder))} for deb in debs],
            }
        )
    )
    return str(path)


def depmod(folder: Path, script: str) -> str:
    """Writes how a depmod is started that does what `script` says; returns the file's path."""
    path = folder / "depmod.json"
    path.write_text(json.dumps({"argv": [sys.executable, "-c", script]}))
    return str(path)


def test_the_kernel_is_taken_out_as_it_is(tmp_path: Path) -> None:
    assert kernel.main(["--manifest", manifest(tmp_path, LINUX), "--image", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_bytes() == b"kernel"


def test_a_set_without_a_kernel_and_one_with_two_are_refused(tmp_path: Path) -> None:
    other = Deb("linux-image-6.2-amd64", {"boot/vmlinuz-6.2": "kernel"})
    for debs, what in (
        ((Deb("tools"),), r"the set has 0 kernels \(none\)"),
        ((LINUX, other), r"the set has 2 kernels \(6\.1, 6\.2\)"),
    ):
        with pytest.raises(ToolError, match=what):
            kernel.main(["--manifest", manifest(tmp_path, *debs), "--image", str(tmp_path / "out")])
        assert not (tmp_path / "out").exists()


def test_depmod_is_told_of_the_folder_and_the_release_alone(tmp_path: Path) -> None:
    script = "import sys, pathlib; pathlib.Path(sys.argv[2], 'seen').write_text(' '.join(sys.argv[3:]))"
    out = tmp_path / "out"
    argv = [
        "--manifest",
        manifest(tmp_path, LINUX),
        "--modules",
        str(out),
        "--depmod",
        depmod(tmp_path, script),
    ]
    assert kernel.main(argv) == 0
    assert (out / "seen").read_text() == "--moduledir /usr/lib/modules 6.1"
    assert (out / "usr/lib/modules/6.1/kernel/a.ko").read_text() == "module"


def test_a_warning_of_depmod_fails_the_build(tmp_path: Path) -> None:
    script = "import sys; print('a.ko needs unknown symbol x', file=sys.stderr)"
    argv = ["--manifest", manifest(tmp_path, LINUX), "--modules", str(tmp_path / "out")]
    with pytest.raises(ToolError, match=r"can't index the modules of 6\.1 \(a\.ko needs unknown symbol x\)"):
        kernel.main([*argv, "--depmod", depmod(tmp_path, script)])


def test_the_configuration_is_taken_out_as_it_is(tmp_path: Path) -> None:
    linux = Deb(LINUX.name, {**LINUX.paths, "boot/config-6.1": "CONFIG_X86_PAT=y\n"})
    assert kernel.main(["--manifest", manifest(tmp_path, linux), "--config", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_text() == "CONFIG_X86_PAT=y\n"


def test_a_kernel_whose_packages_have_its_parts_apart_is_taken_out_of_its_folder(tmp_path: Path) -> None:
    folder = "usr/lib/modules/7.3"
    debs = (
        Deb("linux-image-7.3-amd64"),
        Deb("linux-binary-7.3-amd64", {f"{folder}/vmlinuz": "kernel"}),
        Deb(
            "linux-base-7.3-amd64", {f"{folder}/config": "CONFIG_X86_PAT=y\n", f"{folder}/modules.order": ""}
        ),
        Deb("linux-modules-7.3-amd64", {f"{folder}/kernel/a.ko": "module"}),
    )
    given = manifest(tmp_path, *debs)
    for option, what in (("--image", "kernel"), ("--config", "CONFIG_X86_PAT=y\n")):
        assert kernel.main(["--manifest", given, option, str(tmp_path / "out")]) == 0
        assert (tmp_path / "out").read_text() == what
    modules = tmp_path / "modules"
    kernel.main(["--manifest", given, "--modules", str(modules), "--depmod", depmod(tmp_path, "")])
    # Neither the kernel nor its symbols are modules.
    assert sorted(path.name for path in (modules / folder).iterdir()) == ["kernel", "modules.order"]


def test_a_kernel_without_its_configuration_would_be_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"boot/config-6\.1: the set has no configuration"):
        kernel.main(["--manifest", manifest(tmp_path, LINUX), "--config", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
