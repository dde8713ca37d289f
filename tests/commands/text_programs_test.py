"""Compares programs on text with those of the lock, by fixed and by generated calls."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.commands.judge import judge
from tests.commands.rooted import rooted
from tests.commands.world import interpret, run, world
from tools.sysimage.core.errors import ToolError

_FILES = {
    "a": b"1\n",
    "b": b"two\n",
    "d/x": b"x\n",
    "d/e/y": b"y\n",
    "l": b"b 2 x\na 10 y\nc 1 z\na 9 y\n\nB:3:q\n  ind 4\nlast no newline",
    "w": b"the quick\tbrown  fox\n\njumps over the lazy dog\n",
    "u": "é ü\nß\n".encode(),
    "bin": bytes(range(256)),
    "p": b"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
    b"man:x:6:12:man:/var/cache/man:\n",
}
_BATCH = 4  # generated calls in one script: the judge's start takes the time
_PHASES = (Phase.generate,)  # one difference is enough to show
_LINES = st.lists(st.text("ab01. -:~\t", max_size=6), max_size=7).map(lambda lines: "\n".join([*lines, ""]))


def _cases(name: str) -> list[str]:
    return Path(__file__).with_name(f"program_{name}.txt").read_text().splitlines()


def _compare(files: dict[str, bytes], commands: Sequence[str]) -> None:
    script = "".join(f"{command} 2>/dev/null; echo $?\n" for command in commands).encode()
    try:
        ours = interpret(script, files)
    except ToolError:
        # To refuse is allowed; to answer otherwise is not.
        return
    assert ours == judge(script, files)


def test_an_encoded_file_would_be_another() -> None:
    # Of sharutils 4.15.2, which vanilla does not have.
    made = rooted({"f": "hello world this is a longer text for several lines of base64 output 0123456789"})
    script = b"uuencode -m x </f; uuencode /f x; uuencode x </dev/null; uuencode /nosuch x 2>&1; echo $?"
    assert run(made, script)[1].decode() == (
        "begin-base64 644 x\naGVsbG8gd29ybGQgdGhpcyBpcyBhIGxvbmdlciB0ZXh0IGZvciBzZXZlcmFs\n"
        "IGxpbmVzIG9mIGJhc2U2NCBvdXRwdXQgMDEyMzQ1Njc4OQ==\n====\n"
        "begin 644 x\nM:&5L;&\\@=V]R;&0@=&AI<R!I<R!A(&QO;F=E<B!T97AT(&9O<B!S979E<F%L\n"
        'B(&QI;F5S(&]F(&)A<V4V-"!O=71P=70@,#$R,S0U-C<X.0``\n`\nend\n'
        "begin 644 x\n`\nend\n"
        "uuencode fatal error:\n"
        "fserr 2 (No such file or directory) performing 'freopen of stdin' on /nosuch\n1\n"
    )


@pytest.mark.parametrize("case", [*_cases("lines"), *_cases("words"), *_cases("awk")])
def test_a_program_on_text_would_write_something_else(case: str) -> None:
    script = case.encode() + b"\n"
    assert interpret(script, _FILES) == judge(script, _FILES)


_LETTERS = st.sampled_from(["", "n", "r", "f", "b", "d", "V", "h", "nr", "bf", "Vr", "i"])
_KEYS = st.builds(
    "-k{}{}{}".format,
    st.sampled_from(["1", "2", "1.2", "2.1", "3"]),
    _LETTERS,
    st.sampled_from(["", ",1", ",2", ",2.1", ",3b"]),
)
_SORTS = st.builds(
    "sort {} {} {} {} x".format,
    _LETTERS.map(lambda letters: f"-{letters}" if letters else ""),
    st.sampled_from(["", "-u", "-s", "-c", "-cu", "-C"]),
    st.sampled_from(["", "-t:", "-t.", "-t ' '"]),
    st.lists(_KEYS, max_size=2).map(" ".join),
)


@settings(max_examples=40, phases=_PHASES, deadline=None, derandomize=True)
@given(_LINES, st.lists(_SORTS, min_size=_BATCH, max_size=_BATCH))
def test_sort_would_put_generated_lines_into_another_order(text: str, commands: list[str]) -> None:
    _compare({"x": text.encode()}, commands)


_RANGES = st.lists(
    st.sampled_from(["1", "2", "3-", "-2", "2-3", "4", "0", "5-2"]), min_size=1, max_size=3
).map(",".join)
_CUTS = st.builds(
    "cut {}{} {} {} x".format,
    st.sampled_from(["-d: -f", "-d. -f", "-f", "-c", "-b", "-d: -s -f", "-z -d: -f"]),
    _RANGES,
    st.sampled_from(["", "--complement"]),
    st.sampled_from(["", "--output-delimiter=//"]),
)
_UNIQUES = st.builds(
    "uniq {} {} x".format,
    st.sampled_from(["", "-c", "-d", "-u", "-D", "-i"]),
    st.sampled_from(["", "-f1", "-s1", "-w2", "-f1 -s1", "-s1 -w1", "-w0"]),
)
_OTHERS = st.builds(
    "{} x".format,
    st.sampled_from(
        [
            "head -n2",
            "head -n-2",
            "head -c5",
            "head -c-3",
            "tail -n2",
            "tail -n+2",
            "tail -c3",
            "tail -c+2",
            "tac",
            "wc",
            "wc -L",
            "cat -A",
            "cat -sn",
            "cat -b",
            "paste -sd,:",
            "paste - x <",
            "nl",
            "nl -ba",
            "rev",
            "od -c",
            "od -tx1",
            "cksum",
            "base64 -w5",
            "base32",
            "tr -s 'ab ' <",
            "fold -w3 -b b",
            "comm -3 x",
        ]
    ),
)


@settings(max_examples=40, phases=_PHASES, deadline=None, derandomize=True)
@given(_LINES, st.lists(st.one_of(_CUTS, _UNIQUES, _OTHERS), min_size=_BATCH, max_size=_BATCH))
def test_generated_lines_would_be_cut_or_counted_otherwise(text: str, commands: list[str]) -> None:
    _compare({"x": text.encode(), "b": b"longer text\n"}, commands)


_SETS = st.lists(
    st.sampled_from(
        [
            "a",
            "b-d",
            "z-a",
            "0-9",
            "[:upper:]",
            "[:lower:]",
            "[:digit:]",
            "[:space:]",
            r"\n",
            r"\060",
            "-",
            "[",
            "]",
            "\\",
            "[x*]",
            "[x*2]",
            "[=a=]",
            ".",
            "é",
        ]
    ),
    max_size=3,
).map("".join)
_TRANSLATIONS = st.builds(
    lambda options, one, two: f"tr {options} -- {shlex.quote(one)} {' '.join(map(shlex.quote, two))} <x",
    st.sampled_from(["", "-d", "-s", "-c", "-cd", "-cs", "-ds", "-t"]),
    _SETS,
    st.lists(_SETS, max_size=1),
)


@settings(max_examples=40, phases=_PHASES, deadline=None, derandomize=True)
@given(st.lists(_TRANSLATIONS, min_size=_BATCH, max_size=_BATCH))
def test_tr_would_translate_by_generated_sets_otherwise(commands: list[str]) -> None:
    _compare({"x": "abcdz AB09.-[]\\\nxéaab\t\t".encode()}, commands)


_FORMATS = st.builds(
    "%{}{}{}{}".format,
    st.sampled_from(["", "-", "0", "+", " ", "#"]),
    st.sampled_from(["", "3", "6"]),
    st.sampled_from(["", ".2", ".0"]),
    st.sampled_from("sdixXoucbeg%"),
)
_PRINTS = st.builds(
    lambda form, words: f"env printf {shlex.quote(form)} {' '.join(map(shlex.quote, words))}",
    st.lists(
        st.one_of(_FORMATS, st.sampled_from([r"\n", r"\101", r"\x41", "é", r"\q", "x"])),
        min_size=1,
        max_size=4,
    ).map("".join),
    st.lists(
        st.sampled_from(["1", "-7", "0x1f", "010", "abc", "3x", "'a", "", r"\t\0101", "é", "2.5"]), max_size=3
    ),
)


@settings(max_examples=40, phases=_PHASES, deadline=None, derandomize=True)
@given(st.lists(_PRINTS, min_size=_BATCH, max_size=_BATCH))
def test_printf_would_write_generated_formats_otherwise(commands: list[str]) -> None:
    _compare({}, commands)


_ATOMS = st.sampled_from(
    [
        "$1",
        "$2",
        "$NF",
        "$0",
        "NR",
        "x",
        "0",
        "1",
        "-1",
        "10",
        "1.5",
        "1/3",
        "1e20",
        '"a"',
        '"ab cd"',
        '""',
        '"10"',
        '"é"',
        '"3x"',
    ]
)
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.builds(
            "({} {} {})".format,
            inner,
            st.sampled_from(["+", "*", "<", "==", "", "&&", "||", "%  1 +"]),
            inner,
        ),
        st.builds("{}({})".format, st.sampled_from(["length", "toupper", "int", "!", "-"]), inner),
        st.builds("substr({}, {})".format, inner, st.sampled_from(["0", "2", "-1", "1.5, 2", "2, 1"])),
        st.builds(
            'sprintf("{}", {})'.format, st.sampled_from(["%d", "%s", "%5.1f", "%x", "%c", "%-3s|"]), inner
        ),
        st.builds("({} ~ /{}/)".format, inner, st.sampled_from(["a", "^1", "[0-9]+", "b$", "."])),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=4,
)
_STATEMENTS = st.one_of(
    st.builds("print {}".format, _EXPRESSIONS),
    st.builds("$2 = {}; print; print NF".format, _EXPRESSIONS),
    st.builds("x += {}; print x".format, _EXPRESSIONS),
    st.builds(
        's = {}; n = gsub(/{}/, "{}", s); print n, s'.format,
        _EXPRESSIONS,
        st.sampled_from(["a", "b*", "^.", "$"]),
        st.sampled_from(["-", "&&", r"\\&"]),
    ),
    st.builds(
        "n = split({}, p, {}); print n, p[1]".format, _EXPRESSIONS, st.sampled_from(["/[,:]/", '""', '" "'])
    ),
)
_PROGRAMS = st.builds(
    lambda option, body: f"awk {option} {shlex.quote('{ ' + body + ' }')} f",
    st.sampled_from(["", "-F:", "-F,"]),
    st.lists(_STATEMENTS, min_size=1, max_size=3).map("; ".join),
)


@settings(max_examples=40, phases=_PHASES, deadline=None, derandomize=True)
@given(st.lists(_PROGRAMS, min_size=_BATCH, max_size=_BATCH))
def test_awk_would_compute_generated_programs_otherwise(commands: list[str]) -> None:
    _compare({"f": "a 10 y\nx:3:q\n\n  é 0 \n".encode()}, commands)


_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nme:x:7:8::/srv/me:/bin/sh\n"
_GROUP = b"root:x:0:\nus:x:8:\nat:x:9:x,me\n"
# As in a chroot of the lock whose host is called localhost.
_ANSWERS = [
    ("id -n", 1, ""),
    ("id -ug", 1, ""),
    ("id me root", 0, "uid=7(me) gid=8(us) groups=8(us),9(at)\nuid=0(root) gid=0(root) groups=0(root)\n"),
    ("id nosuch me", 1, "uid=7(me) gid=8(us) groups=8(us),9(at)\n"),
    ("id +7", 0, "uid=7(me) gid=8(us) groups=8(us),9(at)\n"),
    ("groups nosuch me", 1, "me : us at\n"),
    ("groups", 0, "root\n"),
    ("hostname -d", 0, ""),
    ("hostname -y", 1, ""),
    ("domainname", 0, "(none)\n"),
    ("dnsdomainname", 0, ""),
    ("tty", 1, "not a tty\n"),
    ("stty -g", 1, ""),
    ("tput cols", 2, ""),
    ("who", 0, ""),
    ("getconf LONG_BIT", 0, "64\n"),
    ("nice", 0, "0\n"),
    ("nice -n 5", 125, ""),
    ("nice -10 echo x", 0, "x\n"),
    ("timeout x true", 125, ""),
    ("timeout 1 sh -c 'exit 5'", 5, ""),
    ("nohup", 125, ""),
    ("setsid", 1, ""),
    ("flock /work/lock echo x", 0, "x\n"),
    ("flock -n 9", 65, ""),
    ("flock -n 9 9>/work/lock", 0, ""),
    ("su -s /bin/sh -c 'exit 3'", 3, ""),
    ("su nosuch -c true", 1, ""),
    ("runuser -u nosuch -- true", 1, ""),
    ("runuser root --shell /bin/sh --command 'echo x'", 0, "x\n"),
    ("runuser -u root -- echo -e x", 0, "x\n"),
    ("setpriv --reuid me --regid at --init-groups -- touch /work/x; stat -c %u:%g /work/x", 0, "7:9\n"),
    ("setpriv --reuid 12 --clear-groups touch /work/x; stat -c %u:%g /work/x", 0, "12:0\n"),
    ("setpriv --reuid nosuch true", 1, ""),
    ("setpriv --regid at true", 1, ""),
    ("chroot / sh -c 'echo $PWD'", 0, "/\n"),
    ("chroot /nosuch true", 125, ""),
    ("env -i A=1 printenv A B", 1, "1\n"),
    ("date --rfc-3339=date", 0, "1970-01-01\n"),
    ("which -a sh nosuch", 1, "/usr/bin/sh\n/bin/sh\n"),
    ("yes | head -n2", 0, "y\ny\n"),
    ("xargs true", 0, ""),
]


@pytest.mark.parametrize(("call", "status", "output"), _ANSWERS)
def test_a_script_would_be_told_something_else_of_its_system(call: str, status: int, output: str) -> None:
    made = world({"etc/passwd": _PASSWD, "etc/group": _GROUP, "usr/bin/sh": b"", "bin/sh": b""})
    for path in ("usr/bin/sh", "bin/sh"):
        made.root.tree[path].mode = 0o755
    assert run(made, call.encode())[:2] == (status, output.encode())


def test_a_lock_would_leave_no_file() -> None:
    made = world()
    assert run(made, b"flock /work/lock true")[0] == 0
    assert made.root.tree["work/lock"].read() == b""


@pytest.mark.parametrize(
    "call",
    [
        "head -c 9 /dev/urandom | base64",
        "tr -dc a-z </dev/urandom",
        "setpriv --euid=me touch /work/x",
        "adduser --system --stdoutmsglevel=info x",
        "chroot /work true",
        "gzip -n9 a",
        "date -d tomorrow",
        "awk 'BEGIN { a[1]; a[2]; for (k in a) print k }'",
        "awk 'BEGIN { print rand() }'",
        "sort -R a",
    ],
)
def test_what_is_not_modelled_would_pass(call: str) -> None:
    made = world({"etc/passwd": _PASSWD, "etc/group": _GROUP, "a": b"a\n", "bin/sh": b""})
    made.root.tree["bin/sh"].mode = 0o755
    with pytest.raises(ToolError):
        run(made, call.encode())


@pytest.mark.parametrize(
    "case",
    [
        "yes | head -n 100000 | wc",
        "yes 'a b' | head -c 100001 | tail -c 5",
        "{ echo x; yes \"$(printf 'a\\nb')\"; } | head -n 4",
        "yes | while read -r line; do echo $line; break; done",
        "yes | true; echo $?",
        "yes n | { read -r one; read -r two; echo $one$two; }",
        "{ yes; echo never; } | head -n 2",
    ],
)
def test_what_yes_writes_would_be_cut_off(case: str) -> None:
    _compare({}, [case])


@pytest.mark.parametrize(
    "script", ["yes | head -n 1000000000", "yes | wc -l", "yes >f", "x=$(yes)", "yes | sed 3q >f", "yes"]
)
def test_who_reads_yes_to_its_end_would_get_a_part_of_it_without_a_word(script: str) -> None:
    with pytest.raises(ToolError, match=r"has no end|bytes of output|nobody ends it") as error:
        interpret(script.encode())
    assert "\n" not in str(error.value)
