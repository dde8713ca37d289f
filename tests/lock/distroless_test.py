"""Stage lock: an imported manifest that means something else than the old one makes another image."""

from pathlib import Path
from typing import Any

import pytest

from tests.lock.archives import KEY, Mirror, fingerprint
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.mirrors import parse_variable
from tools.sysimage.lock import distroless, lockfile, manifest
from tools.sysimage.lock.debiankeys import AUTOMATIC, KEYS, SECURITY, STABLE, signers
from tools.sysimage.lock.distroless import convert
from tools.sysimage.lock.main import main
from tools.sysimage.lock.manifest import PackageSet
from tools.sysimage.lock.signature import SHIPPED, Keyring

BOOKWORM = """\
# The base of our services.
version: 1

sources:
  - channel: bookworm main contrib
    url: https://snapshot.debian.org/archive/debian/20241115T203127Z
  - channel: bookworm-security main
    url: https://snapshot.debian.org/archive/debian-security/20241115T180000Z/
  - channel: bookworm-updates main contrib
    url: https://snapshot.debian.org/archive/debian/20241115T203127Z

archs:
  - "amd64"
  - arm64

packages:
  - "ncurses-base"
  - "coreutils" # for commands like `ls`
  # for
  # apt list --installed
  - dpkg

  # libraries
  - libstdc++6
"""


def parse(text: str, name: str = "bookworm.yaml") -> manifest.Manifest:
    return manifest.parse(convert(text, Path(name)), "debian.toml")


def pins(release: str, *kinds: str) -> frozenset[str]:
    return frozenset(KEYS[release][kind] for kind in kinds)


def test_what_is_imported_means_the_same() -> None:
    parsed = parse(BOOKWORM)
    assert parsed.archives == (
        manifest.Archive(
            "debian",
            ("bookworm", "bookworm-updates"),
            ("main", "contrib"),
            pins("12/bookworm", AUTOMATIC, STABLE),
        ),
        manifest.Archive("debian-security", ("bookworm-security",), ("main",), pins("12/bookworm", SECURITY)),
    )
    assert parsed.architectures == ("amd64", "arm64")
    assert parsed.keyring is None
    # No essential packages: rules_distroless adds none.
    names = ("ncurses-base", "coreutils", "dpkg", "libstdc++6")
    assert parsed.sets == (PackageSet("bookworm", names, False, None, {}),)


def test_the_comments_of_packages_stay_with_them() -> None:
    text = convert(BOOKWORM, Path("bookworm.yaml"))
    assert text.endswith("""\
packages = [
    "ncurses-base",
    "coreutils", # for commands like `ls`
    # for
    # apt list --installed
    "dpkg",
    # libraries
    "libstdc++6",
]
""")


def test_the_moment_of_snapshots_is_kept_as_the_mirrors_that_have_it() -> None:
    (line,) = (
        line for line in convert(BOOKWORM, Path("bookworm.yaml")).splitlines() if "DEBIAN_MIRRORS" in line
    )
    assert parse_variable(line.partition("=")[2].strip('"')) == {
        "debian": ["https://snapshot.debian.org/archive/debian/20241115T203127Z"],
        "debian-security": ["https://snapshot.debian.org/archive/debian-security/20241115T180000Z"],
    }


def test_no_server_is_named() -> None:
    text = BOOKWORM.replace("snapshot.debian.org/archive", "mirror.example").replace("/20241115T203127Z", "")
    text = text.replace("# for\n", "# from mirror.example\n").replace(
        "# for commands", "# http://a/: commands"
    )
    written = convert(text, Path("bookworm.yaml"))
    assert "mirror.example" not in written
    assert written.count("://") == 1
    assert "https://snapshot.debian.org/archive/debian-security/20241115T180000Z" in written
    assert "apt list" not in written
    assert parse(text).sets == parse(BOOKWORM).sets


