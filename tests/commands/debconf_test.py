"""Compares debconf's protocol with the answers of debconf 1.5.91, and runs scripts by the frontend."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands.debconf_world import configure, make
from tests.commands.world import run, world
from tools.sysimage.commands.debconf_database import Database, check_answers, database
from tools.sysimage.commands.debconf_protocol import reply
from tools.sysimage.commands.debconf_session import Session, Settings
from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError
from tools.sysimage.scripts.failures import Refused

_RECORDED = json.loads((Path(__file__).parent / "debconf.json").read_text(encoding="utf-8"))
_TEMPLATES = b"""Template: p/a
Type: select
Choices: x, y
Default: y
Description: A ${V}

Template: p/e
Type: error
Description: An error here
 This is long.

Template: p/b
Type: boolean
Default: false
Description: B
"""
_HEAD = b"#!/bin/sh\n. /usr/share/debconf/confmodule\n"


def _world(script: bytes, config: bytes = b"", templates: bytes = _TEMPLATES) -> World:
    files = {"var/lib/dpkg/info/p.postinst": script, "var/lib/dpkg/info/p.templates": templates}
    return make(files | ({"var/lib/dpkg/info/p.config": config} if config else {}))


def _lines(made: World) -> list[str]:
    return made.root.text("work/out").splitlines()


@pytest.mark.parametrize("number", range(len(_RECORDED["cases"])))
def test_a_reply_would_be_another_than_debconfs(number: int) -> None:
    made = world({f"work/{name}": text.encode() for name, text in _RECORDED["files"].items()})
    # The second process has the database of the first, with another owner.
    for owner, (commands, answers, status) in zip(("pkg", "other"), _RECORDED["cases"][number], strict=True):
        made.files.write("/work/in", commands.encode())
        script = f"DEBCONF_NONINTERACTIVE_SEEN=true debconf-communicate {owner} </work/in"
        found = run(made, script.encode())
        assert (found[1].decode("utf-8", "surrogateescape"), found[0]) == (answers, status)


def test_a_script_would_not_see_what_its_config_asked() -> None:
    config = (
        b"#!/bin/sh -e\n. /usr/share/debconf/confmodule\ndb_capb backup escape\n"
        b'db_input high p/a || echo "input $?" >>/work/out\ndb_go; echo "go [$RET]" >>/work/out\n'
        b"db_set p/a 'x\\\\ny  z'\ndb_get p/a; echo \"[$RET]\" >>/work/out\n"
        b'echo "config $# $1 [$2] $0" >>/work/out\n'
    )
    script = _HEAD + (
        b'db_get p/a; echo "$RET" >>/work/out\ndb_fget p/a seen; echo "seen $RET" >>/work/out\n'
        b'db_get no/such || echo "$? $RET" >>/work/out\ndb_input critical p/e\ndb_go\ndb_stop\n'
        b'echo "$DEBIAN_HAS_FRONTEND $DEBCONF_REDIR $PERL_DL_NONLAZY" >>/work/out\nexit 3\n'
    )
    made = _world(script, config)
    assert configure(made, script) == (
        3,
        b"Configuring p\n-------------\n\nAn error here\n\nThis is long.\n\n",
        b"",
    )
    assert _lines(made) == [
        "input 30", "go [ok]", "[x", "y z]", "config 2 configure [] /var/lib/dpkg/info/p.config",
        "x", "y z", "seen true", "10 10 no/such doesn't exist", "1 1 1",
    ]  # fmt: skip


def test_a_script_would_run_though_its_config_fails() -> None:
    script = _HEAD + b"echo ran >>/work/out\n"
    made = _world(script, _HEAD + b"exit 7\n")
    assert configure(made, script)[0] == 7
    assert _lines(made) == []


def test_output_before_the_library_would_not_be_taken_for_a_command() -> None:
    script = b"#!/bin/sh\necho post\n" + _HEAD + b"db_get p/a || exit $?\n"
    assert configure(_world(script), script)[:2] == (20, b"post\n")


def test_a_subshell_would_have_no_answers() -> None:
    script = (
        _HEAD
        + b'(db_get p/a; echo "$RET" >>/work/out)\nx=$(db_get p/b && echo "$RET"); echo $x >>/work/out\n'
    )
    made = _world(script)
    assert configure(made, script)[0] == 0
    assert _lines(made) == ["y", "false"]


def test_a_build_would_hang_with_a_script_that_asks_after_stop() -> None:
    script = _HEAD + b"db_stop\ndb_get p/a\n"
    with pytest.raises(Refused, match=r"waits for ever.*db_get|waits for ever"):
        configure(_world(script), script)


def test_a_second_program_would_open_a_locked_database() -> None:
    script = _HEAD + b"echo GET p/a | debconf-communicate; echo $? >>/work/out\n"
    made = _world(script)
    assert b"locked by another process" in configure(made, script)[2]
    assert _lines(made) == ["1"]


def test_what_is_not_saved_yet_would_be_shown() -> None:
    script = _HEAD + b"db_set p/a two\ndebconf-show p >>/work/out\necho end >>/work/out\n"
    made = _world(script)
    configure(made, script)
    first = _lines(made)
    configure(made, script)
    # By hand in a chroot, with debconf 1.5.91.
    assert [line for line in first if "p/a" in line] == []
    assert [line for line in _lines(made) if "p/a" in line] == ["  p/a: two"]


def _answered(answers: dict[str, str], script: bytes, templates: bytes = _TEMPLATES) -> World:
    made = replace(_world(script, templates=templates), answers=answers)
    made.bootstrap = True
    configure(made, script)
    check_answers(made)
    return made


_ASK = _HEAD + b'db_input high p/a\ndb_go\ndb_get p/a; echo "$RET" >>/work/out\n'


def test_an_answer_would_not_be_the_value() -> None:
    made = _answered({"p/a": "x"}, _ASK + b'db_fget p/a seen; echo "$RET" >>/work/out\n')
    assert _lines(made) == ["x", "true"]


@pytest.mark.parametrize(
    ("answers", "templates", "message"),
    [
        ({"p/a": "z"}, _TEMPLATES, "answer with one of x, y"),
        ({"p/b": "yes"}, _TEMPLATES, "answer with one of true, false"),
        ({"p/c": "x"}, _TEMPLATES, "no script of the set's packages has the question p/c"),
        ({"p/aa": "x"}, _TEMPLATES, r"the question p/aa \(did you mean p/a\?\)"),
        ({"p/a": "x"}, _TEMPLATES.replace(b"Type: select", b"Type: password"), "is a password"),
        ({"p/a": "z"}, _TEMPLATES.replace(b"x, y", b"${C}"), "is none of"),
    ],
)
def test_a_wrong_answer_would_be_lost(answers: dict[str, str], templates: bytes, message: str) -> None:
    script = _HEAD + b"db_subst p/a C 1, 2\n" + _ASK.removeprefix(_HEAD)
    with pytest.raises(ToolError, match=message):
        _answered(answers, script, templates)


def test_selections_would_not_last() -> None:
    made = world()
    script = (
        b"printf '%s\\n' '# x' 'p p/q string a  b\\' c 'p p/q seen false' 'p p/r nonsense 1' |\n"
        b"debconf-set-selections\n"
        b"echo $?; debconf-show p; echo p p/none seen true | debconf-set-selections 2>/dev/null; echo $?\n"
        b"debconf-get-selections\n"
    )
    status, out, _ = run(made, script)
    assert (status, out.decode().splitlines()) == (
        0,
        ["0", "  p/q: a  bc", "1", "# Dummy template", "p\tp/q\tstring\ta  bc"],
    )


@settings(max_examples=200, deadline=None)
@given(st.text("abc \\\n$", max_size=20))
def test_an_escaped_text_would_come_back_as_another(text: str) -> None:
    made = world({"work/t": text.encode()})
    assert run(made, b"debconf-escape -e <work/t | debconf-escape -u")[1] == text.encode()


_WORDS = st.sampled_from(
    ["p/a", "p/b", "p/e", "x", "seen", "true", "high", "type", "string", "start", "0", "a\\b"]
)
_COMMANDS = st.sampled_from([
    "input", "go", "get", "set", "fget", "fset", "subst", "reset", "register", "unregister",
    "purge", "capb escape", "version", "exist", "visible", "info", "clear", "settitle",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_COMMANDS, st.lists(_WORDS, max_size=4)), max_size=15))
def test_a_command_would_have_no_reply_of_one_line(commands: list[tuple[str, list[str]]]) -> None:
    data = Database()
    data.load(_TEMPLATES, "p", "templates")
    session = Session(data, Settings(lambda _: b"", lambda _: None), owner="p")
    for command, words in commands:
        answer = reply(session, " ".join([command, *words]))
        assert answer is not None
        assert answer.partition(" ")[0] in ("0", "1", "10", "20", "30", "100")
        assert "\n" not in answer
    for name, item in data.questions.items():
        assert item.owners, f"{name} has no owner"
        assert name in data.templates[item.fields["template"]].owners


def test_the_database_would_be_another_for_each_command() -> None:
    made = world()
    assert database(made) is database(made)
