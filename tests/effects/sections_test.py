"""What debhelper adds to scripts: recognised whatever the package's words, and nothing else taken for it."""

import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from tests.testing.debs import Deb
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.ledger import Call, Ledger, Uncovered
from tools.sysimage.effects.sections import Section

NAMES = r"names = '''^greet ([\w. -]+)$'''"
GREETING = "greet one two\nif asked; then\n\tgreet one two   # again\nfi\n"


def section(text: str, tool: str = "dh_greet") -> str:
    return f"# Automatically added by {tool}/13.1\n{text}# End automatically added section\n"


def calls(folder: Path, text: str, extra: str = "") -> list[Call] | Uncovered:
    more = folder / "extra.toml"
    more.write_text(extra)
    found, lacking = Ledger([more]).calls(Deb("pkg", control={"postinst": text}).load(folder), "postinst")
    return lacking[0] if lacking else found


def asked(folder: Path, text: str, extra: str = "") -> str:
    """The entry that the message for a script asks for, the effect's line left out."""
    found = calls(folder, text, extra)
    assert isinstance(found, Uncovered)
    lines = found.message().partition("    [[section]]\n")[2].splitlines()
    assert lines[-1].startswith("    effect = ")
    return "\n".join(["[[section]]", *lines[:-1], ""])


def entry(folder: Path, text: str = GREETING) -> str:
    """The entry for a kind of section, as a person comes to it: with `names`, then with its SHA-256."""
    return asked(folder, section(text), asked(folder, section(text)) + NAMES + "\n")


def test_unknown_section_says_package_text_and_an_entry_that_covers_it(tmp_path: Path) -> None:
    found = calls(tmp_path, section("greet\n"))
    assert isinstance(found, Uncovered)
    for part in ("pkg: postinst", "    greet\n", 'tool = "dh_greet"', "names = "):
        assert part in found.message()
    lines = asked(tmp_path, section("greet\n"))
    assert calls(tmp_path, section("greet\n"), lines) == []
    assert calls(tmp_path, section("greet\n"), lines + 'effect = "catalog"\n') == [Call("catalog")]


def test_entry_covers_the_section_of_another_package_with_its_own_words(tmp_path: Path) -> None:
    known = entry(tmp_path) + 'effect = "sysusers"\n'
    for text, names in ((GREETING, ["one", "two"]), (GREETING.replace("one two", "a.b"), ["a.b"])):
        assert calls(tmp_path, section(text), known) == [Call("sysusers", {"names": names})]


def test_comments_and_blanks_do_not_count(tmp_path: Path) -> None:
    text = "# politely\ngreet one two \n\nif  asked; then\n    greet one two # again\n# done\nfi\n"
    assert calls(tmp_path, section(text), entry(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("greet one two   #", "greet one   #"),
        ("greet one two   #", "greet one two three   #"),
        ("greet one two   #", "greet \t   #"),
        ("if asked", "if not asked"),
        ("fi\n", "fi\nrm /x\n"),
        ("one two", "one two; rm /x"),
    ],
)
def test_section_that_says_anything_else_is_uncovered(tmp_path: Path, old: str, new: str) -> None:
    assert isinstance(calls(tmp_path, section(GREETING.replace(old, new)), entry(tmp_path)), Uncovered)


def test_section_of_another_tool_is_uncovered(tmp_path: Path) -> None:
    assert isinstance(calls(tmp_path, section(GREETING, "dh_other"), entry(tmp_path)), Uncovered)


def test_word_that_is_a_part_of_others_is_not_replaced_in_them(tmp_path: Path) -> None:
    text = "greet ssh\nvisit /etc/ssh.d ssh-agent xssh 'ssh'\n"
    other = "greet cron\nvisit /etc/ssh.d ssh-agent xssh 'cron'\n"
    assert calls(tmp_path, section(other), entry(tmp_path, text)) == []


def test_expression_that_finds_no_words_covers_nothing(tmp_path: Path) -> None:
    known = asked(tmp_path, section("greet\n")) + "names = 'greet(.+)?'\n"
    assert isinstance(calls(tmp_path, section("greet\n"), known), Uncovered)


