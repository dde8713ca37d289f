from pathlib import Path

import pytest

from tools.airgap import apt
from tools.airgap.errors import ToolError


def _sources(folder: Path, files: dict[str, str]) -> list[apt.Source]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return apt.read_sources(folder)


def test_one_line_sources_give_address_suite_and_key(tmp_path: Path) -> None:
    text = """\
# deb http://commented.example/debian trixie main
deb [ arch=amd64 signed-by=/keys/a.gpg ] http://mirror.example/debian/ trixie main contrib
deb-src http://mirror.example/debian trixie main
  deb http://other.example/ubuntu noble main # with a comment
"""
    assert _sources(tmp_path, {"sources.list": text}) == [
        apt.Source("http://mirror.example/debian", ("trixie",), "/keys/a.gpg"),
        apt.Source("http://other.example/ubuntu", ("noble",), None),
    ]


def test_deb822_sources_give_every_address_and_leave_out_what_is_switched_off(tmp_path: Path) -> None:
    text = """\
Types: deb deb-src
URIs: http://one.example/debian http://two.example/debian/
Suites: trixie trixie-updates
# A comment between fields
Components: main
Signed-By: /keys/b.gpg
\t
Types: deb-src
URIs: http://sources.example/debian
Suites: trixie

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
"""
    assert _sources(tmp_path, {"sources.list.d/debian.sources": text}) == [
        apt.Source("http://one.example/debian", ("trixie", "trixie-updates"), "/keys/b.gpg"),
        apt.Source("http://two.example/debian", ("trixie", "trixie-updates"), "/keys/b.gpg"),
    ]


def test_a_key_inside_a_source_stays_whole_in_the_toolboxs_own_source(tmp_path: Path) -> None:
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBGPL0BUBEADmW5NdOOHwPIJlgPu6\n -----END\n"
    text = f"Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nSigned-By:{key}"
    (source,) = _sources(tmp_path, {"sources.list.d/a.sources": text})
    assert key.rstrip() in apt.sources_file(source, ("forky", "sid"))


def test_the_toolboxs_source_checks_the_signature_and_not_the_age() -> None:
    text = apt.sources_file(apt.Source("http://m.example/debian", ("trixie",), "/k.gpg"), ("forky", "sid"))
    assert "Suites: forky sid\n" in text
    assert "Signed-By: /k.gpg\n" in text
    assert "Check-Valid-Until: no\n" in text
    assert "Trusted" not in text


def test_files_are_read_as_apt_reads_them_and_others_are_left_alone(tmp_path: Path) -> None:
    files = {
        "sources.list": "deb http://first.example/debian trixie main",
        "sources.list.d/b.list": "deb http://third.example/debian trixie main",
        "sources.list.d/a.list": "deb http://second.example/debian trixie main",
        "sources.list.d/c.list.save": "deb http://never.example/debian trixie main",
    }
    found = [source.uri.split("/")[2] for source in _sources(tmp_path, files)]
    assert found == ["first.example", "second.example", "third.example"]


def test_the_mirror_is_the_first_source_of_debians_main_archive() -> None:
    wanted = apt.Source("https://mirror.example/pub/debian", ("trixie",), None)
    others = [
        apt.Source("https://vendor.example/apt", ("stable",), None),
        apt.Source("https://mirror.example/debian-security", ("trixie-security",), None),
    ]
    assert apt.debian_source([*others, wanted]) is wanted
    with pytest.raises(ToolError, match=r"no source in /etc/apt.* ends in /debian: add one"):
        apt.debian_source(others)


def test_a_host_without_apt_is_told_so_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = apt.Source("http://m.example/debian", ("trixie",), None)
    with pytest.raises(ToolError, match="no apt-get and dpkg-deb"):
        apt.PrivateApt(tmp_path / "apt", "amd64", source, ("forky",))
    assert not (tmp_path / "apt").exists()


def _with_apt(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> apt.PrivateApt:
    folder.mkdir()
    for name, text in {"apt-get": script, "dpkg-deb": "exit 1"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    source = apt.Source("http://m.example/debian", ("trixie",), None)
    return apt.PrivateApt(folder / "apt", "amd64", source, ("forky", "sid"))


def test_a_mirror_that_is_down_is_an_error_although_apt_calls_it_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = "echo 'W: Failed to fetch http://m.example/debian/dists/forky/InRelease  refused' >&2"
    with pytest.raises(ToolError) as caught:
        _with_apt(tmp_path / "a", says, monkeypatch).update()
    assert "can't get the package lists of forky and sid" in str(caught.value)
    assert "Failed to fetch http://m.example" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_packages_come_from_both_suites_if_the_preferred_one_is_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"""\
echo "$*" >> {tmp_path}/calls
case "$*" in
*Default-Release*) exit 100;;
*--simulate*) echo "Inst a (1 Debian:unstable [amd64])"; echo "Inst b (2-1 Debian:unstable [amd64]) []";;
*) touch {tmp_path}/a/apt/cache/archives/b_1_amd64.deb {tmp_path}/a/apt/cache/archives/a_1_amd64.deb;;
esac"""
    private = _with_apt(tmp_path / "a", script, monkeypatch)
    assert private.choose(["a"], []) == {"a": "1", "b": "2-1"}
    assert [deb.name for deb in private.download()] == ["a_1_amd64.deb", "b_1_amd64.deb"]
    assert len((tmp_path / "calls").read_text().splitlines()) == 3


def test_what_apt_cannot_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "echo ' git : Depends: git-man but it is not there'; echo 'E: Broken' >&2; exit 100"
    with pytest.raises(ToolError, match=r"Broken; git : Depends: git-man but it is not there \(mirror"):
        _with_apt(tmp_path / "a", script, monkeypatch).choose(["git"], [])


def test_a_full_disk_is_no_fault_of_the_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'echo "E: You don\'t have enough free space in /x/." >&2; exit 100'
    with pytest.raises(OSError, match="No space left"):
        _with_apt(tmp_path / "a", script, monkeypatch).choose(["git"], [])


def test_apt_keeps_to_its_folder_and_to_signed_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_apt(tmp_path / "a", "exit 0", monkeypatch)
    text = (tmp_path / "a/apt/apt.conf").read_text()
    for name in ("Dir::State", "Dir::Cache", "Dir::State::status", "Dir::Etc::sourcelist"):
        assert f'{name} "{tmp_path}/a/apt' in text
    assert 'Dir::Etc::sourceparts "/dev/null";' in text
    assert 'Acquire::AllowInsecureRepositories "false";' in text
    assert "#clear APT::Update::Post-Invoke;" in text


def test_absent_packages_count_as_installed_in_any_version() -> None:
    text = apt.status_file(["default-jdk-headless"])
    assert text.startswith("Package: default-jdk-headless\nStatus: install ok installed\n")
    assert "Version: 999:0\n" in text
