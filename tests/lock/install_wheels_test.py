import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.sysimage.lock import install_wheels


@pytest.fixture
def requirement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A wheel in the only place where pip looks, and the line of a lock for it."""
    wheel = tmp_path / "wheels/greeting-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", 'TEXT = "greetings"\n')
        archive.writestr(
            "greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"
        )
        archive.writestr(
            "greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("greeting-1.0.dist-info/RECORD", "")
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheel.parent),
        "PYTHONHOME": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    return f"greeting==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _install(folder: Path, requirement: str) -> subprocess.CompletedProcess[str]:
    """Runs the program as the repository rule does: alone, on a bare Python."""
    (folder / "lock.txt").write_text(requirement)
    program = [sys.executable, "-I", "-B", install_wheels.__file__]
    return subprocess.run(
        [*program, "lock.txt", "site-packages"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_locked_wheel_is_installed_whatever_python_is_told_by_the_environment(
    tmp_path: Path, requirement: str
) -> None:
    done = _install(tmp_path, requirement)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "site-packages/greeting.py").exists()
    assert not list((tmp_path / "site-packages").rglob("*.pyc")), "byte code holds the path of this machine"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("--hash=sha256:", f"--hash=sha256:{'0' * 64} #"), "THESE PACKAGES DO NOT MATCH THE HASHES"),
        (("==1.0", "==2.0"), "No matching distribution found for greeting==2.0"),
        (("--hash", "# --hash"), "Hashes are required in --require-hashes mode"),
    ],
)
def test_what_can_not_be_installed_is_one_line_with_what_to_do(
    tmp_path: Path, requirement: str, change: tuple[str, str], says: str
) -> None:
    done = _install(tmp_path, requirement.replace(*change))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert says in line
    assert "PIP_INDEX_URL or pip.conf has to name an index that has them" in line