@pytest.mark.parametrize(
    ("url", "suite", "name", "stamp"),
    [
        ("http://mirror.example/debian", "sid", "debian", None),
        ("http://mirror.example/mirrors/debian/", "sid", "debian", None),
        ("mirror+https://mirror.example/debian/20241115", "sid", "debian", "20241115"),
        ("http://mirror.example/", "trixie-security", "debian-security", None),
        ("http://mirror.example", "trixie-security", "debian-security", None),
    ],
)
def test_an_archive_is_the_last_part_of_the_path(url: str, suite: str, name: str, stamp: str | None) -> None:
    text = f"version: 1\nsources: [{{channel: {suite} main, url: '{url}'}}]\narchs: [amd64]\npackages: [a]\n"
    (archive,) = parse(text).archives
    assert (archive.name, archive.suites) == (name, (suite,))
    assert (f"/{stamp}" in convert(text, Path("a.yaml"))) == bool(stamp)


def test_channels_of_one_suite_are_merged_and_urls_are_mirrors_of_one_archive() -> None:
    parsed = parse("""\
version: 1
sources:
  - channel: trixie main
    urls:
      - http://a.example/debian
      - http://b.example/pub/debian/
  - channel: trixie  contrib main
    urls: ["http://a.example/debian"]
    url: http://overlooked.example/other
archs: [amd64]
packages: [bash, dash]
""")
    (archive,) = parsed.archives
    assert (archive.suites, archive.components) == (("trixie",), ("main", "contrib"))


def test_short_lists_stand_in_one_line_and_long_ones_do_not() -> None:
    assert 'architectures = ["amd64", "arm64"]\n' in convert(BOOKWORM, Path("b.yaml"))
    head = "version: 1\nsources: [{channel: trixie main, url: //a/debian}]\narchs: [amd64]\npackages: "
    assert 'packages = ["bash", "dash"]\n' in convert(head + "[bash, dash] # both", Path("b.yaml"))
    many = convert(head + f"[{', '.join(f'package-{number}' for number in range(20))}]", Path("b.yaml"))
    assert '    "package-19",' in many.splitlines()
    assert max(map(len, many.splitlines())) <= 110


@pytest.mark.parametrize(
    ("file", "name"),
    [("a.b.yaml", "a_b"), ("_x-1.yml", "x-1"), ("java 17.yaml", "java_17"), ("plain", "plain")],
)
def test_the_set_is_called_after_the_file(file: str, name: str) -> None:
    assert parse(BOOKWORM, file).sets[0].name == name


@pytest.mark.parametrize("file", ["lock.yaml", "__.yaml"])
def test_a_file_after_which_no_set_can_be_called_is_refused(file: str) -> None:
    with pytest.raises(
        ToolError, match=f"{file}: no set of packages can be called after this file; rename it"
    ):
        parse(BOOKWORM, file)