def test_effect_that_reads_the_script_reads_the_section(tmp_path: Path) -> None:
    known = entry(tmp_path) + 'effect = "alternatives"\n'
    assert calls(tmp_path, section(GREETING), known) == [Call("alternatives", {"text": GREETING})]


def test_effects_come_in_the_order_of_the_sections(tmp_path: Path) -> None:
    known = entry(tmp_path) + 'effect = "sysusers"\n'
    text = section(GREETING) + "\n" + section(GREETING.replace("one two", "three"))
    assert calls(tmp_path, text, known) == [
        Call("sysusers", {"names": ["one", "two"]}),
        Call("sysusers", {"names": ["three"]}),
    ]


# For each tool a text with the words of a package, other words, and such as must not be taken for words.
WORDS = [
    ("dh_installtmpfiles", "--create {} now", "a.conf", "b.conf c@d.conf", "a.conf && x"),
    ("dh_installsysusers", "${{root}} {}", "a.conf", "b-c.conf d.conf", "a.conf;x"),
    ("dh_installinit", "/etc/init.d/{} go {}", "init", "x11-common.sh", "a b"),
    ("dh_installsystemd", "heed {} so", "'a.service'", r"'b@1.timer' 'c\x2dd.mount'", "'a.service' $(x)"),
    ("dh_installdeb", 'dpkg-maintscript-helper {} "$@"\nend', r"rm_conffile /a 1:2\~ --", "b --", "a -- `x`"),
    (
        "dh_installalternatives",
        "update-alternatives --install {}\nend",
        "/l n /p 1",
        "/l n /p 1 \\\n  --slave /m o /q\nupdate-alternatives --install /r s /t 2",
        "/l n /p 1 | x",
    ),
]


@pytest.mark.parametrize(("tool", "line", "words", "others", "wrong"), WORDS)
def test_words_of_packages_do_not_count_for_debhelpers_tools(
    tmp_path: Path, tool: str, line: str, words: str, others: str, wrong: str
) -> None:
    first, second, third = (
        asked(tmp_path, section(line.format(*[text] * 2) + "\n", tool)) for text in (words, others, wrong)
    )
    assert first == second != third


def test_entry_for_several_tools_covers_each_of_them(tmp_path: Path) -> None:
    known = asked(tmp_path, section("greet\n")).replace('"dh_greet"', '["dh_greet", "dh_salute"]')
    for tool in ("dh_greet", "dh_salute"):
        assert calls(tmp_path, section("greet\n", tool), known) == []


def test_words_of_several_kinds_are_found_in_turn(tmp_path: Path) -> None:
    names = "names = ['^greet ([\\w.-]+)', 'with ([\\w-]+)$']\n"
    known = asked(tmp_path, section("greet one with a\n")) + names
    known = asked(tmp_path, section("greet one with a\n"), known)
    assert names.strip().replace("'", "'''") in known
    known += 'effect = "sysusers"\n'
    assert calls(tmp_path, section("greet two with b\n"), known) == [Call("sysusers", {"names": ["two"]})]
    assert isinstance(calls(tmp_path, section("greet two with b; rm\n"), known), Uncovered)


def test_own_entries_name_each_kind_by_its_digest_and_once() -> None:
    text = (resources.files("tools.sysimage.effects") / "sections.toml").read_text()
    sections = [section for entry in tomllib.loads(text)["section"] for section in Section.parse(entry, "")]
    digests = [(section.tool, digest) for section in sections for digest in section.sha256]
    assert len(digests) == len(set(digests))
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for _, digest in digests)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "an entry has tool and sha256"),
        ('sha256 = ["x"]\nwhy = "y"', "an entry has tool and sha256"),
        ('sha256 = ["x"]\neffect = "nosuch"', "there is no effect 'nosuch'; known are add_member"),
        ("sha256 = ['x']\nnames = 'a'", "names has 0 groups"),
        ("sha256 = ['x']\nnames = '(a)(b)'", "names has 2 groups"),
        ("sha256 = ['x']\nnames = '('", "names: .*correct the regular expression"),
    ],
)
def test_entry_that_says_too_little_or_too_much_is_refused(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(ToolError, match=rf"extra\.toml: section of dh_greet: {message}"):
        calls(tmp_path, "", f'[[section]]\ntool = "dh_greet"\n{lines}\n')
