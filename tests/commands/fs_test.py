"""Compares the commands upon files with those of the lock: output, status, complaints and what is left."""

# ruff: noqa: E501 (tables of cases, one a line)

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.commands.judge import judge
from tests.commands.world import Outcome, interpret, run, world
from tools.sysimage.commands.attributes import decode, encode, parse, text_of
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind, directory, symlink

_SETUP = """exec 2>&1
mkdir d d/s e; echo a >a; echo b >b; echo c >d/c; ln -s a la; ln -s d ld; ln -s nowhere dl; ln a ha
ln -s ../a d/l; mkdir -m 2755 g; echo x >d/a; chmod 640 b; chmod 700 e; ln -s la lla
"""
_PROGRAMS = "mkdir rmdir touch rm mv cp ln install chmod readlink realpath stat ls cmp diff truncate link unlink find mktemp"
_COMPLAINT = re.compile(rb"(?m)^(%s): .*" % b"|".join(_PROGRAMS.encode().split()))

_CASES = """
mkdir -p x/y/z && mkdir -v -m 2750 x/y/w
mkdir -p d/c; mkdir -p d/c/x; mkdir a d; mkdir -m 8 x; mkdir
mkdir -p -m u=rwx,go= n/m
umask 077; mkdir -p p/q; mkdir -m 755 r; mkdir -m u+x,g=u s
rmdir d/s d ld e/; rmdir --ignore-fail-on-non-empty d; mkdir -p x/y; rmdir -pv x/y
rm a d; rm -r d; rm -f nothing a/x; rm; rm -f; rm -r ld/; rm -d e g
rm -r d; rm -rv g; rm -r .; rm -rf ./; rm dl
mv a e; mv b d ld; mv nope x; mv d d/s; mv -T e d; mv a b c
mv -n b a; mv -v b a; mv ha a; mv d/c e/; mv la lb; mv g ld
mv -b b a; mv --backup=numbered d/c a; mv --backup=numbered d/a a; mv -S .old d/l a
cp a b; cp -p b x; cp a d; cp la lb; cp -d la lc; cp -a la ld2; cp a dl; cp a nodir/; cp d x2; cp a b nodir
cp -r d x; cp -r d x; cp -rT d x; cp -a ld y; cp -rL ld z; cp -r d a; cp a d/s
cp -a a ha x; ln x h1; cp -a d g; cp -al d y; cp -s a q; cp -rs d y2
mkdir x; cp -a a ha x; ls x; cp --remove-destination b la; cp -a d/. e; cp -n b a; cp -f b a
cp --parents d/c e; cp -t e a b; cp -b a b; cp --backup=t a b; cp -S .dist a b; cp a a; cp -u a new
cp /dev/null x; cp /dev/null a; cp --preserve=mode b x2; cp --no-preserve=mode b x3
chmod 4755 a; cp a x; cp -p a y; mkdir -m 1777 t; cp -r t t2; cp -rp t t3; umask 077; cp a z; cp -r t t4
install a x; install -m 600 a y; install -d -m 2750 p/q; install -d e; install -D -m 0644 b n/m/o; install a b e
install -v a b; install -m u=rw,g=r a x; install -b a b; install -t d a; install a nodir/x; install d x
install -m 644 /dev/null x; install -T a d; install -d a; install -C -m 640 b z; install -C -m 640 b z
ln -s a x; ln -s a x; ln -sf b x; ln -s b ld; ln -sfn b ld; ln -sf b d; ln -sfT b d; ln a x2; ln d y; ln nope z
ln -sr d/c e/x; ln -s d/c; ln -sv a b e; ln -f b a; ln -b a b; ln -sf a a; ln dl dl2; ln -s x a/y; ln -t e -s q
ln -f ld/c ld
for m in u+x +t 4755 o= u+s; do install -d -m $m i$m g/$m x/$m/y d; stat -c %a d; done
for m in u+x +t a+t u=rwxs g+w o= u+s -w g=u 4755 1777 00700; do mkdir -p -m $m x/$m; mkdir -m $m y$m g/$m; done
touch n a d; touch -c m; touch x/y; touch dl; touch n2/; touch -d yesterday k; touch -r a j; touch a/b
chmod -R go-rwx d; chmod u+s,g+s,+t a; chmod 755 g; chmod 00755 g; chmod -c =r b; chmod -x a; chmod +w,o=u a
chmod 1777 d; chmod a+X d/c d; chmod g=u,o=g b; chmod --reference=b a; chmod 600 dl; chmod 644 la; chmod 9 a
chmod -R u=rwX,go=rX . ; chmod u=g,g=o d; chmod 600 nope; chmod -f 600 nope
umask 077; chmod +rwx a; chmod -w b; chmod =rw b; chmod +x d/c
readlink a la nope ld; readlink -f la dl nope x/y d/../a .; readlink -e la dl; readlink -m x/y/../z dl/q; readlink -n la
readlink -f a/ d/ ld/ a/x; readlink -v a; readlink -f /; readlink
realpath . ld/c dl nope/x; realpath -s ld/c; realpath -e dl; realpath -m a/b; realpath --relative-to=d a ld d/s .
stat -c '%a %n %F %s' a b la; stat -L -c %a la; stat -c '%A %h' a; stat --printf '%a\\t%n\\n' a; stat -c %N la; stat nope -c %a
stat -c '%04a|%5s|%-6n|%f' a
test "$(stat -c %d/%i a)" = "$(stat -Lc %d/%i la)" && echo same; test $(stat -c %i a) = $(stat -c %i b) || echo other; stat -f -c %n .
ls; ls -1 d e; ls -a d; ls -A d; ls -d d ld a; ls d/c nope; ls ld; ls -F; ls -p d; ls -r; ls -L ld dl
cmp a b; cmp a ha; cmp -s a b; cmp a nope; cmp -s a nope; printf 'a\\nb' >x; printf 'a\\n' >y; cmp x y; cmp y /dev/null
diff a b; diff -q a b; diff a ha; diff a nope; printf '1\\n2\\n3\\n' >x; printf '1\\n3' >y; diff x y; diff y x; diff -s a ha
printf 'a  b\\n\\n' >x; printf 'ab\\n' >y; diff -qwB x y; diff -qb x y; diff -q x y; diff -qr d d; diff --label 1 --label 2 -u x y
truncate -s 3 a; truncate -s +2 b; truncate -s 1K n; truncate -c -s 1 m; truncate -s 0 d; wait
link a x; link a b; unlink x; unlink d; mkfifo p; mkfifo -m 600 q; mkfifo a
cd d; touch ../x; mkdir ../y; rm ../a; mv c ..; ls ..
mktemp -u nope/XXXX >/dev/null; mktemp XX; mktemp -d nodir/XXXX >/dev/null; mktemp -q nodir/XXXX; mktemp -t a/XXX; mktemp a b
""".strip().splitlines()
_FIND_CASES = """
find d/c -name c; find d/s -type d; find d/s d/c -printf '%p %f %h %P %m %y %d\\n'; find nope; find ld; find ld/ -maxdepth 0
find d/c -exec cmp a {} \\; ; find d/c -exec cmp b {} + ; find d/s -execdir rmdir {} \\;
find . -name nope -o -name b; find . -type f -empty; find . -perm 640; find . -perm -u+s; find d ! -name '*' ; find . -name '[b]' -print0
find . -type d -name e -empty -delete; find d -delete; find la -xtype f; find dl -xtype l; find g -perm /2000 -prune
find d -mindepth 1 \\( -name c -o -name q \\) -print -quit; find a -newer d -o -size 1; find a -size -2 -size +0; find a -links 2
find a -user nope; find a \\( -name b; find a -maxdepth x
find g -exec rm -r {} \\;; find e -depth -exec rmdir {} \\; ; find . -iname B; find . -path './d/?' -name c; find -L ld -name c
""".strip().splitlines()
_XARGS_CASES = """
printf 'd e\\ng\\n' | xargs ls -d; printf 'a\\0b' | xargs -0 ls; printf '' | xargs -r ls; printf '' | xargs ls -d
printf 'a\\nb\\n' | xargs -I{} ls ./{}; printf 'a\\nb\\n' | xargs -n 1 ls; printf 'a:b' | xargs -d : ls; printf 'x y' | xargs rm -f
printf 'nope' | xargs ls; printf '"a" b\\\\\\n' | xargs ls; printf "'a" | xargs ls; printf 'a\\nb \\ng\\n' | xargs -L 1 ls -d
""".strip().splitlines()


