"""Scripts that would never end, or take all memory: each ends in one line, in time."""

import time

import pytest

from tests.scripts.apart import run_apart
from tests.scripts.world import interpret
from tools.sysimage.core.errors import ToolError
from tools.sysimage.scripts.failures import ShellSyntaxError
from tools.sysimage.scripts.limits import Limits
from tools.sysimage.scripts.parser import parse

# A quarter of what a build gives, so that the test does not take long. Seconds depend on what else a machine
# does; steps do not.
_LIMITS = Limits(steps=100_000, work=5_000_000)
_SECONDS = 5.0

_DOUBLED = f"for i in {' '.join(map(str, range(19)))}; do x=$x$x; done"

_ENDLESS = {
    "fork bomb": "f(){ f|f; }; f",
    "fork bomb in the background": "f(){ f & }; f",
    "fork bomb of subshells": "f() { (f); }; f",
    "endless loop": "while :; do :; done",
    "endless until": "until false; do x=$((x + 1)); done",
    "endless loop of subshells": "while (:); do :; done",
    "endless loop of globs": ">a; while :; do echo *; done",
    "endless read": "while :; do read x; done",
    "endless getopts": "while :; do getopts a x -a; done",
    "endless text in a substitution": "x=$(while :; do echo y; done)",
    "endless output": "while :; do printf %1000000d 1; done",
    "endless file": "while :; do echo xxxxxxxxxxxxxxxx >>f; cat f >>f; done",
    "endless recursion": "f(){ f; }; f",
    "recursion through if": "f() if f; then f; else f; fi; f",
    "recursion through while": "f() while f; do f; done; f",
    "recursion through case": "f() { case $(f) in $(f)) f;; esac; }; f",
    "recursion through for": "f() { for i in $(f); do f; done; }; f",
    "recursion through and-or": "f() { f && f || f; }; f",
    "recursion through a parameter": "f() { x=${x:-$(f)}; }; f",
    "recursion through backquotes": "f() { `f`; }; f",
    "recursion through eval": 'e="eval \\"\\$e\\""; eval "$e"',
    "recursion through dot": 'echo ". ./s" >s; . ./s',
    "recursion through a trap": "trap 'f() { f; }; f' EXIT",
    "recursion through redirections": "f() { f 3>x; }; f",
    "loop in a trap": "trap 'while :; do :; done' EXIT",
    "text that doubles": "x=a; while :; do x=$x$x; done",
    "text that doubles, quoted": 'x=a; while :; do x="${x}${x}"; done',
    "text that grows": "while :; do x=$(echo $x a); done",
    "parameters that double": 'set a; while :; do set -- "$@" "$@"; done',
    "parameters that double in a recursion": 'f() { f "$@" "$@"; }; f a',
    "large parameters in a recursion": 'x=$(printf %1000000s x); f() { f "$@"; }; f "$x"',
    "large locals in a recursion": 'x=$(printf %1000000s x); f() { local x="$x"; f; }; f',
    "many large variables": "x=$(printf %1000000s x); while :; do i=$((i + 1)); eval v$i=\\$x; done",
    "many functions": 'while :; do i=$((i + 1)); eval "f$i() { :; }"; done',
    "many variables": "while :; do i=$((i + 1)); eval v$i=$i; done",
    "a number's width": "printf %999999999d 1",
    "a width that is an argument": "printf '%*s' 2000000000 x",
    "text that eval doubles": """e='e="$e; $e"; eval "$e"'; eval "$e\"""",
    "a here-document that doubles": "x=a; while :; do x=$(cat <<E\n$x$x\nE\n); done",
    "here-documents in a recursion": "f() { f <<E\n$1$1\nE\n}; f aaaaaaaaa",
    "commands of a trap": f"x='a=1;'; {_DOUBLED}; trap \"$x\" EXIT",
    "parameters of eval": f"x='${{a}}'; {_DOUBLED}; eval \": $x\"",
    "patterns of eval": f"x='a|'; {_DOUBLED}; eval \"case b in ${{x}}b) ;; esac\"",
    "read of long lines": "x=$(printf %1000000s); while :; do read a b c <<E\n$x\nE\ndone",
    "functions that make functions": 'f() { eval "g$1() { f $1$1; }"; g$1; }; f 1',
    "traps in subshells": "f() { (trap f EXIT); }; f",
    "aliases": "alias a='a a'; while :; do a; done 2>/dev/null",
    "globs through links": ">a; while :; do echo ./*/../*/../* * * * *; set -- $* *; done",
    "a long pattern": "x=$(printf %100000s a); while :; do y=${x##*[a]*[a]*[a]*b}; done",
    "deep arithmetic": "echo $((" + "(" * 3000 + "1" + ")" * 3000 + "))",
    "a long row of signs": "echo $((" + "-" * 100_000 + "1))",
    "deep expression of test": "[ " + "\\( " * 5000 + "a" + " \\)" * 5000 + " ]",
    "deep parameters": "echo " + "${x-" * 50_000 + "}" * 50_000,
    "deep substitutions": "echo " + "$(" * 5000 + ")" * 5000,
    "deep groups": "{ " * 50_000 + "a; " + "}; " * 50_000,
    "deep subshells": "(" * 100_000,
    "deep if": "if " * 50_000,
    "deep case": "case x in " + "(a) case x in " * 20_000,
    "deep quotation marks": 'echo "' + '"$(echo "' * 2000,
    "deep here-document": "cat <<E\n" + "$(" * 20_000 + "\nE\n",
    "deep eval": "eval '" + "{ " * 5000 + "'",
}

_ENDING = {
    "many commands in a line": "true;" * 50_000,
    "many stages": "true" + " | true" * 5000,
    "many alternatives": "true" + " && true" * 50_000,
    "many branches": "if false; then :; " + "elif false; then :; " * 5000 + "fi",
    "many words": "set -- " + "a " * 100_000,
    "a long word": "echo " + "a" * 2_000_000,
    "many digits": "echo $((" + "9" * 100_000 + "))",
    "a variable that is itself": "x=y y=x; echo $((x))",
    "unterminated parameters": "echo " + "${x-" * 400,
    "unterminated arithmetic": "echo $((" + "(" * 100_000,
}


@pytest.mark.parametrize("name", _ENDLESS)
def test_a_build_would_never_end_or_take_all_memory(name: str) -> None:
    message, seconds = run_apart(lambda: interpret(_ENDLESS[name].encode(), limits=_LIMITS))
    assert ": line " in message
    assert "; " in message
    assert "\n" not in message
    assert len(message) < 500
    assert seconds < _SECONDS


@pytest.mark.parametrize("name", _ENDING)
def test_a_long_script_would_be_refused(name: str) -> None:
    begin = time.process_time()
    interpret(_ENDING[name].encode())
    assert time.process_time() - begin < _SECONDS


@pytest.mark.parametrize("name", [*_ENDLESS, *_ENDING])
def test_reading_a_script_would_end_in_a_traceback(name: str) -> None:
    try:
        parse({**_ENDLESS, **_ENDING}[name])
    except (ToolError, ShellSyntaxError) as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("builtin", ["times", "bg", "fg"])
def test_a_builtin_without_a_meaning_here_would_be_passed_over(builtin: str) -> None:
    with pytest.raises(ToolError, match=f"script: line 2: .*{builtin.split(maxsplit=1)[0]}"):
        interpret(f"\n{builtin}\n".encode())
