"""Facts of an image: what they say, and that what is written is read back."""

import io
import json
import lzma
from collections.abc import Callable
from compression import zstd
from pathlib import Path

import pytest

from tests.evidence import small_image
from tests.testing.debs import Link, Node
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree
from tools.sysimage.evidence import collect, facts, image_facts
from tools.sysimage.formats import tar


def test_each_path_says_its_package_or_the_target_that_put_it_there() -> None:
    found = small_image.make()
    assert found.owner("usr/bin/bash") == "bash"
    assert found.owner("usr/lib/libstdc++.so.6") == "libstdc++6"
    assert found.owner("usr/bin/orchestrator") == "//app:orchestrator"
    assert found.paths["usr/bin/orchestrator"].origin == "overlay"
    assert found.owner("etc/made") == "base"


def test_a_package_has_what_the_lock_and_its_deb_say_of_this_very_version() -> None:
    [bash, library] = small_image.make().packages
    assert (bash.version, bash.source_version, bash.deb_sha256) == ("5.2-1+b1", "5.2-1", "b" * 64)
    assert (bash.licence, bash.size) == ("GPL-3.0-or-later AND LicenseRef-permissive", 4)
    assert bash.security[0]["cves"] == ["CVE-2026-1234"]
    assert (library.deb_sha256, library.maintainer) == ("c" * 64, "")


def test_without_dpkg_s_lists_the_packages_files_say_who_owns_a_path() -> None:
    changes: dict[str, Node | None] = {"var/lib/dpkg/info/bash.list": None, "bin": Link("usr/bin")}
    changes["usr/bin/rbash"] = Link("bash")
    found = small_image.make(small_image.tree(**changes))
    assert found.owner("usr/bin/bash") == "bash"
    assert found.owner("usr/bin/rbash") == "bash"  # which the package has as bin/rbash
    assert found.owner("usr/bin/su") == "base"
    assert found.packages[0].size == 2


def test_a_package_of_another_version_than_the_lock_s_gets_no_digest() -> None:
    status = small_image.STATUS.replace("5.2-1+b1", "5.2-1+b2")
    [bash, _] = small_image.make(small_image.tree(**{"var/lib/dpkg/status": status})).packages
    assert (bash.version, bash.deb_sha256, bash.licence) == ("5.2-1+b2", "", "")


def test_units_have_the_state_that_systemctl_says_and_sockets_what_they_listen_to() -> None:
    [service, socket] = small_image.make().units
    assert (service.name, service.state, service.runs) == (
        "app.service",
        "disabled",
        ("ExecStart=/usr/bin/orchestrator",),
    )
    assert (socket.name, socket.state, socket.listen) == ("app.socket", "enabled", ("ListenStream=22",))


def test_an_empty_line_of_a_drop_in_forgets_what_a_socket_listens_to() -> None:
    drop_in = {"etc/systemd/system/app.socket.d/port.conf": "[Socket]\nListenStream=\nListenStream=23\n"}
    [_, socket] = small_image.make(small_image.tree(**drop_in)).units
    assert socket.listen == ("ListenStream=23",)


def test_units_outside_of_usr_lib_and_drop_ins_of_templates_would_be_left_out() -> None:
    made = {
        "usr/local/lib/systemd/system/own.service": "[Service]\nExecStart=/usr/bin/a\n",
        "run/systemd/system/app.socket": "[Socket]\nListenStream=24\nListenFIFO=/x\n",
        "usr/lib/systemd/system/socket.d/all.conf": "[Socket]\nListenDatagram=53\n",
        "etc/systemd/system/own.service.d/1.conf": "[Service]\nExecStart=\nExecStart=/usr/bin/b\n",
    }
    found = {unit.name: unit for unit in small_image.make(small_image.tree(**made)).units}
    assert (found["own.service"].path, found["own.service"].runs) == (
        "usr/local/lib/systemd/system/own.service",
        ("ExecStart=/usr/bin/b",),
    )
    assert "ListenDatagram=53" in found["app.socket"].listen