@pytest.mark.parametrize("case", [*_CASES, *_FIND_CASES, *_XARGS_CASES])
def test_a_command_upon_files_would_do_something_else_than_the_program(case: str) -> None:
    _compare(case + "\necho = $?\n")


def _compare(commands: str) -> None:
    script = _SETUP.encode() + commands.encode()
    assert _plain(interpret(script)) == _plain(judge(script))


def _plain(outcome: Outcome) -> Outcome:
    """Leaves out what programs complain of, not that they do; and that they have a usage."""
    stdout = re.sub(rb"(?m)^Try '.*\n", b"", _COMPLAINT.sub(rb"\1: complains", outcome.stdout))
    return replace(outcome, stdout=re.sub(rb"\S*script: ", b"script: ", stdout))


_NAMES = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "d",
        "e",
        "d/s",
        "d/c",
        "la",
        "ld",
        "dl",
        "ha",
        "d/l",
        "g",
        "n",
        "d/",
        "ld/",
        "e/",
        "a/x",
        "d/a",
        "g/n",
        "ld/c",
        "d/s/n",
        "e/a",
        "./a",
        "lla",
        "n/m/o",
        "d//c",
        "dl/x",
    ]
)
_MODES = st.sampled_from(
    [
        "755",
        "0644",
        "4755",
        "02755",
        "00755",
        "u+x",
        "g-w",
        "o=r",
        "a+X",
        "ug+s",
        "+t",
        "u=g,g=o",
        "=r",
        "+w",
        "a=rw,u+x",
        "g=u-w",
        "1777",
        "u=rwxs",
        "o+t,u-x",
    ]
)


