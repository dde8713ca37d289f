"""What a script is read as, and what is said of one that can't be read."""

import pytest

from tests.scripts.world import complaints
from tools.sysimage.scripts.failures import ShellSyntaxError
from tools.sysimage.scripts.marked import inward, outward, plain, quote
from tools.sysimage.scripts.parser import parse
from tools.sysimage.scripts.syntax import AndOr, Case, For, Function, If, Parameter, Pipeline, Simple

_ERRORS = {
    "if": 'Syntax error: end of file unexpected (expecting "then")',
    "echo a\nfi": 'Syntax error: "fi" unexpected',
    "echo 'a": "Syntax error: Unterminated quoted string",
    "echo ${a": "Syntax error: Missing '}'",
    "echo $((1": "Syntax error: Missing '))'",
    "for 1 in a; do :; done": "Syntax error: Bad for loop variable",
    "a;; b": 'Syntax error: ";;" unexpected',
    "a-b() { :; }": "Syntax error: Bad function name",
    "export() { :; }": "Syntax error: Bad function name",
    "echo `a": "Syntax error: EOF in backquote substitution",
    "case x in a) :; b) :; esac": 'Syntax error: ")" unexpected (expecting ";;")',
    "while :; done": 'Syntax error: "done" unexpected (expecting "do")',
    "a >": "Syntax error: newline unexpected",
}


@pytest.mark.parametrize("text", _ERRORS)
def test_what_is_wrong_with_a_script_would_not_be_said(text: str) -> None:
    with pytest.raises(ShellSyntaxError) as caught:
        parse(text + "\n")
    assert caught.value.message == _ERRORS[text]
    assert caught.value.status == 2


def test_the_line_of_an_error_would_be_wrong() -> None:
    with pytest.raises(ShellSyntaxError) as caught:
        parse("echo a\n\ncat <<E\nx\nE\necho ${x:-\n}\nfi\n")
    assert caught.value.line in (8, 9)


def test_the_line_of_a_command_would_be_wrong() -> None:
    assert complaints(b"\n\nnosuch\ncat <<E\nx\nE\n[ a -eq 1 ]\n") == (
        b"script: 3: nosuch: not found\nscript: 4: cat: not found\nscript: 7: [: Illegal number: a\n"
    )


def test_commands_would_be_read_as_others() -> None:
    nodes = parse(
        "a b | c && d || e\nif x; then y; fi\nfor i do :; done\ncase x in a|b) ;; esac\nf() { g; }\n"
    )
    assert [type(node) for node in nodes] == [AndOr, If, For, Case, Function]
    first = nodes[0]
    assert isinstance(first, AndOr)
    assert isinstance(first.first, Pipeline)
    assert [operator for operator, _ in first.rest] == ["&&", "||"]


def test_parameters_would_be_read_as_text() -> None:
    (node,) = parse("echo ${x:-a}$y")
    assert isinstance(node, Simple)
    assert node.words[1] == (Parameter("x", "-", True, ("a",)), Parameter("y"))
    assert node.line == 1


def test_names_that_are_not_utf8_would_be_lost() -> None:
    for name in ("é", "a\udcff", "日本", "plain"):
        assert outward(inward(name)) == name
        assert plain(quote(inward(name))) == inward(name)
