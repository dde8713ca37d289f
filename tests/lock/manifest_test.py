"""Stage lock: a mistake in debian.toml that passes silently becomes an image that nobody asked for."""

from pathlib import Path

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock import manifest

KEY = "A" * 40
MANIFEST = f"""\
[archive.debian]
suites = ["trixie", "trixie-updates"]
components = ["main"]
signed_by = ["{KEY}"]

[lock]
architectures = ["amd64"]
keyring = "keys/archive.asc"

[set.more]
packages = ["runc"]
extends = "base"

[set.base]
packages = ["systemd", "libstdc++6"]
essential = true
exclude = {{ dkms = "built by us" }}
"""


def parse(text: str) -> manifest.Manifest:
    return manifest.parse(text, "debian.toml")


def test_reads_what_is_written() -> None:
    parsed = parse(MANIFEST)
    (archive,) = parsed.archives
    assert archive == manifest.Archive("debian", ("trixie", "trixie-updates"), ("main",), frozenset({KEY}))
    assert (parsed.architectures, str(parsed.keyring)) == (("amd64",), "keys/archive.asc")
    base, more = parsed.sets
    assert base == manifest.PackageSet(
        "base", ("systemd", "libstdc++6"), True, None, {"dkms": "built by us"}, False
    )
    assert more == manifest.PackageSet("more", ("runc",), False, "base", {})


def test_reads_pins_in_their_order() -> None:
    pins = """
[[pin]]
packages = ["src:linux", "linux-*", "libstdc++6"]
suite = "trixie-updates"
[[pin]]
packages = ["*"]
version = "1.2*"
"""
    assert parse(MANIFEST + pins).pins == (
        manifest.Pin(("src:linux", "linux-*", "libstdc++6"), "trixie-updates", None),
        manifest.Pin(("*",), None, "1.2*"),
    )


@pytest.mark.parametrize(
    ("pin", "message"),
    [
        ('[pin]\npackages = ["a"]', r"\[pin\] must be a list of tables, each headed \[\[pin\]\]$"),
        ('[[pin]]\nsuite = "trixie"', r"\[\[pin\]\] number 1: packages is missing$"),
        ('[[pin]]\npackages = ["a"]', r"number 1: give either suite or version$"),
        (
            '[[pin]]\npackages = ["a"]\nsuite = "trixie"\nversion = "1"',
            r"number 1: give either suite or version$",
        ),
        (
            '[[pin]]\npackages = ["a"]\nsuite = "trixie"\n[[pin]]\npackages = ["a"]\nsuite = "trixi"',
            r"number 2: suite trixi is in no archive \(did you mean trixie.*\); name it there$",
        ),
        ('[[pin]]\npackages = ["/a/"]\nversion = "1"', r"holds '/a/', which is not a package, a pattern or"),
        ('[[pin]]\npackages = ["a"]\npriority = 9', r"number 1: priority is not known; valid are packages"),
    ],
)
def test_a_mistake_in_a_pin_is_named_with_its_number(pin: str, message: str) -> None:
    with pytest.raises(ToolError, match=message) as caught:
        parse(f"{MANIFEST}\n{pin}\n")
    assert str(caught.value).startswith("debian.toml: [")


def test_without_a_keyring_it_is_the_one_of_the_tool() -> None:
    assert parse(MANIFEST.replace('keyring = "keys/archive.asc"', "")).keyring is None


def test_the_meaning_is_canonical_json() -> None:
    # The SHA-256 of {"a":["\u00e4",1],"b":true}, as any other tool would make it.
    assert (
        manifest.meaning_sha256({"b": True, "a": ["ä", 1]})
        == "6da4ad219554aaa1104d1ba1dbbbf2355d0ba2b1df9a29768a98b656415abd39"
    )


def test_comments_and_the_order_of_tables_mean_nothing() -> None:
    first, *others = MANIFEST.split("\n\n")
    shuffled = "# a comment\n" + "\n\n".join([*reversed(others), first])
    assert parse(shuffled).sha256 == parse(MANIFEST).sha256


