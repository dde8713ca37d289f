import base64
import os
import shlex
import time
from pathlib import Path

import pytest

from tools.airgap import host
from tools.airgap.errors import ToolError
from tools.airgap.toolbox import Toolbox


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    root = tmp_path / "toolbox"
    (root / "host").mkdir(parents=True)
    (root / "toolbox.json").write_text("{}")
    return Toolbox(root, "amd64")


def _bundle(path: Path, *certificates: bytes) -> Path:
    pem = ""
    for der in certificates:
        text = base64.encodebytes(der).decode()
        pem += f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
    path.write_text(pem)
    return path


def test_the_trust_store_follows_the_hosts_certificates(
    toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    store = host.trust_store(toolbox)
    first, at = store.read_bytes(), store.stat().st_ino
    assert b"one" in first
    assert host.trust_store(toolbox).stat().st_ino == at, "made again without need"
    _bundle(tmp_path / "bundle.pem", b"one", b"another")
    assert b"another" in host.trust_store(toolbox).read_bytes()


def test_an_empty_bundle_is_named(toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem")))
    with pytest.raises(ToolError, match=r"bundle\.pem holds no certificate: run 'update-ca-certificates'"):
        host.trust_store(toolbox)


def test_bazel_gets_every_adapter_and_no_lock_file(
    toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    modules = tmp_path / "modules"
    (modules / "rules_oci").mkdir(parents=True)
    (modules / "rules_oci/MODULE.bazel").touch()
    (modules / "no_module").mkdir()
    lines = host.bazelrc(toolbox, modules).read_text().splitlines()
    assert f'common "--override_module=rules_oci={modules}/rules_oci"' in lines
    assert not [line for line in lines if "no_module" in line]
    assert "common --lockfile_mode=off" in lines
    assert "common --spawn_strategy=linux-sandbox,local" in lines


@pytest.mark.parametrize("name", ["a b", "a\tb", "a#b", "a #b", "a'b", 'a"b', "a\\", "a\\ b", '\\"'])
def test_a_path_reaches_bazel_whole_whatever_it_is_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    root, modules = tmp_path / name / "toolbox", tmp_path / name
    for folder in (root / "host", modules / "rules_oci"):
        folder.mkdir(parents=True)
    for file in (root / "toolbox.json", modules / "rules_oci/MODULE.bazel"):
        file.touch()
    text = host.bazelrc(Toolbox(root, "amd64"), modules).read_text()
    assert "\\\n" not in text, "a line goes on"
    # The shell's syntax is that of rc files, as far as they are used here.
    words = [shlex.split(line, comments=True) for line in text.splitlines()]
    assert ["common", f"--override_module=rules_oci={modules}/rules_oci"] in words
    assert ["startup", f"--host_jvm_args=-Djava.io.tmpdir={root}/host/tmp"] in words
    assert ["startup", f"--host_jvm_args=-Djavax.net.ssl.trustStore={root}/host/cacerts.jks"] in words


def test_a_path_that_bazel_can_not_be_told_is_named(
    toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    modules = tmp_path / "a\nb"
    (modules / "rules_oci").mkdir(parents=True)
    (modules / "rules_oci/MODULE.bazel").touch()
    with pytest.raises(ToolError, match=r"a path with a line break \(.*a\\nb/rules_oci'\): move it"):
        host.bazelrc(toolbox, modules)


def test_what_servers_left_behind_is_removed_but_not_under_one_that_starts(toolbox: Toolbox) -> None:
    folder = host.temporary_folder(toolbox)
    for name, age in (("bazel-jni.1", 100), ("bazel-jni.2", 0)):
        (folder / name).mkdir()
        when = time.time() - age
        os.utime(folder / name, (when, when))
    assert [path.name for path in host.temporary_folder(toolbox).iterdir()] == ["bazel-jni.2"]


def test_two_checkouts_have_settings_of_their_own(
    toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert host.bazelrc(toolbox, tmp_path / "one") != host.bazelrc(toolbox, tmp_path / "two")


def test_a_server_does_not_outlive_its_toolbox_or_its_certificates(
    toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    (tmp_path / "modules").mkdir()
    before = host.bazelrc(toolbox, tmp_path / "modules").read_text()
    (toolbox.root / "toolbox.json").unlink()
    (toolbox.root / "toolbox.json").write_text("{}")
    _bundle(tmp_path / "bundle.pem", b"another")
    after = host.bazelrc(toolbox, tmp_path / "modules").read_text()
    changed = set(before.splitlines()) ^ set(after.splitlines())
    assert len(changed) == 4
    assert all(line.startswith("startup --host_jvm_args=-Drules_system_image") for line in changed)


def test_proxies_certificates_and_pips_settings_reach_the_toolbox_and_the_hosts_programs_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = {"http_proxy", "HTTPS_PROXY", "no_proxy", "PIP_INDEX_URL", "SSL_CERT_FILE", "JAVA_TOOL_OPTIONS"}
    for name in kept:
        monkeypatch.setenv(name, "kept")
    for name in ("CC", "JAVA_HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "BAZEL_REAL", "LC_ALL"):
        monkeypatch.setenv(name, "dropped")
    monkeypatch.setenv("PATH", "/root/bin:/usr/local/bin")
    found = host.environment()
    assert "dropped" not in found.values()
    assert {name for name, value in found.items() if value == "kept"} == kept
    assert found["PATH"] == "/usr/bin:/usr/sbin:/bin:/sbin"
    assert found["LANG"] == "C.UTF-8"