def _some(options: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(options.split()), max_size=2, unique=True).map(" ".join)


def _call(name: str, options: str, most: int = 2, least: int = 1) -> st.SearchStrategy[str]:
    names = st.lists(_NAMES, min_size=least, max_size=most).map(" ".join)
    return st.builds(lambda given, operands: f"{name} {given} {operands}", _some(options), names)


_COMMANDS = st.one_of(
    _call("mkdir", "-p -v"),
    st.builds(lambda mode, name: f"mkdir -m {mode} {name}", _MODES, _NAMES),
    _call("rmdir", "-v --ignore-fail-on-non-empty"),
    _call("touch", "-c"),
    _call("rm", "-f -r -d"),
    _call("mv", "-f -T", 3, 2),
    _call("ln -s", "-f -n -T -v", 3, 2),
    _call("ln", "-f -n -T -v", 2, 2),
    _call("cp", "-a -p -d -f -T -P", 2, 2),
    _call("install", "-D -p -T", 2, 2),
    st.builds(lambda mode, name: f"install -d -m {mode} {name}", _MODES, _NAMES),
    st.builds(lambda mode, name: f"chmod {mode} {name}", _MODES, _NAMES),
    _call("readlink", "-f"),
    _call("readlink", "-e"),
    _call("realpath", "-m"),
    _call("ls", "-A -d -1", 2),
    _call("cmp", "-s", 2, 2),
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(_COMMANDS, min_size=2, max_size=8))
def test_generated_commands_would_leave_other_files_than_the_programs(commands: list[str]) -> None:
    # Copies of a directory into itself, and modes by which nobody could read on, are cases of their own.
    lines = [f"chmod u+rwx d e g 2>/dev/null\n{command}\necho = $?\n" for command in commands]
    _compare("".join(lines))


# What needs root: the answers are those of the programs in a chroot of trixie.

