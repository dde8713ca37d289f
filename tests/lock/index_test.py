"""Stage lock: an index misread in one place locks the wrong file for every build after it."""

import io

import pytest

from tests.lock.archives import index, packages
from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock.index import Index
from tools.sysimage.lock.packages import Origin

ORIGIN = Origin("debian", "trixie", "main")


def read(text: str) -> Index:
    made = Index("amd64")
    made.add(io.BytesIO(text.encode()), ORIGIN)
    return made


class Trickle(io.BytesIO):
    """A stream that gives one byte at a time, as a slow decompressor may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(1 if size else 0)


def test_stanzas_are_whole_wherever_a_read_ends() -> None:
    made = Index("amd64")
    made.add(Trickle(packages("a Depends: b\nb\nc=2").encode()), ORIGIN)
    assert sorted(made.names()) == ["a", "b", "c"]
    assert str(made.candidate("c")) == "c 2"


def test_the_highest_version_of_all_suites_is_the_candidate() -> None:
    candidate = index("a=2~rc1", "a=1:1", "a=2").candidate("a")
    assert candidate
    assert (candidate.version, candidate.origin.suite) == ("1:1", "s1")


def test_of_equal_versions_the_first_suites_is_the_candidate() -> None:
    candidate = index("a=1", "a=1").candidate("a")
    assert candidate
    assert candidate.origin.suite == "s0"


def test_a_folded_field_and_one_in_another_case_are_read() -> None:
    package = read(packages("a").replace("Size:", "Depends: b,\n c | d,\n e\nsize:")).candidate("a")
    assert package
    assert [[relation.name for relation in group] for group in package.dependencies] == [
        ["b"],
        ["c", "d"],
        ["e"],
    ]


def test_fields_of_packages_come_from_the_stanza() -> None:
    package = index("liba=1:2 Essential: yes; Multi-Arch: same; Provides: libz, liby (= 3)").candidate("liba")
    assert package
    assert (package.essential, package.multi_arch, package.size) == (True, "same", 1000)
    assert [str(entry) for entry in package.provides] == ["libz", "liby (= 3)"]


def test_a_provider_that_is_no_candidate_provides_nothing() -> None:
    assert index("a=1 Provides: v", "a=2").providers("v") == []


def test_essential_is_what_the_candidate_says() -> None:
    assert index("a=1 Essential: yes\nb Essential: yes\nc Essential: no", "a=2").essential() == ["b"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("Package: a\n", ""), "trixie/main: a stanza of the Packages index has no Package"),
        (("Version: 1\n", ""), "trixie/main: a has no Version"),
        (("Filename: pool", "Filename: ../pool"), r"a: its path \.\./pool.* leaves the archive"),
        (("Filename: pool", "Filename: /pool"), r"a: its path /pool.* leaves the archive"),
        (("SHA256: ", "SHA256: x"), "a: '.*' is not a SHA-256"),
        (("SHA256: ", "SHA512: "), "a lacks the field 'SHA256'"),
        (("Size: 1000", "Size: many"), "a: Size is no number: many"),
    ],
)
def test_a_damaged_stanza_is_refused_by_name(damage: tuple[str, str], message: str) -> None:
    text = packages("a").replace(*damage)
    assert text != packages("a")
    with pytest.raises(ToolError, match=message):
        read(text).candidate("a")