UPDATES = "bookworm-updates main contrib"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "version: 2", "2: only version 1 is known here"),
        ("version: 1\n", "", "3: version is missing"),
        (
            "archs:",
            "arch:",
            "12: arch is not known (did you mean archs?); valid are version, sources, archs, pac",
        ),
        ("archs:", "packages:", "16: packages is here for the second time; once is enough"),
        (
            "  - arm64",
            "  - all",
            "14: packages for all architectures are locked with those of each; name the",
        ),
        ("  - arm64", "  - ARM", "14: 'ARM' is not an architecture of Debian, as amd64"),
        ("  - arm64", "  - amd64", "14: amd64 is in line 13, too; once is enough"),
        ("  - arm64", "  -", "14: expected a string"),
        ('  - "amd64"\n  - arm64', "  amd64", "13: expected a list of one entry at least"),
        ('archs:\n  - "amd64"\n  - arm64', "archs: []", "12: expected a list of one entry at least"),
        ("  - dpkg", "  - coreutils", "21: coreutils is in line 18, too; once is enough"),
        (
            "  - dpkg",
            "  - dpkg (>= 1.2)",
            "21: 'dpkg (>= 1.2)' asks for a range of versions; name the package alone, or",
        ),
        ("  - dpkg", "  - coreutils (= 1)", "21: coreutils is here for the second time; once is enough"),
        ("  - dpkg", '  - "dpkg (= 1\\")"', "21: 'dpkg (= 1\")' asks for a range of versions"),
        (
            "  - dpkg",
            "  - dpkg:amd64",
            "21: 'dpkg:amd64' names an architecture, which rules_distroless overlooks",
        ),
        (
            "  - dpkg",
            "  - dpkg [amd64]",
            "21: 'dpkg [amd64]' names an architecture, which rules_distroless over",
        ),
        (
            "  - dpkg",
            "  - mawk | awk",
            "21: 'mawk | awk' is more than one package; name the one that is wanted",
        ),
        (
            "  - dpkg",
            "  - a, b (>= 1)",
            "21: 'a, b (>= 1)' is more than one package; name the one that is wanted",
        ),
        ("  - dpkg", "  - Dpkg", "21: 'Dpkg' is not the name of a package"),
        ("  - dpkg", "  - {name: dpkg}", "21: expected a string"),
        (
            "bookworm main contrib",
            "bookworm",
            "5: a channel must be a suite and its components, as in `bookworm",
        ),
        (
            "bookworm main contrib",
            "bookworm/",
            "5: a channel must be a suite and its components, as in `bookwo",
        ),
        ("bookworm main contrib", "./ main", "has no words for a flat repository: take it out"),
        ("    url: ", "    ural: ", "6: ural is not known (did you mean url, urls?); valid are channel, url"),
        ("    url: ", "    urls: ", "6: expected a list of one entry at least"),
        (
            " channel: ",
            " chanel: ",
            "5: chanel is not known (did you mean channel?); valid are channel, url, urls",
        ),
        (
            UPDATES,
            "bookworm-updates contrib non-free",
            "9: bookworm-updates has contrib non-free, but bookworm in",
        ),
        (UPDATES, "bookworm-updates contrib non-free", "of an archive: give both main contrib non-free"),
        (
            "debian/20241115T203127Z\n\n",
            "debian/20240101\n\n",
            "9: debian as of 20240101, but as of 20241115T20",
        ),
        (
            "debian/20241115T203127Z\n\n",
            "debian\n\n",
            "9: debian as of now, but as of 20241115T203127Z in lin",
        ),
        (
            UPDATES,
            "noble main",
            "9: it is not known here who signs noble of debian, only who signs debian's bullsey",
        ),
        (
            UPDATES,
            "stable main",
            "9: it is not known here who signs stable of debian, only who signs debian's bulls",
        ),
        (
            "/debian-security/",
            "/ubuntu/",
            "7: it is not known here who signs bookworm-security of ubuntu, only",
        ),
        (
            UPDATES,
            "bookworm stable",
            "9: Debian's bookworm has no stable, so this archive is not Debian's; take it",
        ),
        (
            UPDATES,
            "bookworm-backports main",
            "9: rules_distroless takes all that is newer in bookworm-backports,",
        ),
    ],
)
def test_what_can_not_be_said_is_refused_with_its_line(old: str, new: str, message: str) -> None:
    assert old in BOOKWORM
    with pytest.raises(ToolError, match=r"^bookworm\.yaml:\d+: ") as caught:
        convert(BOOKWORM.replace(old, new, 1), Path("bookworm.yaml"))
    assert message in str(caught.value).partition(":")[2]
    assert "\n" not in str(caught.value)


