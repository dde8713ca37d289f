"""update-alternatives: links, choice, database."""

import pytest

from tests.testing.roots import links, make
from tools.sysimage.effects import alternatives
from tools.sysimage.effects.root import Root
from tools.sysimage.errors import ToolError

EDITOR = """
if asked; then
        update-alternatives --install /usr/bin/edit edit /usr/bin/mini 5 \\
            --slave /usr/share/man/man1/edit.1.gz edit.1.gz /usr/share/man/man1/mini.1.gz \\
            --slave /usr/bin/view view /usr/bin/mini
fi
"""
MANUAL = "usr/share/man/man1/mini.1.gz"


def installed(*texts: str, paths: tuple[str, ...] = ("usr/bin/mini", MANUAL)) -> Root:
    root = make(dict.fromkeys(paths, ""))
    for text in texts:
        alternatives.from_script(root, "p", text=text)
    alternatives.write_database(root)
    return root


def test_master_and_slaves_lead_through_etc_alternatives() -> None:
    assert links(installed(EDITOR)) == {
        "etc/alternatives/edit": "/usr/bin/mini",
        "etc/alternatives/edit.1.gz": f"/{MANUAL}",
        "etc/alternatives/view": "/usr/bin/mini",
        "usr/bin/edit": "/etc/alternatives/edit",
        "usr/bin/view": "/etc/alternatives/view",
        "usr/share/man/man1/edit.1.gz": "/etc/alternatives/edit.1.gz",
    }


def test_database_is_as_update_alternatives_reads_it() -> None:
    assert installed(EDITOR).text("var/lib/dpkg/alternatives/edit") == (
        "auto\n/usr/bin/edit\nedit.1.gz\n/usr/share/man/man1/edit.1.gz\nview\n/usr/bin/view\n\n"
        f"/usr/bin/mini\n5\n/{MANUAL}\n/usr/bin/mini\n\n"
    )


def test_highest_priority_wins_whatever_comes_last() -> None:
    full = "update-alternatives --install /usr/bin/edit edit /usr/bin/full 10\n"
    paths = ("usr/bin/mini", "usr/bin/full", MANUAL)
    for texts in ((EDITOR, full), (full, EDITOR)):
        root = installed(*texts, paths=paths)
        assert root.tree["etc/alternatives/edit"].target == "/usr/bin/full"
        # full has no slaves here.
        assert "etc/alternatives/view" not in root.tree


def test_slave_whose_file_is_left_out_gets_no_link() -> None:
    root = make(dict.fromkeys(("usr/bin/mini", MANUAL), ""))
    root.excluded = lambda path: path.startswith("usr/share/man/")
    alternatives.from_script(root, "p", text=EDITOR)
    assert sorted(links(root, "etc")) == ["etc/alternatives/edit", "etc/alternatives/view"]


def test_choice_that_does_not_exist_is_not_installed() -> None:
    assert links(installed(EDITOR, paths=())) == {}


def test_call_with_a_variable_is_refused() -> None:
    with pytest.raises(ToolError, match="variables can't be read"):
        alternatives.calls('update-alternatives --install "$link" x /y 1\n')


def test_what_follows_the_call_is_no_argument() -> None:
    text = "update-alternatives --install \\\n  /l n /p 10 \\\n  || true\n"
    assert alternatives.calls(text) == [["--install", "/l", "n", "/p", "10"]]


@pytest.mark.parametrize(
    "call", ["update-alternatives --quiet --install", "update-alternatives --quiet \\\n  --install"]
)
def test_calls_are_found_whatever_stands_before_install(call: str) -> None:
    assert links(installed(f"{call} /usr/bin/edit edit /usr/bin/mini 5 \\\n  #--slave ignored\n")) == {
        "etc/alternatives/edit": "/usr/bin/mini",
        "usr/bin/edit": "/etc/alternatives/edit",
    }


def test_options_before_the_call_and_a_call_on_a_line_of_its_own_do_not_hide_it() -> None:
    text = "update-alternatives --quiet \\\n  --install /usr/bin/edit edit \\\n  /usr/bin/mini 5\n"
    assert links(installed(text))["usr/bin/edit"] == "/etc/alternatives/edit"
