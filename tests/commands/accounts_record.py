"""Records what trixie's adduser and shadow do, for accounts_test.py.

    accounts_record.py JAIL >accounts.json

JAIL is a root filesystem with adduser and passwd, in which root can chroot; each script runs in a copy of it.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FILES = (
    "passwd",
    "group",
    "shadow",
    "gshadow",
    "subuid",
    "subgid",
    "login.defs",
    "default/useradd",
    "adduser.conf",
)
_PROC = ("unshare", "--mount", "--pid", "--fork")  # usermod looks for processes of the user
SKELETON = (".bashrc", ".profile", ".bash_logout")
FOLDERS = ("home", "run", "srv", "var/lib", "tmp")


def main() -> None:
    """Writes the base files and, for each line of accounts.txt, what it changes and answers."""
    jail = Path(sys.argv[1])
    cases = []
    for script in Path(__file__).with_name("accounts.txt").read_text().splitlines():
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "root"
            subprocess.run(["cp", "-a", jail, copy], check=True)
            done = subprocess.run(
                [*_PROC, f"--mount-proc={copy}/proc", "chroot", copy, "/bin/sh", "-c", script],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
                check=False,
            )
            cases.append(
                {
                    "script": script,
                    "stdout": done.stdout.decode(),
                    "files": {name: _text(copy, name) for name in FILES[:6]},
                    "folders": _folders(copy),
                }
            )
            shutil.rmtree(copy)
    base = {name: _text(jail, name) for name in FILES}
    print(json.dumps({"base": base, "cases": cases}, indent=1))


def _text(root: Path, name: str) -> str:
    path = root / "etc" / name
    text = path.read_text() if path.exists() else ""
    if name == "login.defs" or name.startswith(("adduser", "default")):
        return "".join(f"{line}\n" for line in text.splitlines() if line and not line.startswith("#"))
    # The day of the last change of a password is the only thing that a clock says.
    return "".join(
        ":".join([*fields[:2], "", *fields[3:]]) + "\n" if name == "shadow" else f"{line}\n"
        for line in text.splitlines()
        for fields in [line.split(":")]
    )


def _folders(root: Path) -> list[str]:
    found = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            status = path.lstat()
            name = path.relative_to(root)
            known = str(name).startswith("var/lib/systemd/")
            if not known and (status.st_uid or path.is_relative_to(root / "home")):
                found.append(f"{name} {status.st_mode & 0o7777:o} {status.st_uid}:{status.st_gid}")
    return found


if __name__ == "__main__":
    main()
