"""a2enmod and its like, and a2query: what the programs of apache2 said and left in a chroot (apache.txt).

The lists of a2query are in the order of their names there; the program has them in that of the folder.
"""

from pathlib import Path

import pytest

from tests.commands.rooted import in_memory, rooted
from tests.commands.world import run
from tools.sysimage.core.errors import ToolError

_FILES: dict[str, str | None] = {
    "etc/apache2/mods-available/mpm_event.load": "# Conflicts: mpm_worker mpm_prefork\nLoadModule a b\n",
    "etc/apache2/mods-available/mpm_event.conf": "x\n",
    "etc/apache2/mods-available/mpm_prefork.load": "# Conflicts: mpm_event mpm_worker\nLoadModule a b\n",
    "etc/apache2/mods-available/rewrite.load": "LoadModule a b\n",
    "etc/apache2/mods-available/ssl.load": "# Depends: setenvif mime socache_shmcb\nLoadModule\n",
    "etc/apache2/mods-available/ssl.conf": "x\n",
    "etc/apache2/mods-available/setenvif.load": "x\n",
    "etc/apache2/mods-available/mime.load": "x\n",
    "etc/apache2/mods-available/mime.conf": "x\n",
    "etc/apache2/mods-available/socache_shmcb.load": "x\n",
    "etc/apache2/mods-available/cgi.load": "x\n",
    "etc/apache2/mods-available/cgid.load": "x\n",
    "etc/apache2/conf-available/c1.conf": "x\n",
    "etc/apache2/conf-available/c2.conf": "# Depends: nosuch\nx\n",
    "etc/apache2/sites-available/s1.conf": "x\n",
    "etc/apache2/sites-available/s2.conf": "x\n",
    "etc/apache2/mods-enabled/gone.load": "-> ../mods-available/gone.load",
    "etc/apache2/conf-enabled": None,
    "etc/apache2/sites-enabled": None,
    "var/lib/apache2": None,
}
_LEFT = """
etc/apache2/mods-enabled/mime.conf -> ../mods-available/mime.conf
etc/apache2/mods-enabled/mime.load -> ../mods-available/mime.load
etc/apache2/mods-enabled/rewrite.load -> ../mods-available/rewrite.load
etc/apache2/mods-enabled/setenvif.load -> ../mods-available/setenvif.load
etc/apache2/sites-enabled/s2.conf -> ../sites-available/s2.conf
var/lib/apache2/conf/disabled_by_maint/c1
var/lib/apache2/module/disabled_by_admin/mpm_event
var/lib/apache2/module/disabled_by_admin/socache_shmcb
var/lib/apache2/module/disabled_by_admin/ssl
var/lib/apache2/module/enabled_by_admin/rewrite
var/lib/apache2/module/enabled_by_maint/mime
var/lib/apache2/module/enabled_by_maint/setenvif
var/lib/apache2/site/enabled_by_admin/s2
"""


def test_modules_confs_and_sites_would_be_enabled_otherwise() -> None:
    made = rooted(_FILES)
    expected = (Path(__file__).parent / "apache.txt").read_text()
    said = ""
    for line in expected.splitlines():
        if line.startswith("== "):
            status, stdout, _ = run(made, line[3:].encode())
            said += f"{line}\n{stdout.decode()}-> {status}\n"
    assert said == expected
    left = in_memory(made.root.tree).items()
    links = [f"{path} {what}" for path, what in left if what.startswith("->")]
    marks = [path for path, what in left if path.startswith("var/lib/apache2/") and what != "folder"]
    assert sorted(links + marks) == _LEFT.strip().splitlines()


def test_cgi_would_be_enabled_with_a_threaded_mpm() -> None:
    made = rooted(_FILES)
    run(made, b"a2enmod -q mpm_event cgi")
    assert "etc/apache2/mods-enabled/cgid.load" in in_memory(made.root.tree)
    assert run(made, b"a2query -M")[1] == b"event\n"


def test_an_essential_module_would_go_without_a_question() -> None:
    made = rooted(_FILES)
    run(made, b"a2enmod mime")
    with pytest.raises(ToolError, match="confirmation"):
        run(made, b"a2dismod mime")