def test_an_empty_line_of_any_kind_forgets_all_that_a_socket_listens_to() -> None:
    drop_in = {"etc/systemd/system/app.socket.d/1.conf": "[Socket]\nListenDatagram=\nListenFIFO=/x\n"}
    [_, socket] = small_image.make(small_image.tree(**drop_in)).units
    assert socket.listen == ("ListenFIFO=/x",)


@pytest.mark.parametrize("text", ['{"version": 1}', "[" * 100_000, "{}", "nothing"])
def test_a_damaged_lock_and_json_that_nests_too_deeply_would_be_a_traceback(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    for read in (collect.Known().read_lock, facts.load):
        with pytest.raises(ToolError, match=r"x\.json: ") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_user_without_a_password_and_one_with_an_empty_one_are_told_apart() -> None:
    users = small_image.make(small_image.tree(**{"etc/shadow": "root::1::::::\napp:!:1::::::\n"})).users
    assert [(user.name, user.password) for user in users] == [("root", True), ("app", False)]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    found = small_image.make()
    assert facts.load(small_image.write(tmp_path, found)) == found


def test_a_file_of_another_version_is_refused_and_not_half_read(tmp_path: Path) -> None:
    path = small_image.write(tmp_path, small_image.make())
    path.write_text(path.read_text().replace('"version": 1', '"version": 9', 1))
    with pytest.raises(ToolError, match="no file of facts of version 1"):
        facts.load(path)


@pytest.mark.parametrize("compress", [bytes, lzma.compress, zstd.compress])
def test_a_tarball_in_each_compression_gives_the_same_facts(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    out = io.BytesIO()
    tar.write(small_image.tree(), out)
    path = tmp_path / "image.tar"
    path.write_bytes(compress(out.getvalue()))
    found = collect.of_tarball(path, small_image.known())
    assert found.paths == small_image.make().paths
    assert found.image.distribution == "Debian 13"


def test_a_tarball_that_is_cut_off_is_refused_in_one_line(tmp_path: Path) -> None:
    out = io.BytesIO()
    tar.write(small_image.tree(), out)
    path = tmp_path / "image.tar.xz"
    path.write_bytes(lzma.compress(out.getvalue())[:-40])
    with pytest.raises(ToolError, match="cut off"):
        collect.of_tarball(path, small_image.known())


def test_the_stage_takes_labels_of_layers_and_the_overlay_from_the_contents_file(tmp_path: Path) -> None:
    layer = small_image.tree()
    with (tmp_path / "image.tar").open("wb") as stream:
        tar.write(layer, stream)
    with (tmp_path / "layer.tar").open("wb") as stream:
        extra = Tree()
        extra.add("etc/made", layer["etc/made"])
        tar.write(extra, stream)
    (tmp_path / "lock.json").write_text(json.dumps(small_image.LOCK))
    (tmp_path / "packages.json").write_text(json.dumps(small_image.DEBS))
    image = {"name": "app.tar", "compression": "none", "size": 1, "tar_size": 1, "sha256": "a", "sha384": "b"}
    paths = {"usr/bin/orchestrator": {"from": "overlay"}, "etc/made": {"from": "base"}}
    (tmp_path / "contents.json").write_text(json.dumps({"image": image, "paths": paths}))
    manifest = {
        "contents": str(tmp_path / "contents.json"),
        "image": str(tmp_path / "image.tar"),
        "label": "//:app",
        "labels": {"usr/bin/orchestrator": "//app:orchestrator"},
        "layers": [{"label": "//:layer", "tar": str(tmp_path / "layer.tar")}],
        "locks": [str(tmp_path / "lock.json")],
        "packages": [str(tmp_path / "packages.json")],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    output = tmp_path / "out.json"
    assert image_facts.main(["--manifest", str(tmp_path / "manifest.json"), "--output", str(output)]) == 0
    found = facts.load(output)
    assert found.owner("etc/made") == "//:layer"
    assert found.paths["usr/bin/orchestrator"].origin == "overlay"
    assert found.image.created == "2026-11-25T02:22:31Z"
    assert found.image.target == "//:app"