def test_urls_of_different_archives_are_refused() -> None:
    source = "version: 1\nsources:\n- channel: trixie main\n"
    rest = "archs: [amd64]\npackages: [bash]\n"
    for other in ("ubuntu", "debian/20240101T000000Z"):
        with pytest.raises(
            ToolError, match=r"^b\.yaml:6: this is another archive than the first URL's, or anot"
        ):
            convert(f"{source}  urls:\n  - //a/debian\n  - //b/{other}\n{rest}", Path("b.yaml"))
    with pytest.raises(ToolError, match=r"^b\.yaml:3: url is missing$"):
        convert(source + rest, Path("b.yaml"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("version: 1\nsources: [\n", "3:1"),
        ("version: 1\n\tsources:\n", "2:1"),
        ("version: 1\nsources:\n  - a: b\n c: d\n", "4:2"),
        ("version: *none\n", "1:10"),
        ("version: 1\n---\nversion: 1\n", "2:1"),
        ("version: 1\nä: \x01\n", "2:4"),
        ('version: "1\n', "2:1"),
    ],
    ids=["open list", "tab", "indentation", "alias", "two documents", "control character", "open string"],
)
def test_what_is_not_yaml_is_refused_with_line_and_column(text: str, place: str) -> None:
    with pytest.raises(ToolError, match=rf"^b\.yaml:{place}: .+; this is not YAML$") as caught:
        convert(text, Path("b.yaml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n"])
def test_what_is_no_manifest_at_all_is_refused(text: str) -> None:
    with pytest.raises(ToolError, match=r"^b\.yaml:1: expected a mapping with version, sources, archs, pac"):
        convert(text, Path("b.yaml"))


def test_a_version_becomes_a_pin() -> None:
    parsed = parse(
        BOOKWORM.replace("  - dpkg", "  - dpkg (= 1:1.2~b-3+x)").replace('"ncurses-base"', "a (=1)")
    )
    assert parsed.sets[0].packages == ("a", "coreutils", "dpkg", "libstdc++6")
    assert parsed.pins == (manifest.Pin(("a",), None, "1"), manifest.Pin(("dpkg",), None, "1:1.2~b-3+x"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bookworm-updates main contrib", "bookworm-updates  contrib main"),
        ("  - dpkg", '  - " dpkg "'),
        ("  - libstdc++6\n", "  - >\n    libstdc++6\n"),
        ('archs:\n  - "amd64"\n  - arm64', "archs: [amd64, arm64] # both"),
    ],
    ids=["order of components", "white space", "folded scalar", "flow list"],
)
def test_other_ways_to_write_the_same_mean_the_same(old: str, new: str) -> None:
    assert old in BOOKWORM
    assert parse(BOOKWORM.replace(old, new)) == parse(BOOKWORM)


def test_words_that_yaml_1_1_takes_for_true_are_names() -> None:
    text = (
        "version: 1\nsources: [{channel: sid main, url: //a/debian}]\narchs: [amd64]\npackages: [yes, 0ad]\n"
    )
    assert parse(text).sets[0].packages == ("yes", "0ad")


def test_every_pinned_key_is_a_certificate_of_that_name_in_the_shipped_keyring() -> None:
    owners = {
        certificate.fingerprint.upper(): str(certificate.user_ids[0]).partition(" <")[0]
        for certificate in Keyring(SHIPPED).certificates
    }
    assert owners == {
        fingerprint: f"Debian {kind} Key ({release})"
        for release, keys in KEYS.items()
        for kind, fingerprint in keys.items()
    }


def test_the_releases_that_have_no_keys_yet_are_pinned_to_those_that_sign_them() -> None:
    both = ("12/bookworm", "13/trixie")
    assert signers("debian", "forky").keys() == {KEYS[release][AUTOMATIC] for release in both}
    assert signers("debian", "sid") == signers("debian", "unstable") == signers("debian", "forky-updates")
    assert signers("debian-security", "forky-security").keys() == {
        KEYS[release][SECURITY] for release in both
    }


