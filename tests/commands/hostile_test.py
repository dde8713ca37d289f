"""Commands that would never end, or take all memory, or fail in Python: each ends in one line, in time."""

import pytest

from tests.commands.world import interpret
from tests.scripts.apart import run_apart
from tools.sysimage.scripts.limits import Limits

# A quarter of what a build gives, so that the test does not take long. Seconds depend on what else a machine
# does; steps do not.
_LIMITS = Limits(steps=100_000, work=5_000_000)
_SECONDS = 5.0
_LONG = "x=$(printf %100000s a | tr ' ' a); "
_LARGE = "x=$(printf %1000000s a | tr ' ' a); "

_REFUSED = {
    "awk: a loop": "awk 'BEGIN{while(1);}'",
    "awk: a loop of numbers": "awk 'BEGIN{while(1) i++}'",
    "awk: a loop of output": "awk 'BEGIN{while(1) print \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}'",
    "awk: a text that doubles": "awk 'BEGIN{s=\"a\"; while(1) s=s s}'",
    "awk: a text that gsub doubles": 'awk \'BEGIN{s="a"; while(1) gsub(/a/,"aa",s)}\'',
    "awk: an array that grows": "awk 'BEGIN{while(1) a[i++]=i}'",
    "awk: an array that is asked for": "awk 'BEGIN{while(1) if (a[i++]) print}'",
    "awk: an array of large texts": "awk 'BEGIN{s=sprintf(\"%60000d\",1); while(1) a[i++]=s i}'",
    "awk: a recursion": "awk 'function f(n){return f(n+1)} BEGIN{f(1)}'",
    "awk: a deep expression": "awk \"BEGIN{print $(printf %20000s '' | tr ' ' '(')1\"",
    "awk: a wide field": "awk 'BEGIN{printf \"%999999999d\", 1}'",
    "awk: many fields": "awk 'BEGIN{$999999999=1}'",
    "awk: many fields by NF": "awk 'BEGIN{NF=999999999}'",
    "awk: a system that loops": "awk 'BEGIN{while(1) system(\":\")}'",
    "awk: getline of a command": 'awk \'BEGIN{while(1) {"echo a" | getline x; close("echo a")}}\'',
    "cat: a file into itself": "echo aaaaaaaaaa >f; while :; do cat f f >g; cat g g >f; done",
    "cp: a tree within itself": "mkdir d; >d/a; while :; do i=$((i+1)); cp -r d x; mv x d/$i; done",
    "cp: a tree again and again": "mkdir d; >d/a; while :; do i=$((i+1)); cp -r d d$i; cp -r d$i d/$i; done",
    "cp: large files": f"{_LARGE}echo $x >f; while :; do i=$((i+1)); cp f f$i; done",
    "dd: much of nothing": "dd if=/dev/zero of=f bs=1M count=100000",
    "dd: a hole": "echo | dd of=f bs=1G seek=100",
    "dd: an endless input": "dd if=/dev/zero of=f",
    "expr: large numbers": "x=9; while :; do x=$(expr $x '*' $x); done",
    "fold: long lines": 'x=$(printf %1000000s a); while :; do echo "$x" | fold -w1 >f; done',
    "find: commands": "for i in 1 2 3 4 5 6 7 8 9; do mkdir d$i; done; "
    "while :; do find . -type d -exec mkdir {}/a {}/b ';'; done",
    "grep: many patterns": f"{_LARGE}echo $x | tr a '\\n' >f; grep -f f f",
    "head: a device": "head -c 10G /dev/zero",
    "here-documents": "f() { cat <<E\n$(f)\nE\n}; f",
    "printf: a wide number": "printf %1000000000d 1",
    "printf: a wide number by program": "/usr/bin/printf %1000000000d 1; env printf %1000000000d 1",
    "printf: many digits": "printf %.1000000000f 1",
    "sed: a text that grows": "echo a | sed ':a;s/a/aa/;ba'",
    "sed: a text that doubles": "echo a | sed ':a;s/a/aa/g;ba'",
    "sed: a hold space that doubles": "echo a | sed ':a;H;G;ba'",
    "sed: a loop": "echo a | sed ':a;ba'",
    "sed: a loop of output": "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | sed ':a;p;ba'",
    "sed: a loop of files": "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | sed -n ':a;w f\nba'",
    "sed: a loop of D": "echo a | sed 's/^/\\n/;D'",
    "seq: many numbers": "seq 1 1e12; seq 1 1000000000000",
    "sh: a recursion": "echo 'sh ./s' >s; sh ./s",
    "sh: a recursion by -c": 'x=\'sh -c "$x"\'; export x; sh -c "$x"',
    "sh: a script that is executed": "printf '#!/bin/sh\\n./s\\n' >s; chmod +x s; ./s",
    "sleep: for ever": "sleep infinity",
    "sort: many lines": "yes | head -n 100000 >f; while :; do cat f f f f f >g; sort g; done",
    "text of commands": "x=a; while :; do x=$(echo $x$x | tr a b); done",
    "tr: a text that grows": f"{_LARGE}while :; do x=$x$(echo $x | tr a b | rev); done",
    "truncate: a large file": "truncate -s 100G f",
    "truncate: many files": "while :; do i=$((i+1)); truncate -s 1M f$i; done",
    "xargs: a recursion": "echo 'echo a | xargs sh ./s' >s; sh ./s",
    "xargs: many words": f"{_LARGE}for i in 1 2 3; do echo $x; done | tr a '\\n' | sed s/^/a/ | xargs -n 1",
    "xargs: a fork bomb": "yes | xargs -n 1 sh -c 'yes | xargs -n 1 true'",
    "timeout: for ever": "while :; do timeout 1 true; done",
    "env: a recursion": "echo 'env sh ./s' >s; sh ./s",
    "mkdir: deep folders": "while :; do mkdir a; cd a; done",
    "ln: many names": ">a; while :; do i=$((i+1)); ln a a$i; done",
    "touch: many files": "while :; do i=$((i+1)); touch $i.a $i.b $i.c $i.d; done",
    "touch: long names": "x=$(printf %200s a | tr ' ' a); while :; do i=$((i+1)); touch $x$i; done",
    "grep: a pattern of many states": "echo a | grep -E '((a{1,1000}){1,1000}){1,1000}'",
    "grep: a deep pattern": "echo a | grep -E \"$(printf %5000s '' | tr ' ' '(')a\"",
    "grep: many stars": "echo a | grep \"a$(printf %5000s '' | tr ' ' '*')\"",
    "grep: back references": f"{_LONG}echo $x | grep -E '(a*)*(a*)*\\1b'",
    "grep -P: a pattern of many ways": "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | grep -P '(a*)*b'",
    "perl: a pattern of many ways": "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | perl -pe 's/(a*)*b//'",
    "perl: stars": f"{_LONG}echo $x | perl -pe 's/a*a*a*a*a*b//'",
    "expr: many digits": "x=$(printf %5000s 1 | tr ' ' 1); expr $x + 1",
    "test: deep": "test $(printf %20000s '' | sed 's/ /! /g') a; while :; do :; done",
    "expr: deep": "expr $(printf %20000s '' | sed 's/ /( /g') a",
    "find: deep": "find . $(printf %20000s '' | sed 's/ /( /g') -true",
    "trap and commands": "trap 'while :; do cat /dev/null; done' EXIT",
    "a loop of programs": "while :; do sed p /dev/null; done",
    "a loop of files": "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxx >>f; cat f f f f >>g; done",
}

