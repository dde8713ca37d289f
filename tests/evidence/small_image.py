"""A small image and its facts, for the tests of this phase."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

from tests.testing.debs import File, Folder, Link, Node
from tests.testing.roots import inode
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian.locked import LOCK_VERSION
from tools.sysimage.evidence import collect, facts
from tools.sysimage.evidence.facts import Facts, Image
from tools.sysimage.formats import tar

UNITS = "usr/lib/systemd/system"
STATUS = """\
Package: bash
Status: install ok installed
Version: 5.2-1+b1
Architecture: amd64
Source: bash (5.2-1)

Package: libstdc++6
Status: install ok installed
Version: 14.2-1
Architecture: amd64
Source: gcc-14

Package: gone
Status: deinstall ok config-files
Version: 1
Architecture: amd64
"""
PATHS: dict[str, Node] = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\napp:x:100:100::/:/usr/sbin/nologin\n",
    "etc/shadow": "root:*:1::::::\napp:!:1::::::\n",
    "etc/group": "root:*:0:\napp:*:100:root\n",
    "etc/made": "by a script",
    "usr/bin/bash": File("#!", 0o755),
    "usr/bin/su": File("su", 0o4755),
    "usr/bin/orchestrator": File("orchestrator", 0o755),
    "usr/lib/os-release": 'PRETTY_NAME="Debian 13"\nVERSION_CODENAME=trixie\n',
    "usr/lib/libstdc++.so.6": File("library"),
    "usr/lib/libstdc++.so": Link("libstdc++.so.6"),
    f"{UNITS}/app.service": "[Service]\nExecStart=/usr/bin/orchestrator\n[Install]\nWantedBy=x.target\n",
    f"{UNITS}/app.socket": "[Socket]\nListenStream=22\n[Install]\nWantedBy=sockets.target\n",
    "etc/systemd/system/sockets.target.wants/app.socket": Link("/usr/lib/systemd/system/app.socket"),
    "tmp": Folder(0o1777),
    "var/lib/dpkg/status": STATUS,
    "var/lib/dpkg/info/bash.list": "/.\n/usr/bin/bash\n/usr/bin/su\n",
    "var/lib/dpkg/info/libstdc++6:amd64.list": "/usr/lib/libstdc++.so.6\n/usr/lib/libstdc++.so\n",
}
LOCK: dict[str, Any] = {
    "version": LOCK_VERSION,
    "manifest_sha256": "a" * 64,
    "snapshot": "20261125T022231Z",
    "archives": {"debian": {"releases": {}}},
    "sets": {"app": {"extends": None, "packages": {"amd64": ["bash", "libstdc++6"]}}},
    "packages": {
        "amd64": {
            "bash": {
                "version": "5.2-1+b1",
                "architecture": "amd64",
                "sha256": "b" * 64,
                "size": 1000,
                "path": "pool/main/b/bash/bash_5.2-1+b1_amd64.deb",
                "archive": "debian",
                "suite": "trixie",
                "component": "main",
                "control": {},
                "depends": ["libstdc++6"],
            },
            "libstdc++6": {
                "version": "14.2-1",
                "architecture": "amd64",
                "sha256": "c" * 64,
                "size": 2000,
                "path": "pool/main/g/gcc-14/libstdc++6_14.2-1_amd64.deb",
                "archive": "debian",
                "suite": "trixie",
                "component": "main",
                "control": {},
                "depends": [],
            },
        }
    },
}
DEBS: dict[str, dict[str, Any]] = {
    "bash_5.2-1+b1_amd64": {
        "name": "bash",
        "version": "5.2-1+b1",
        "architecture": "amd64",
        "maintainer": "Ann <ann@example.org>",
        "homepage": "https://bash.example.org",
        "section": "shells",
        "description": "a shell",
        "licence": "GPL-3.0-or-later AND LicenseRef-permissive",
        "sha256": "b" * 64,
        "size": 1000,
        "built_using": ["golang-x 1.2-3"],
        "paths": ["usr/bin/bash", "bin/rbash"],
        "security": [{"version": "5.2-1", "suite": "unstable", "cves": ["CVE-2026-1234"]}],
    }
}


def tree(**changes: Node | None) -> Tree:
    """The image's tree, with changed paths; None takes a path away."""
    made = Tree()
    for path, node in {**PATHS, **changes}.items():
        if node is not None:
            made.add(path, inode(node))
    return made


def known() -> collect.Known:
    """What the build knows of it."""
    found = collect.Known()
    found.locks = [LOCK]
    found.lock_sha256 = "d" * 64
    found.debs = dict(DEBS)
    found.labels = {"usr/bin/orchestrator": "//app:orchestrator"}
    found.overlay = frozenset({"usr/bin/orchestrator"})
    return found


def make(made: Tree | None = None) -> Facts:
    """Its facts."""
    made = made or tree()
    out = io.BytesIO()
    tar.write(made, out)
    data = out.getvalue()
    image = Image(
        "app.tar", len(data), len(data), hashlib.sha256(data).hexdigest(), "e" * 96, "none", "//:app"
    )
    return collect.of_tree(made, known(), image)


def write(folder: Path, found: Facts, name: str = "facts.json") -> Path:
    """Writes facts into a file."""
    path = folder / name
    with path.open("wb") as out:
        facts.write(found, out)
    assert json.loads(path.read_bytes())
    return path