class Workspace:
    """A folder with a manifest to import, and mirrors whose key is taken for Debian's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.yaml = folder / "bookworm.yaml"
        self.toml = folder / "debian.toml"
        self.lock = folder / "debian.lock.json"
        self.yaml.write_text(BOOKWORM.replace("main contrib", "main"))

    def run(self, *flags: str) -> int:
        return main(["--manifest", str(self.toml), "--lock", str(self.lock), *flags])

    def import_(self) -> int:
        return self.run("--import", str(self.yaml))

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv("BUILD_WORKSPACE_DIRECTORY", raising=False)
    (tmp_path / "ws").mkdir()
    return Workspace(tmp_path / "ws")


def test_what_is_imported_can_be_locked(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian, security = Mirror(tmp_path / "debian"), Mirror(tmp_path / "debian-security")
    both = ("amd64", "arm64")
    text = "ncurses-base\ncoreutils Depends: libc6\ndpkg\nlibstdc++6\nlibc6\nbash Essential: yes"
    debian.publish(text, "bookworm", architectures=both)
    debian.publish("", "bookworm-updates", architectures=both)
    security.publish("libc6=2", "bookworm-security", architectures=both)
    monkeypatch.setenv("DEBIAN_MIRRORS", f"debian={debian.url} debian-security={security.url}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    keyring = tmp_path / "keyring.asc"
    keyring.write_text(str(KEY.extract_certificate()))
    monkeypatch.setattr("tools.sysimage.lock.make.SHIPPED", keyring)
    monkeypatch.setattr(distroless, "signers", lambda *_: {fingerprint(KEY): "our key"})
    assert workspace.import_() == 0
    assert workspace.files() == ["bookworm.yaml", "debian.toml"]
    assert workspace.run() == 0
    lock: Any = lockfile.load(workspace.lock)
    expected = ["coreutils", "dpkg", "libc6", "libstdc++6", "ncurses-base"]
    assert lock["sets"]["bookworm"]["packages"] == {"amd64": expected, "arm64": expected}
    assert lock["packages"]["arm64"]["libc6"]["suite"] == "bookworm-security"


def test_the_next_step_is_told_and_never_overwrites_another_lock(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.import_()
    wrote, following = capsys.readouterr().out.splitlines()
    assert wrote == (
        f"wrote {workspace.toml}: set bookworm, 4 packages of bookworm, bookworm-updates, bookworm-security "
        "for amd64, arm64"
    )
    assert following == (
        f"next, lock it: the same command, with --manifest={workspace.toml} --lock={workspace.lock} "
        "instead of --import"
    )
    workspace.lock.touch()
    workspace.toml = workspace.folder / "base.toml"
    workspace.import_()
    assert f"--lock={workspace.folder}/base.lock.json instead" in capsys.readouterr().out


def test_a_manifest_that_is_there_already_is_left_alone(workspace: Workspace) -> None:
    workspace.toml.write_text("mine")
    with pytest.raises(
        ToolError, match=r"debian\.toml: it is there already; remove it, or name another file"
    ):
        workspace.import_()
    assert workspace.toml.read_text() == "mine"


def test_nothing_is_written_of_a_manifest_that_is_refused(workspace: Workspace) -> None:
    workspace.yaml.write_text(BOOKWORM.replace("version: 1", "version: 2"))
    with pytest.raises(ToolError, match=r"bookworm\.yaml:2: only version 1"):
        workspace.import_()
    assert workspace.files() == ["bookworm.yaml"]


def test_files_that_can_not_be_read_or_written_are_named(workspace: Workspace) -> None:
    workspace.yaml.write_bytes(b"version: \xff")
    with pytest.raises(ToolError, match=r"bookworm\.yaml: byte 9 is not UTF-8"):
        workspace.import_()
    workspace.yaml.unlink()
    with pytest.raises(
        ToolError, match=r"bookworm\.yaml: no such file; --import names a manifest of rules_dis"
    ):
        workspace.import_()
    workspace.toml = workspace.folder / "none/debian.toml"
    with pytest.raises(
        ToolError, match=r"ws/none: no such folder; make it, or name another file with --mani"
    ):
        workspace.import_()
