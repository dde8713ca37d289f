"""Clients of databases, programs of TeX, and programs that scripts have as an argument: fixed answers.

The answers are those of the programs of trixie in a chroot.
"""

import pytest

from tests.commands.world import run, world
from tools.sysimage.commands.maintainer import Programs
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.scripts import shell as shells

_CONF = b"""# create_main_cluster = false
port = 5433
ssl = 'on'
name 'a''b'
include_dir '/nowhere'
"""


@pytest.mark.parametrize(
    ("call", "status", "output"),
    [
        ("mysql --defaults-file=/x < /dev/null", 1, ""),
        ("mariadb-admin ping", 1, ""),
        ("mysqldump x", 2, ""),
        ("psql -c x", 2, ""),
        ("createdb x", 1, ""),
        ("pg_isready", 2, "/var/run/postgresql:5432 - no response\n"),
        ("pg_isready -q", 2, ""),
        ("pg_conftool /work/c.conf show -bs create_main_cluster", 1, ""),
        ("pg_conftool /work/c.conf show -bs ssl", 0, "on\n"),
        ("pg_conftool -s /work/c.conf show port", 0, "5433\n"),
        ("pg_conftool -s /work/c.conf show name", 0, "a'b\n"),
        ("pam_getenv -l LANG", 0, "de_DE.UTF-8\n"),
        ("pam_getenv -l LANGUAGE", 0, ""),
        ("paperconf", 0, "a4\n"),
        ("PAPERSIZE=Letter paperconf", 0, "letter\n"),
        ("kpsestat -xst /work", 0, "644\n"),
        ("kpsestat = /work/c.conf", 0, "644\n"),
        ("kpsestat = /work/nothing", 1, ""),
        ("kpseaccess -w /work/c.conf", 0, ""),
        ("kpseaccess -w /work/nothing", 1, ""),
        ("kpsewhich -var-value TEXMFSYSVAR", 0, "/var/lib/texmf\n"),
        ('ghc --info | grep -c \'"Have interpreter","YES"\'', 0, "1\n"),
        (
            'perl -e \'use lib "/usr/share/postgresql-common";use PgCommon;printf "%s\\n", next_free_port;\'',
            0,
            "5432\n",
        ),
        ("python3 -c 'from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))'", 0, ""),
    ],
)
def test_a_script_would_be_told_something_else_by(call: str, status: int, output: str) -> None:
    environment = b"# LANGUAGE=x\nexport LANG='de_DE.UTF-8'\n"
    made = world({"work/c.conf": _CONF, "etc/environment": environment})
    assert run(made, call.encode())[:2] == (status, output.encode())


@pytest.mark.parametrize(
    "call",
    [
        "psql --version",
        "pg_conftool /work/c.conf set a b",
        "pg_conftool 17 main show port",
        "paperconf -s",
        "kpsewhich cmr10.tfm",
        "kpsestat +x /work",
        "ghc x.hs",
        "perl -e 'use lib \"/x\"; print 1'",
        "pam_getenv",
    ],
)
def test_what_is_not_modelled_would_pass(call: str) -> None:
    with pytest.raises(ToolError):
        run(world({"work/c.conf": _CONF}), call.encode())


def _users() -> dict[str, bytes]:
    return {
        "etc/passwd": b"root:x:0:0::/root:/bin/sh\nme:x:7:8::/:/bin/sh\n",
        "etc/group": b"me:x:8:\nmore:x:9:me\nno:x:10:you\n",
        "bin/sh": b"",
    }


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "answer"),
    [
        (0o600, 0, 0, 1),
        (0o604, 0, 0, 0),
        (0o640, 0, 8, 0),
        (0o640, 0, 9, 0),
        (0o640, 0, 10, 1),
        (0o407, 7, 0, 0),
    ],
)
def test_another_user_would_be_told_that_it_may_read_all(mode: int, uid: int, gid: int, answer: int) -> None:
    made = world(_users())
    made.root.tree["bin/sh"].mode = 0o755
    made.root.tree.add("work/f", Inode(Kind.FILE, mode, uid, gid))
    assert run(made, b"su -c 'test -r /work/f' me")[0] == answer
    assert run(made, b"test -r /work/f")[0] == 0


def test_another_user_would_be_told_of_a_file_in_a_folder_of_root() -> None:
    made = world({**_users(), "work/f": b""})
    made.root.tree["bin/sh"].mode = 0o755
    made.root.tree["work"].mode = 0o700
    assert run(made, b"su -c 'test -e /work/f' me")[0] == 1


@pytest.mark.parametrize(
    ("call", "output"),
    [
        ("tr -dc '[:alnum:]' < /dev/urandom | dd bs=1 count=12 2>/dev/null", b"placeholder0"),
        ("head -c 11 /dev/urandom", b"placeholder"),
        ("shuf -i 10-59 -n2", b"10\n11\n"),
        ("shuf --input-range=7-7", b"7\n"),
        ("dd if=/dev/urandom bs=11 count=1 2>/dev/null", b"placeholder"),
        ("cut -c 1-8 /proc/sys/kernel/random/uuid", b"00000000\n"),
        ("cat /dev/random | tr -dc 0-9 | fold -w 4 | head -n 1", b"0123\n"),
    ],
)
def test_a_script_would_end_where_it_draws_a_random_number(call: str, output: bytes) -> None:
    made = world()
    machine = shells.shell(made.files, Programs(made).find, variables={})
    machine.random = made.random
    shells.run(machine, call.encode(), "script")
    assert shells.output(machine, 1) == output
    assert [left.kind for left in made.left] == ["secrets"]


def test_a_key_would_be_the_same_in_all_images() -> None:
    made = world()
    machine = shells.shell(made.files, Programs(made).find, variables={})
    machine.random = made.random
    shells.run(machine, b"dd if=/dev/urandom of=/work/key bs=1 count=32", "script")
    assert made.root.tree["work/key"].read() == b""
    made.remove_placeholders()
    assert made.root.tree.find("work/key") is None
