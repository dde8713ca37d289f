"""Compares perl -p and perl -n with perl's own."""

import random

import pytest

from tests.commands.judge import judge
from tests.commands.rooted import rooted
from tests.commands.world import interpret, run
from tools.sysimage.core.errors import ToolError

_FILES = {
    "a": b"one=1\n# two=2\n  three = 'x y'\n\nPath: /usr/lib/x\none=1 one=1",
    "b": b"a.b\ta$b a@b\nA [z] {q} (p)\n\xc3\xa4\xff\n\r\n",
    "e": b"",
}
_CASES = [
    "perl -p -e 's/one/ONE/' a b",
    "perl -pe 's/one/ONE/g' a",
    "perl -pi -e 's/^#\\s*two=.*$/two=3/' a; cat a",
    "perl -i.bak -pe 's|/usr/lib|/opt|' a; cat a a.bak",
    "perl -p -i -e 's/x/y/;' -e 's/y/z/' a b; cat a b",
    "perl -ne 'print if /=/' a",
    "perl -ne 'print unless m{^#}' a",
    "perl -ne 'print' a e",
    "perl -pe 's{(\\w+)=(\\d)}{$2=$1}g' a",
    "perl -pe 's/(\\w+) = /${1}: /; s#/usr#\\$HOME#' a",
    "perl -pe 's/(a).(b)/[$&]/g' b",
    "perl -pe \"s'^ *one=.*'one=\\\"x\\\"';   s'three'\\$4'\" a",
    "perl -pe 's/\\[z\\]/<$&>/; s/\\{q\\}/\\{\\}/; s/a\\@b/u\\@v/' b",
    "X='v w' perl -pe 's/one/$ENV{X}/; s/two/$ENV{\"X\"}y/' a",
    "perl -pe 's/[[:space:]]+$/\\n/; s/[^[:alnum:]\\n]/_/g' a b",
    "perl -pe 'next if /one/; s/t/T/' a",
    "perl -ne 'next unless /=/; print; last' a b",
    "perl -pi -e 'last if /three/' a; cat a",
    "perl -pe 's/^/> /' <b",
    "perl -pe 's/ONE/x/i; s/O/0/gi' a",
    "perl -pe 's/x/y/' nosuch 2>&1; echo $?; perl -pi -e 's/x/y/' nosuch 2>&1; echo $?",
    "perl -wpe 's/(?:one|two)=\\d/n/' a",
    "perl -pe 's/one/a/ if /1$/; s/two/b/ if (!/#/)' a",
    "chmod 640 a; ln -s a l; perl -pi -e 's/one/x/' l; ls -l l | cut -c1-10; cat l a",
    "perl -pe 's/\\n/|/' a b",
    "perl -pe 's/\\s+//gs; s/=/\\t/' a",
    "perl -pe 's/(one)|(zero)/<$1$2>/g' a",
    "perl -pe 's,/usr/lib,/a\\,b,' a; perl -pe 's!Path!\\!!' a",
]


@pytest.mark.parametrize("case", _CASES)
def test_an_edit_would_write_something_else(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script, _FILES) == judge(script, _FILES)


def _generated(dice: random.Random) -> str:
    atoms = [
        "o",
        "one",
        "\\w",
        "\\d+",
        "[a-z]",
        "[^ \\n]",
        ".",
        "\\s",
        "=",
        "(t.)",
        "(?:x|y)",
        "^",
        "$",
        "\\b",
        "\\.",
    ]
    puts = ["$1", "x", "", "\\n", "${1}", "$&", "a b", "\\t", "\\\\", "\\1", "="]

    def statement() -> str:
        pattern = "".join(
            dice.choice(atoms) + dice.choice(["", "", "", "?", "*", "+", "{1,2}"]) * (dice.random() < 0.5)
            for _ in range(dice.randint(1, 3))
        )
        left, right = dice.choice([("/", "/"), ("#", "#"), ("|", "|"), ("{", "}"), ("!", "!"), ("[", "]")])
        if left in pattern + "|" * ("(?:x|y)" in pattern):
            left = right = "/"
        put = "".join(dice.choice(puts) for _ in range(dice.randint(0, 3)))
        middle = right + left if left != right else left
        condition = dice.choice(["", "", "", " if /e/", " unless /=/", " if m,^#,"])
        return f"s{left}{pattern}{middle}{put}{right}{dice.choice(['', 'g', 'i', 'gi'])}{condition}"

    program = "; ".join(statement() for _ in range(dice.randint(1, 3)))
    return f"perl -pe '{program}' a b 2>&1; echo $?"


def test_generated_edits_would_write_something_else() -> None:
    dice = random.Random(16)
    compared = refused = 0
    while compared < 600:
        lines = list[str]()
        while len(lines) < 30:
            case = _generated(dice)
            try:
                interpret(case.encode(), _FILES)
            except ToolError:
                refused += 1
                continue
            lines.append(case)
        script = "\n".join(lines).encode()
        assert interpret(script, _FILES) == judge(script, _FILES)
        compared += len(lines)
    assert refused < compared


@pytest.mark.parametrize(
    "program",
    [
        "s/a/$x/",
        "s/@a/x/",
        "s/a/x/e",
        "$_ = uc",
        "s/a/\\U$1/",
        "s/\\Ka/x/",
        "s/(?{1})//",
        "s/a",
        "tr/a/b/",
        "print 1",
        "s/a/@{[1]}/",
    ],
)
def test_perl_that_is_not_modelled_would_pass(program: str) -> None:
    with pytest.raises(ToolError, match="not modelled"):
        run(rooted({"a": "x"}), f"perl -pe '{program}' /a".encode())
