"""What the machine makes of scripts of bash, compared with the bash of vanilla."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands.judge import judge
from tests.commands.rooted import package
from tests.commands.world import interpret, run, world
from tools.sysimage.commands import maintainer
from tools.sysimage.commands.shell_script import is_bash, shell_options
from tools.sysimage.core.errors import ToolError

_CASES = Path(__file__).with_name("bash.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n%%\n")
_FILES = {"a": b"sourced=yes\n"}


@pytest.mark.parametrize("case", _CASES)
def test_a_script_would_do_something_else_than_in_bash(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script, _FILES, bash=True) == judge(script, _FILES, shell="bash")


_VALUES = st.text("aAbB1/*?[]^&x. -", max_size=6)
_PATTERNS = st.sampled_from(
    ["a", "?", "*", "a*", "*b", "[aA]", "[^a]", "b?", ".", "A", "[[:upper:]]", '"*"', "$p", '"$p"']
)
_REPLACED = st.sampled_from(["", "-", "&", "<&>", '"&"', "$r", '"$r"', "xy", "\\&", "'q'"])
_NUMBERS = st.sampled_from(["0", "1", "2", " -1", " -2", "3", "1:2", "0:1", "1:-1", " -2:1", "n", "n:1"])
_EXPANSIONS = st.one_of(
    st.builds("${{x/{}/{}}}".format, _PATTERNS, _REPLACED),
    st.builds("${{x//{}/{}}}".format, _PATTERNS, _REPLACED),
    st.builds("${{x/#{}/{}}}".format, _PATTERNS, _REPLACED),
    st.builds("${{x/%{}/{}}}".format, _PATTERNS, _REPLACED),
    st.builds("${{x:{}}}".format, _NUMBERS),
    st.builds("${{x%{}}}".format, _PATTERNS),
    st.sampled_from(["${x,,}", "${x^^}", "${x^}", "${x,}", "$x", "${#x}"]),
)
_TERMS = st.one_of(
    st.builds("$x {} {}".format, st.sampled_from(["==", "!=", "="]), _PATTERNS),
    st.builds('"$x" {} $p'.format, st.sampled_from(["<", ">", "=="])),
    st.builds("{} $x".format, st.sampled_from(["-n", "-z", "!", "-e", "-v"])),
    st.builds(
        "$n {} {}".format, st.sampled_from(["-eq", "-lt", "-ge"]), st.sampled_from(["1", "2", "n", "n+1"])
    ),
    st.sampled_from(
        ["$x", '"$p"', "x", "$x =~ ^a", "$x =~ [A-Z]$", "$x =~ ^(a|b)+", '$x =~ "a."', "$x =~ a|1"]
    ),
)
_TESTS = st.recursive(
    _TERMS,
    lambda inner: st.one_of(
        st.builds("{} && {}".format, inner, inner),
        st.builds("{} || {}".format, inner, inner),
        st.builds("( {} )".format, inner),
        st.builds("! ( {} )".format, inner),
    ),
    max_leaves=5,
)
_BRACES = st.text("{},ab.1\"'$", max_size=9).filter(
    lambda text: text.count('"') % 2 == text.count("'") % 2 == 0 and "$" not in text
)


def _quoted(text: str) -> str:
    return "'" + text + "'"


@given(
    _VALUES,
    _VALUES,
    st.lists(_EXPANSIONS, min_size=1, max_size=4),
    st.lists(_TESTS, min_size=1, max_size=3),
    st.lists(_BRACES, max_size=3),
)
@settings(max_examples=300, deadline=None)
def test_an_expansion_would_be_another_than_in_bash(
    x: str, p: str, expansions: list[str], tests: list[str], braces: list[str]
) -> None:
    lines = [f"x={_quoted(x)} p={_quoted(p)} r='a&' n=2"]
    lines += [f"printf '<%s>' \"{text}\"; echo" for text in expansions]
    lines += [f"if [[ {text} ]]; then echo yes; else echo no; fi" for text in tests]
    lines += [f"set -f; printf '<%s>' x{text}; echo" for text in braces]
    script = "\n".join([*lines, ""]).encode()
    try:
        found = interpret(script, bash=True)
    except ToolError:
        return  # refused by name
    assert found == judge(script, shell="bash")


@pytest.mark.parametrize(
    "text",
    [
        "read -a x <<< y",
        "read -r",
        "printf %q x",
        "printf -v x y",
        "echo $RANDOM",
        "echo ${BASH_VERSION}",
        "local -a x",
        "declare -A x",
        "declare -p",
        "x='a b'; echo ${#x} ${!x}",
        "x=\u00e9; echo ${x^}",
        "echo $((2**3))",
        "trap 'echo x' ERR",
        "readonly r=1; r=2",
        "[[ x == @(x|y) ]]",
        "set -o posix",
        "echo [^a]*",
        "[ -v x ]",
        "echo ${x@Q}",
        "set -- a; echo ${@:1}",
        "x=1 eval y",
    ],
)
def test_something_of_bash_that_is_not_modelled_would_pass(text: str) -> None:
    made = world()
    try:
        status, _, complaint = run(made, text.encode(), bash=True)
    except ToolError:
        return
    assert status == 2 and b"Syntax error" in complaint


@pytest.mark.parametrize(
    "text",
    [
        "a=(1 2)",
        "a+=(3)",
        "diff <(x) <(y)",
        "((x++))",
        "if ((x)); then y; fi",
        "echo ${!x}",
        "echo ${a[0]}",
        "read -ra x",
        "x |& y",
        "time x",
        "mapfile x",
        "type -t x",
        "case x in x) y;;& esac",
    ],
)
def test_a_script_of_bash_with_what_the_shell_does_not_read_would_run(text: str) -> None:
    assert shell_options(f"#!/bin/bash\n{text}\n".encode()) is None


def test_a_script_of_bash_that_is_read_would_be_refused() -> None:
    text = b"#!/bin/bash -e\n# a=(1)\nx=$((1 + (2)))\n[[ $x -gt 1 ]] && f() { echo; }\ny=$( (true) )\n"
    assert shell_options(text) == "e"
    assert is_bash(text)
    assert not is_bash(b"#!/bin/sh\n")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a=(1 2)", "a="),
        ("if true; then pushd x; fi", "then pushd"),
        ("echo ${!x}", "${!"),
        ("x |& y", "|&"),
    ],
)
def test_a_script_of_bash_would_be_said_to_be_none_of_the_shell(text: str, what: str) -> None:
    made = world()
    control = {"postinst": f"#!/bin/bash\n{text}\n"}
    told = package("Package: p\nVersion: 1\nArchitecture: all\n", control, [])
    with pytest.raises(ToolError, match="of bash, which is not modelled") as failure:
        maintainer.run(made, told, "postinst", ["configure", ""])
    assert what in str(failure.value)


def test_a_builtin_of_bash_would_stop_a_script_that_does_not_come_to_it() -> None:
    made = world()
    for text, fails in (("if false; then shopt -s extglob; fi", False), ("shopt -s extglob || true", True)):
        control = {"postinst": f"#!/bin/bash\n{text}\n"}
        told = package("Package: p\nVersion: 1\nArchitecture: all\n", control, [])
        if fails:
            with pytest.raises(ToolError, match="builtin 'shopt' is not supported"):
                maintainer.run(made, told, "postinst", ["configure", ""])
        else:
            maintainer.run(made, told, "postinst", ["configure", ""])
