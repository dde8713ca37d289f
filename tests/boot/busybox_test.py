"""Stage busybox: a guest without a shell could not tell how its boot went, nor be looked into."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.testing.debs import Deb, File
from tools.sysimage.boot import busybox
from tools.sysimage.core.errors import ToolError


def take(folder: Path, *debs: Deb) -> Path:
    """Runs the stage; returns the program."""
    packages = [{"name": deb.name, "deb": str(deb.write(folder))} for deb in debs]
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"architecture": "amd64", "packages": packages}))
    output = folder / "busybox"
    assert busybox.main(["--manifest", str(manifest), "--output", str(output)]) == 0
    return output


def test_the_program_of_the_package_is_written(tmp_path: Path) -> None:
    deb = Deb("busybox-static", {"usr/bin/busybox": File("static", 0o755), "usr/bin/other": "other"})
    assert take(tmp_path, deb).read_text() == "static"


def test_a_set_without_busybox_is_refused_with_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"usr/bin/busybox: no package .* add busybox-static to the set"):
        take(tmp_path, Deb("other", {"usr/bin/other": "other"}))


def test_a_busybox_would_fail_in_the_guest_for_want_of_libc(tmp_path: Path) -> None:
    dynamic = Path(os.environ["DYNAMIC"], "bin/busybox").read_bytes()
    with pytest.raises(ToolError, match=r"needs libraries.*; name busybox-static in place of busybox"):
        take(tmp_path, Deb("busybox", {"usr/bin/busybox": File(dynamic, 0o755)}))


def test_a_guest_without_coreutils_could_not_report() -> None:
    program = Path(os.environ["BUSYBOX"]).absolute()
    # The scripts of the guest call these by name, whatever PATH is.
    words = "cat cut grep printf readlink rm sed sleep sort tail timeout"
    script = f"for word in {words}; do type $word || exit; done; printf 'a\\nb\\n' | tail -n 1 | sed s/b/c/"
    done = subprocess.run(
        [program, "sh", "-c", script],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "c"
