"""update-alternatives: links, choice, database."""

import pytest

from tests.testing.roots import links, make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import alternatives
from tools.sysimage.effects.root import Root

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


COLLECTED = """TRIPLETS="/ /x86_64-linux-gnu/"
if [ "$1" = "triggered" ]; then
\tslaves="
\t\t$(add_multiarch_slave /usr/lib "" libcuda.so.1 /usr/lib nvidia/current/)
\t\t$(add_multiarch_slave /usr/lib vdpau/ libvdpau.so.1 /usr/lib nvidia/current/)
\t\t$(add_slave /usr/bin/nvidia-smi nvidia-smi /usr/lib/nvidia/current/nvidia-smi)
\t\t$(add_slave /usr/bin/nvidia-settings nvidia-settings /usr/lib/nvidia/current/nvidia-settings)
"
\tconf_slaves="
\t\t$(add_slave /etc/missing/drm.conf drm.conf /etc/nvidia/current/drm.conf)
"
fi
"""


def collected(*groups: str) -> Root:
    triplet = "usr/lib/x86_64-linux-gnu"
    root = make(
        dict.fromkeys(
            (
                f"{triplet}/nvidia/current/libcuda.so.1",
                f"{triplet}/nvidia/current/libvdpau.so.1",
                "usr/lib/nvidia/current/nvidia-smi",
                "usr/bin/other",
                "etc/nvidia/current/drm.conf",
            ),
            "",
        )
    )
    words = ["/usr/lib/nvidia/nvidia", "nvidia", "/usr/lib/nvidia/current", "550"]
    alternatives.collected(root, "p", text=COLLECTED, words=words, prefix="nvidia--", groups=list(groups))
    return root


def test_slaves_that_a_script_collects_are_those_of_files_that_are_there() -> None:
    library = "usr/lib/x86_64-linux-gnu"
    assert links(collected("slaves", "conf_slaves")) == {
        "etc/alternatives/nvidia": "/usr/lib/nvidia/current",
        "etc/alternatives/nvidia--libcuda.so.1-x86_64-linux-gnu": f"/{library}/nvidia/current/libcuda.so.1",
        "etc/alternatives/nvidia--nvidia-smi": "/usr/lib/nvidia/current/nvidia-smi",
        "usr/bin/nvidia-smi": "/etc/alternatives/nvidia--nvidia-smi",
        f"{library}/libcuda.so.1": "/etc/alternatives/nvidia--libcuda.so.1-x86_64-linux-gnu",
        "usr/lib/nvidia/nvidia": "/etc/alternatives/nvidia",
    }


def test_slaves_that_a_script_does_not_collect_are_an_error() -> None:
    with pytest.raises(ToolError, match=r"p: its script has no slaves in \$kmod_slaves; correct the ledger"):
        collected("slaves", "kmod_slaves")


def test_link_to_an_alternative_is_made_where_there_is_one() -> None:
    root = make({"usr/lib/nvidia/libx.so.1": ""})
    for name in ("libx.so.1", "liby.so.1"):
        alternatives.link_if_there(root, "p", link=f"usr/lib/{name}", target=f"nvidia/{name}")
    assert links(root) == {"usr/lib/libx.so.1": "nvidia/libx.so.1"}
