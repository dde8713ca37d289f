"""What install hands over to rootfs: scripts don't run again when what the user adds has changed."""

import json
from pathlib import Path

import pytest

from tests.testing.small import BASE, INIT, names, run
from tools.sysimage.core import json_manifest
from tools.sysimage.core.errors import ToolError
from tools.sysimage.rootfs import install, rootfs


def installed(folder: Path) -> tuple[Path, Path]:
    """The tar and the owners of two packages."""
    run(folder, [BASE, INIT])
    tar, owners = folder / "tar", folder / "owners"
    words = ["--manifest", str(folder / "manifest.json"), "--output", str(tar), "--owners", str(owners)]
    assert install.main([*words, "--effects", str(folder / "effects")]) == 0
    return tar, owners


def laid(folder: Path, tar: Path, owners: Path, **more: object) -> Path:
    manifest, out = folder / "rootfs.json", folder / "rootfs.tar"
    given = {"architecture": "amd64", "installed": str(tar), "owners": str(owners), **more}
    manifest.write_text(json.dumps(given))
    assert rootfs.main(["--manifest", str(manifest), "--output", str(out)]) == 0
    return out


def test_what_nobody_adds_to_would_be_changed_on_its_way(tmp_path: Path) -> None:
    tar, owners = installed(tmp_path)
    assert laid(tmp_path, tar, owners).read_bytes() == tar.read_bytes()


def test_users_files_would_make_packages_be_installed_again(tmp_path: Path) -> None:
    tar, owners = installed(tmp_path)
    source = tmp_path / "source"
    source.write_text("mine")
    file = {"path": "etc/mine", "source": str(source), "mode": "0644", "owner": "", "replace": False}
    out = laid(tmp_path, tar, owners, files=[file])
    assert names(out).keys() - names(tar).keys() == {"etc/mine"}
    with pytest.raises(ToolError, match="unknown"):
        json_manifest.read(install.InstallInput, tmp_path / "rootfs.json")


def test_message_would_not_name_the_package_that_has_a_file(tmp_path: Path) -> None:
    tar, owners = installed(tmp_path)
    file = {"path": "etc/init.conf", "source": "/dev/null", "mode": "0644", "owner": "", "replace": False}
    with pytest.raises(ToolError, match=r"files: /etc/init\.conf is in the package init; name it in replace"):
        laid(tmp_path, tar, owners, files=[file])


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10000])
def test_damaged_owners_would_end_in_a_traceback(tmp_path: Path, text: str) -> None:
    tar, owners = installed(tmp_path)
    owners.write_text(text)
    with pytest.raises(ToolError, match=r"does not say which package owns a file .*; run install again"):
        laid(tmp_path, tar, owners)


def test_unknown_dpkg_database_would_be_taken_for_another(tmp_path: Path) -> None:
    tar, _ = installed(tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "dpkg_database": "some"}))
    with pytest.raises(ToolError, match="dpkg_database is one of full, status, none; not 'some'"):
        install.parse(manifest)
    assert tar.exists()