_PASSWD = b"root:x:0:0::/root:/bin/sh\nmail:x:8:12::/:/bin/sh\na.b:x:20:21::/:/bin/sh\n"
_GROUP = b"root:x:0:\nmail:x:12:\nstaff:x:50:\n"


def _root(script: str) -> tuple[dict[str, Inode], int, bytes]:
    made = world({"etc/passwd": _PASSWD, "etc/group": _GROUP, "work/a": b"", "work/d/b": b""})
    made.root.tree.put("work/l", symlink("a"))
    status, stdout, _ = run(made, script.encode(), "/work")
    return dict(made.root.tree.walk("work")), status, stdout


@pytest.mark.parametrize(
    ("owner", "numbers"),
    [
        ("mail", (8, 0)),
        ("mail:", (8, 12)),
        ("mail:staff", (8, 50)),
        (":staff", (0, 50)),
        ("mail.staff", (8, 50)),
        ("a.b", (20, 0)),
        ("7:9", (7, 9)),
        ("+8:+50", (8, 50)),
        ("nope", None),
        ("5:", None),
        ("mail:nope", None),
    ],
)
def test_chown_would_take_another_owner(owner: str, numbers: tuple[int, int] | None) -> None:
    inodes, status, _ = _root(f"chown {owner} a")
    assert (inodes["work/a"].uid, inodes["work/a"].gid) == (numbers or (0, 0))
    assert status == (0 if numbers else 1)


def test_chown_would_follow_links_below_a_directory_or_leave_setuid() -> None:
    inodes, _, _ = _root("chmod 6755 a; ln -s ../a d/l; chown -R mail d; chown -h mail l")
    assert [inodes[name].uid for name in ("work/d", "work/d/b", "work/d/l", "work/l", "work/a")] == [
        8,
        8,
        8,
        8,
        0,
    ]
    assert inodes["work/a"].mode == 0o6755
    inodes, _, _ = _root("chmod 6755 a d; chown mail l d; chgrp staff a")
    assert (inodes["work/a"].uid, inodes["work/a"].gid, inodes["work/a"].mode) == (8, 50, 0o755)
    assert inodes["work/d"].mode == 0o6755


def test_chown_would_change_others_than_from_says() -> None:
    inodes, status, _ = _root(
        "chown 8 a; chown --from=mail 9 a d; chown --reference=a l; chown nobody a; stat -c %u a"
    )
    assert (inodes["work/a"].uid, inodes["work/d"].uid, status) == (9, 0, 0)


def test_install_would_give_other_owners() -> None:
    script = "install -d -o mail -g staff -m 2750 x/y; install -o mail -g mail -m 640 /dev/null x/y/z"
    inodes, status, _ = _root(script)
    assert [(i.uid, i.gid, i.mode) for i in (inodes["work/x"], inodes["work/x/y"], inodes["work/x/y/z"])] == [
        (0, 0, 0o755),
        (8, 50, 0o2750),
        (8, 12, 0o640),
    ]
    assert (status, _root("install -o nope a b")[1]) == (0, 1)


def test_a_copy_would_lose_owners_or_links() -> None:
    inodes, _, _ = _root(
        "chown mail:staff a l -h; ln a d/h; cp -a . /work/c 2>/dev/null; mkdir x; cp -a a d/h l x; cp a p"
    )
    assert inodes["work/x/a"] is inodes["work/x/h"]
    assert [inodes[name].uid for name in ("work/x/a", "work/x/l", "work/p")] == [8, 8, 0]


def test_stat_and_ls_would_name_other_owners() -> None:
    script = "chown mail:staff a; chown 99:98 d; stat -c '%U %G %u' a d; ls -ln a; ls -ld d"
    expected = b"mail staff 8\nUNKNOWN UNKNOWN 99\n-rw-r--r-- 1 8 50 0 Jan  1  1970 a\ndrwxr-xr-x 2 99 98 4096 Jan  1  1970 d\n"
    assert _root(script)[2] == expected


def test_find_would_not_know_owners() -> None:
    assert (
        _root("chown mail:staff a; find . -user mail; find . -group staff -uid 8; find . -nouser")[2]
        == b"./a\n./a\n"
    )


