"""How every tool fails: one line, a status, and nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.sysimage.core import atomic

HEAD = "import errno, sys, time\nfrom pathlib import Path\nfrom tools.sysimage.core import atomic, errors\n"
BODIES = {
    "refuses": "raise errors.ToolError('x.deb: cut off;\\n  fetch it again')",
    "hostile": "raise errors.ToolError('entry \\x1b[2Jx\\u202ey')",
    "disk_full": "raise OSError(errno.ENOSPC, 'No space left on device')",
    "interrupted": "raise KeyboardInterrupt",
    "target": "errors.about('out/x.json', '//:x'); raise errors.ToolError('out/x.json: users: no')",
    "target_elsewhere": "errors.about('out/x.json', '//:x'); raise errors.ToolError('a.deb: cut off')",
    "no_manifest": "raise errors.ToolError('a.deb: cut off')",
    "no_manifest_disk_full": "raise OSError(errno.ENOSPC, 'No space left on device')",
    "umask": "print(f'{errors.os.umask(0):03o}')",
    "bug": "raise ValueError('a bug')",
    "waits": "stream.write(b'half'); print('ready', flush=True); time.sleep(60)",
}


def start(folder: Path, body: str) -> subprocess.Popen[str]:
    """Starts a tool that opens an output and then does what `body` says."""
    program = folder / "tool.py"
    program.write_text(
        f"{HEAD}def main(argv):\n with atomic.output(Path(argv[0])) as stream:\n  {BODIES[body]}\n return 0\n"
        "errors.run(main)\n"
    )
    target = ["--target", "//:y"] if body.startswith("no_manifest") else []
    return subprocess.Popen(
        [sys.executable, program, *target, folder / "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("refuses", 1, "error: x.deb: cut off; fetch it again\n"),
        ("hostile", 1, "error: entry \\x1b[2Jx\\u202ey\n"),
        ("disk_full", 1, "error: OUT: No space left on device; free some space and run it again\n"),
        ("target", 1, "error: //:x: users: no\n"),
        ("target_elsewhere", 1, "error: //:x: a.deb: cut off\n"),
        ("no_manifest", 1, "error: //:y: a.deb: cut off\n"),
        (
            "no_manifest_disk_full",
            1,
            "error: //:y: OUT: No space left on device; free some space and run it again\n",
        ),
        ("interrupted", 130, ""),
    ],
)
def test_what_can_be_foreseen_is_one_line_and_leaves_nothing(
    tmp_path: Path, body: str, status: int, said: str
) -> None:
    tool = start(tmp_path, body)
    _, stderr = tool.communicate(timeout=60)
    assert (tool.returncode, stderr) == (status, said.replace("OUT", str(tmp_path / "out")))
    assert [path.name for path in tmp_path.iterdir()] == ["tool.py"]


def test_a_second_build_s_umask_is_that_of_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEM_IMAGE_UMASK", "027")
    assert start(tmp_path, "umask").communicate(timeout=60)[0] == "027\n"


def test_a_bug_keeps_its_traceback_and_leaves_nothing(tmp_path: Path) -> None:
    tool = start(tmp_path, "bug")
    _, stderr = tool.communicate(timeout=60)
    assert tool.returncode == 1
    assert stderr.startswith("Traceback")
    assert [path.name for path in tmp_path.iterdir()] == ["tool.py"]


def test_a_tool_that_is_told_to_stop_removes_what_it_has_half_written(tmp_path: Path) -> None:
    tool = start(tmp_path, "waits")
    assert tool.stdout is not None
    assert tool.stdout.readline() == "ready\n"
    tool.send_signal(signal.SIGTERM)
    started = time.monotonic()
    tool.communicate(timeout=60)
    assert time.monotonic() - started < 30
    assert tool.returncode == 143
    assert [path.name for path in tmp_path.iterdir()] == ["tool.py"]


def test_an_output_can_be_read_by_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with atomic.output(tmp_path / "out") as stream:
            stream.write(b"whole")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out").read_bytes() == b"whole"


def test_an_output_that_fails_leaves_the_older_one_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"older")
    with pytest.raises(ValueError), atomic.output(tmp_path / "out") as stream:
        stream.write(b"half")
        raise ValueError
    assert (tmp_path / "out").read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 1
