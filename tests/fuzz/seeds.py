"""Texts that mutated inputs of readers start from."""

from collections.abc import Mapping
from typing import Any

SHA = "0123456789abcdef" * 4
TOML = f"""[archive.debian]
suites = ["trixie", "trixie-updates"]
components = ["main"]
signed_by = ["{"A" * 40}"]
[lock]
architectures = ["amd64", "arm64"]
[set.base]
packages = ["systemd", "libc6 [amd64]"]
essential = true
exclude = {{ dkms = "built by us" }}
[set.more]
packages = ["runc"]
extends = "base"
[[pin]]
packages = ["src:linux", "linux-*"]
version = "1.2*"
""".encode()
LEDGER = f"""[[script]]
package = "p"
script = "postinst"
sha256 = ["{SHA}"]
effects = [{{ do = "mkdir", path = "var/x", mode = 0o755, owner = "a:b", when = "usr/bin/x" }}]
[[command]]
package = "p"
command = "frob *"
status = 1
output = "x"
effects = [{{ do = "sysusers", names = ["a"] }}]
reason = "seen"
""".encode()
INSTALL: Mapping[str, Any] = {
    "architecture": "amd64",
    "packages": [{"deb": "x.deb", "name": "x", "version": "1", "sha256": SHA}],
    "exclude": ["usr/share/doc/**", "**/*.[ao]"],
    "debconf": {"a/b": "c"},
    "dpkg_database": "status",
    "target": "//:x",
}
ROOTFS: Mapping[str, Any] = {
    "architecture": "amd64",
    "installed": "x.tar",
    "owners": "x.json",
    "files": [
        {"path": "etc/x", "source": "/dev/null", "mode": "0644", "owner": "root:root", "replace": True}
    ],
    "symlinks": [{"path": "etc/y", "target": "x"}],
    "directories": [{"path": "var/x", "says": "0750 root:root"}],
    "services": {"enable": ["a.service"], "disable": [], "mask": [], "unmask": []},
    "target": "//:x",
}
INJECT: Mapping[str, Any] = {
    "files": [{"path": "etc/x", "source": "@SOURCE@", "mode": "0644", "replace": False}],
    "symlinks": [{"path": "etc/y", "target": "x"}],
    "directories": [{"path": "var/x", "says": "0750 root:root"}],
}
UNITS = (
    b"[Unit]\nDescription=x \\\n y\n[Service]\nType=simple\n"
    b"ExecStart=-/bin/a \"b c\" 'd;' $X ${Y} %i\n"
    b"[Install]\nWantedBy=a.target b.target\n# no\n Also=b.service\n",
    b"[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=x-%i.target\nDefaultInstance=y\nRequiredBy=%p.target\n",
)
CONTROL = (
    b"Package: a\nVersion: 1:2.0-1\nArchitecture: all\nMulti-Arch: foreign\nPriority: optional\nSection: x\n"
    b"Essential: yes\nMaintainer: J\xf6rg <j@mirror.example>\nDepends: b (>= 1:2~) | c:any, d (<< 3)\n"
    b"Recommended: e\nProvides: v (= 1)\nDescription: short\n long\n .\n more\nX-Own: 1\n"
)