def test_mktemp_would_give_a_name_that_is_taken_or_random() -> None:
    script = (
        "f=$(mktemp); d=$(mktemp -d); e=$(mktemp -p d x.XXXX); echo $f $d $e; stat -c %a $f $d $e; tempfile"
    )
    expected = b"/tmp/tmp.0000000001 /tmp/tmp.0000000002 d/x.0003\n600\n700\n600\n/tmp/file000004\n"
    assert _root(script)[2] == expected


def test_removing_the_root_would_go_on_silently() -> None:
    for script in (
        "rm -rf /",
        "chmod -R 755 /",
        "chown -R mail /",
        "chattr +i a",
        "find . -mtime +1",
        "rm -i a",
    ):
        with pytest.raises(ToolError):
            _root(script)


def test_special_files_would_lack_their_numbers() -> None:
    inodes, _, _ = _root("mknod -m 666 n c 1 3; mknod p p; mknod b b 7 0")
    assert (inodes["work/n"].kind, inodes["work/n"].device, inodes["work/n"].mode) == (
        Kind.CHARACTER,
        (1, 3),
        0o666,
    )
    assert (inodes["work/p"].kind, inodes["work/b"].device) == (Kind.FIFO, (7, 0))


def test_a_tree_would_seem_to_have_mounts_or_none() -> None:
    assert _root("mountpoint -q /proc && mountpoint -q /sys && ! mountpoint -q /work && sync")[1] == 0
    free = _root("df -Pk /work; df --output=avail /work; du -s a")[2].split(b"\n")
    assert (free[1].split()[3], free[3].strip(), free[4]) == (b"33554432", b"33554432", b"0\ta")


def test_dd_would_write_other_bytes() -> None:
    script = "dd if=/dev/zero of=z bs=2 count=2 status=none; printf xyz | dd of=z conv=notrunc bs=1 seek=1 status=none"
    assert _root(script)[0]["work/z"].read() == b"\0xyz"


# cap_net_raw=ep of iputils-ping, as setcap(8) leaves it: getfattr -n security.capability -e hex.
_PING = bytes.fromhex("0100000200200000000000000000000000000000")


def test_setcap_would_write_another_attribute() -> None:
    inodes, status, stdout = _root("setcap cap_net_raw+ep a; getcap a; setcap cap_nope+p a")
    assert dict(inodes["work/a"].xattrs) == {"security.capability": _PING}
    assert (status, stdout) == (1, b"a cap_net_raw=ep\n")
    assert not _root("setcap cap_net_raw+ep a; setcap -r a")[0]["work/a"].xattrs
    assert not _root("setcap cap_net_raw+ep a; chown mail a")[0]["work/a"].xattrs
    assert not _root("setcap cap_net_raw+ep a; echo >>a")[0]["work/a"].xattrs


@given(st.sets(st.integers(0, 40), min_size=1, max_size=9), st.sampled_from(["p", "ep", "ip", "eip"]))
def test_capabilities_would_not_come_back(numbers: set[int], flags: str) -> None:
    bits = sum(1 << number for number in numbers)
    sets = {letter: bits if letter in flags else 0 for letter in "eip"}
    assert decode(encode(sets)) == sets
    assert parse(text_of(sets)) == sets


def test_test_would_be_no_program() -> None:
    assert (
        _root(
            "/usr/bin/env true || :; find a -exec test -f {} ';' -print; find a -exec [ -d {} ] ';' -print"
        )[2]
        == b"a\n"
    )


def test_a_directory_in_a_setgid_directory_would_have_another_group() -> None:
    inodes, _, _ = _root("chgrp staff d; chmod 2775 d; mkdir d/x; touch d/y; cp a d/z; cp -a a d/w")
    assert [(inodes[f"work/d/{name}"].gid, inodes[f"work/d/{name}"].mode) for name in "xyzw"] == [
        (50, 0o2755),
        (50, 0o644),
        (50, 0o644),
        (0, 0o644),
    ]
    assert directory().gid == 0