_ENDING = {
    "grep: (a*)*b": f"{_LONG}! echo $x | grep -E '(a*)*b'",
    "grep: (a|aa)+$b": f"{_LONG}! echo $x | grep -E '(a|aa)+$b'",
    "grep: many stars": f"{_LONG}! echo $x | grep 'a*a*a*a*a*a*b'",
    "grep: -o": f"{_LONG}echo $x | grep -oE '(a|aa)+' >f",
    "grep: -w": "x=$(printf %200s a | tr ' ' a); ! echo ${x}_ | grep -w 'a*a*a*'",
    "sed: (a|aa)*c": f"{_LONG}echo $x | sed -E 's/(a|aa)*c//' >f",
    "sed: groups": f"{_LONG}echo $x | sed -E 's/((a|aa)*)(a*)$/\\3\\1/' >f",
    "sed: stars": f"{_LONG}echo $x | sed 's/.*.*.*.*=.*x//' >f",
    "awk: (a|aa)*c": f"{_LONG}echo $x | awk '/(a|aa)*c/' >f",
    "awk: split": f"{_LONG}echo $x | awk '{{print split($0, p, /(b|a*)*c/)}}' >f",
    "expr: stars": "x=$(printf %1000s a | tr ' ' a); ! expr $x : 'a*a*a*a*b'",
    "case": f"{_LONG}case $x in *a*a*a*a*a*a*b) false;; esac",
    "prefixes": f"{_LONG}y=${{x%%*a*a*a*b}}",
    "find -name": "x=$(printf %200s a | tr ' ' a); >$x; find . -name '*a*a*a*a*a*a*a*b'",
    "grep --include": "x=$(printf %200s a | tr ' ' a); >$x; ! grep -r --include='*a*a*a*a*a*a*a*b' a .",
    "dpkg-query": "x=$(printf %200s a | tr ' ' a); dpkg-query -W '*a*a*a*a*a*a*a*b' || :",
    "shifts": "echo $((1 << 1000000000000)) $((1 >> 99999999999999999999))",
    "large numbers": "test 99999999999999999999999 -gt 1 || :; printf '%d\\n' 99999999999999999999 || :",
    "many digits": "x=$(printf %900s 1 | tr ' ' 1); expr $x + 1 || :",
    "head and yes": "yes | head -n 1000 >f",
    "sort": "yes | head -n 100000 | sort -u",
}


@pytest.mark.parametrize("name", _REFUSED)
def test_a_command_would_never_end_or_take_all_memory(name: str) -> None:
    message, seconds = run_apart(lambda: interpret(_REFUSED[name].encode(), limits=_LIMITS))
    assert ": line " in message
    assert "; " in message
    assert "\n" not in message
    assert "interpreter has failed" not in message
    assert len(message) < 600
    assert seconds < _SECONDS


@pytest.mark.parametrize("name", _ENDING)
def test_a_pattern_would_take_for_ever(name: str) -> None:
    message, seconds = run_apart(lambda: interpret(_ENDING[name].encode()))
    assert message == "not refused"
    assert seconds < _SECONDS