def test_the_order_within_a_list_means_something() -> None:
    swapped = MANIFEST.replace('"trixie", "trixie-updates"', '"trixie-updates", "trixie"')
    assert parse(swapped).sha256 != parse(MANIFEST).sha256


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["main"]', '["main"', r"^debian\.toml:4:1: .*not TOML$"),
        ("[lock]", "[lock]\n[lock]", r"^debian\.toml:7:6: .*not TOML$"),
        (
            "[lock]",
            "[lok]",
            r"\[lok\] is not known \(did you mean lock\?\); valid are archive, lock, pin, set$",
        ),
        (
            "suites",
            "suite",
            r"\[archive\.debian\] suite is not known \(did you mean suites\?\); valid are comp",
        ),
        ("architectures", "arches", r"\[lock\] arches is not known.*; valid are architectures, keyring$"),
        (
            "essential",
            "esential",
            r"\[set\.base\] esential is not known \(did you mean essential\?\); valid are",
        ),
        ("[set.more]", "[sets.more]", r"\[sets\] is not known \(did you mean set\?\)"),
        ("[set.more]", "[set.lock]", r"a set can't be called lock, as the target that locks is; rename it$"),
        ("[set.more]", '[set."a b"]', r"\[set\] a b is not a plain name"),
        ('"keys/archive.asc"', '""', r"\[lock\] keyring must be a non-empty string$"),
        ("keys/archive.asc", "/keys/archive.asc", r"\[lock\] keyring must be relative to the manifest"),
        ('["amd64"]', "[]", r"\[lock\] architectures must be a non-empty list of strings$"),
        ('["amd64"]', '"amd64"', r"\[lock\] architectures must be a non-empty list of strings$"),
        (
            '"trixie-updates"',
            '"../x"',
            r"\[archive\.debian\] suites holds '\.\./x', which is not the name of",
        ),
        ('"trixie-updates"', '"trixie"', r"\[archive\.debian\] suites names trixie twice"),
        (KEY, "a" * 40, r"\[archive\.debian\] signed_by holds 'a+', which is not a fingerprint"),
        (KEY, "A" * 16, r"\[archive\.debian\] signed_by holds 'A+', which is not a fingerprint"),
        ('"runc"', '"Runc"', r"\[set\.more\] packages holds 'Runc', which is not the name of a package$"),
        ('"runc"', "1", r"\[set\.more\] packages holds 1, which is not the name of a package$"),
        ("essential = true", "required = 1", r"\[set\.base\] required must be true or false$"),
        ("true", '"yes"', r"\[set\.base\] essential must be true or false$"),
        ('"built by us"', '""', r"\[set\.base\.exclude\] dkms must be a non-empty string$"),
        ("dkms =", "systemd =", r"\[set\.base\] exclude names systemd, which packages asks for"),
        (
            '"base"',
            '"bse"',
            r"\[set\.more\] extends bse, which is no set \(did you mean base\?\); sets are base, m",
        ),
        ('"base"', '"more"', r"\[set\.more\] extends itself: more → more; break the cycle$"),
        ("essential = true", 'extends = "more"', r"\[set\.more\] extends itself: more → base → more; break"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str) -> None:
    assert old in MANIFEST
    with pytest.raises(ToolError, match=message) as caught:
        parse(MANIFEST.replace(old, new, 1))
    assert str(caught.value).startswith("debian.toml:")
    assert "\n" not in str(caught.value)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"debian\.toml: no such manifest"):
        manifest.load(tmp_path / "debian.toml")


def test_a_manifest_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "debian.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ToolError, match=r"debian\.toml: byte 5 is not UTF-8"):
        manifest.load(tmp_path / "debian.toml")


def test_a_cycle_below_the_set_is_named_without_it() -> None:
    text = MANIFEST + '[set.c]\npackages = ["c1"]\nextends = "d"\n[set.d]\npackages = ["d1"]\nextends = "c"\n'
    with pytest.raises(ToolError, match=r"\[set\.c\] extends itself: c → d → c"):
        parse(text + '[set.a]\npackages = ["a1"]\nextends = "c"\n')


def test_a_package_for_one_architecture_is_wanted_there_only() -> None:
    text = MANIFEST.replace('["amd64"]', '["amd64", "arm64"]').replace('"runc"', '"runc", "grub-efi [arm64]"')
    amd64, arm64 = (
        {wanted.name: wanted.packages for wanted in parse(text).sets_on(name)} for name in ("amd64", "arm64")
    )
    assert (amd64["more"], arm64["more"]) == (("runc",), ("runc", "grub-efi"))


def test_a_set_without_a_package_for_an_architecture_is_not_locked_for_it_nor_what_extends_it() -> None:
    text = MANIFEST.replace('["amd64"]', '["amd64", "arm64"]')
    text = text.replace('["systemd", "libstdc++6"]', '["systemd [amd64]"]')
    parsed = parse(text)
    assert [wanted.name for wanted in parsed.sets_on("amd64")] == ["base", "more"]
    assert parsed.sets_on("arm64") == ()


def test_a_restriction_to_an_architecture_that_is_not_locked_is_refused() -> None:
    with pytest.raises(ToolError, match=r"\[set.more\] packages restricts runc to armhf, which \[lock\]"):
        parse(MANIFEST.replace('"runc"', '"runc [armhf]"'))
