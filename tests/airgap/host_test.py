import base64
import os
import shlex
import time
from pathlib import Path

import pytest

from tools.airgap import host, recipe
from tools.airgap.errors import ToolError
from tools.airgap.toolbox import Toolbox


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    return _toolbox(tmp_path / "toolbox")


def _toolbox(root: Path, version: str = "7.7.1") -> Toolbox:
    for name, text in {
        "host/in-use": "",
        "toolbox.json": "{}",
        recipe.BUILD_LABEL: version,
        "usr/share/bazel/embedded_tools/MODULE.bazel": """\
module(name = "bazel_tools")
bazel_dep(name = "rules_oci", version = "2.3.0")
bazel_dep(name = "protobuf", version = "29.0")
""",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
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


@pytest.mark.parametrize("version", ["7.7.1", "7.9.0", "8.0.0", "8.7.3", "9.0.0", "9.2.1"])
def test_no_bazel_gets_a_flag_that_it_does_not_know_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    (tmp_path / "modules").mkdir()
    lines = host.bazelrc(_toolbox(tmp_path / "toolbox", version), tmp_path / "modules").read_text()
    assert ("enable_workspace" in lines) == version.startswith("7.")
    assert ("use_plus_in_repo_names" in lines) == version.startswith("7.")


def test_bazel_finds_the_library_for_compact_execution_logs_and_archives_in_zstd(
    toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    (tmp_path / "modules").mkdir()
    assert "Zstd" not in host.bazelrc(toolbox, tmp_path / "modules").read_text()
    libraries = toolbox.root / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    (libraries / "libzstd-jni.so.1").touch()
    lines = host.bazelrc(toolbox, tmp_path / "modules").read_text().splitlines()
    wanted = "-DZstdNativePath=/usr/lib/x86_64-linux-gnu/libzstd-jni.so.1"
    assert f"startup --host_jvm_args={wanted}" in lines


@pytest.mark.parametrize("name", ["a b", "a\tb", "a#b", "a #b", "a'b", 'a"b', "a\\", "a\\ b", '\\"'])
def test_a_path_reaches_bazel_whole_whatever_it_is_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_bundle(tmp_path / "bundle.pem", b"one")))
    root, modules = tmp_path / name / "toolbox", tmp_path / name
    toolbox = _toolbox(root)
    (modules / "rules_oci").mkdir(parents=True)
    (modules / "rules_oci/MODULE.bazel").touch()
    text = host.bazelrc(toolbox, modules).read_text()
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
