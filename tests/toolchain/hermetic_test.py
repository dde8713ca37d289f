"""The toolchain's own commands: what they open, and whether where they run shows in what they make."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testing import programs

RUNFILES = Path.cwd()
HERE = RUNFILES / "tests/toolchain"
SYSROOT = RUNFILES / "system_image/sysroot"
SOURCES = {"c": "c.c", "c++": "sanitized.cc", "assembler": "preprocessed.S"}

# What of the host every process looks at: its own loader's hook, which no option turns off, and devices.
EVERYWHERE = {"/etc/ld.so.preload", "/dev/null", "/dev/urandom", "/proc/self/cwd"}
# What gcc looks for, and the launcher before it: where one is found, it refuses to go on.
SPECS = re.compile(r"/usr/lib/gcc(-cross)?/(x86_64|aarch64)-linux-gnu/specs")


class Execroot:
    """A folder like the one in which Bazel runs actions: a sandbox of links, or a copy."""

    def __init__(self, folder: Path, mode: str, *, links: bool) -> None:
        self.folder = folder = folder.resolve()
        self.commands = json.loads((HERE / f"commands_{mode}_guest/commands").read_text())
        tool = Path(self.commands["c++"]["argv"][0])
        # bazel-out/CONFIGURATION/bin/system_image/sysroot/usr/bin/g++
        place = folder / tool.parents[2]
        for root, _, names in os.walk(SYSROOT, followlinks=True):
            copied = place / Path(root).relative_to(SYSROOT)
            copied.mkdir(parents=True)
            for name in names:
                source = Path(root, name).resolve()
                if links:
                    (copied / name).symlink_to(source)
                else:
                    shutil.copyfile(source, copied / name)
                    shutil.copymode(source, copied / name)
        for name in SOURCES.values():
            shutil.copyfile(HERE / name, folder / name)
        (folder / "tmp").mkdir()

    def command(self, action: str, source: str, output: str, *more: str) -> list[str]:
        """The command line of an action."""
        argv = self.commands[action]["argv"]
        words = [word.replace("SOURCE", source).replace("OUTPUT", output) for word in argv]
        return [*words, *more]

    def run(self, action: str, source: str, output: str, *more: str, prefix: tuple[str, ...] = ()) -> None:
        """Runs an action with nothing in its environment but what the toolchain puts there."""
        env = {**self.commands[action]["env"], "TMPDIR": "tmp"}
        command = [*prefix, *self.command(action, source, output, *more)]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def build(self, *more: str, prefix: tuple[str, ...] = ()) -> None:
        """Compiles each language, and links the program of C++."""
        for action, source in SOURCES.items():
            self.run(action, source, f"{source}.o", *more, prefix=prefix)
        self.run("link", "sanitized.cc.o", "program", *more, prefix=prefix)


def opened(log: str) -> Iterator[str]:
    """The paths in a log of strace, in whatever call."""
    for line in log.splitlines():
        yield from re.findall(r'"((?:[^"\\]|\\.)*)"', line.partition(" = ")[0].partition("[")[0])


@pytest.fixture(scope="module")
def execroot(tmp_path_factory: pytest.TempPathFactory) -> Execroot:
    # Links would have their own targets, which are outside, looked for.
    return Execroot(tmp_path_factory.mktemp("execroot"), "opt", links=False)


@pytest.mark.parametrize("more", [(), ("-flto",), ("-fsanitize=address",), ("-static",)])
def test_nothing_outside_of_the_sandbox_is_looked_for(execroot: Execroot, more: tuple[str, ...]) -> None:
    log = execroot.folder / "tmp/strace"
    folder = RUNFILES / os.environ["STRACE"]
    start = (*programs.argv(folder), "-f", "-qq", "-s", "4096")
    start += ("-e", "trace=%file", "-A", "-o", str(log))
    execroot.build(*more, prefix=start)
    text = log.read_text()
    assert "cc1plus" in text and "collect2" in text
    inside = f"{execroot.folder}/"
    outside = {
        path
        for path in opened(text)
        if path.startswith("/") and not path.startswith(inside) and not SPECS.fullmatch(path)
    }
    # Whoever wants to know a path without links looks at all the folders above it.
    assert not outside - EVERYWHERE - {str(folder) for folder in (execroot.folder, *execroot.folder.parents)}


@pytest.mark.parametrize("mode", ["opt", "dbg"])
def test_two_folders_give_the_same_objects_and_programs(tmp_path: Path, mode: str) -> None:
    for more in ((), ("-flto",)):
        made = []
        for name in ("a", "another/folder/of/another/depth"):
            (tmp_path / name).mkdir(parents=True)
            root = Execroot(tmp_path / name, mode, links=True)
            root.build(*more)
            made.append({path.name: path.read_bytes() for path in root.folder.iterdir() if path.is_file()})
            shutil.rmtree(root.folder)
        assert made[0].keys() == made[1].keys()
        assert not [name for name in made[0] if made[0][name] != made[1][name]]


def test_no_path_of_the_host_is_in_what_is_made(tmp_path: Path) -> None:
    root = Execroot(tmp_path, "dbg", links=True)
    root.build()
    for path in root.folder.iterdir():
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes(), path.name
            assert b"/sysroot/usr/include" not in path.read_bytes(), path.name


def test_commands_made_absolute_would_fail_in_another_folder(execroot: Execroot, tmp_path: Path) -> None:
    # As rules_foreign_cc does it: each path of an output gets the execution root before it.
    for action, source, output in (
        ("c++", "sanitized.cc", "x.o"),
        ("c", "c.c", "y.o"),
        ("link", "x.o", "program"),
    ):
        where = execroot.folder if action != "link" else tmp_path
        words = [
            before + (f"{execroot.folder}/" if found and not before.endswith("/") else "") + found + after
            for before, found, after in (
                word.partition("bazel-out/")
                for word in execroot.command(action, str(where / source), str(tmp_path / output))
            )
        ]
        done = subprocess.run(words, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def in_a_root_of_its_own(root: Execroot) -> int:
    """Builds where there is nothing but the sysroot and the sources; the status, or the test is skipped."""
    child = os.fork()
    if child == 0:
        try:
            os.unshare(os.CLONE_NEWUSER)
            os.chroot(root.folder)
        except OSError:
            os._exit(77)
        try:
            os.chdir("/")
            root.folder = Path("/")
            root.build()
        except BaseException as error:
            os.write(2, f"{error}\n".encode())
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 77:
        pytest.skip("this host lets nobody make a root of his own")
    return status


def test_it_works_where_there_is_no_libc_and_no_other_program(tmp_path: Path) -> None:
    assert in_a_root_of_its_own(Execroot(tmp_path, "opt", links=False)) == 0
    assert (tmp_path / "program").stat().st_mode & 0o111


def test_it_refuses_to_follow_what_gcc_reads_by_an_absolute_path(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    specs = tmp_path / "usr/lib/gcc/x86_64-linux-gnu/specs"
    specs.parent.mkdir(parents=True)
    specs.touch()
    assert in_a_root_of_its_own(Execroot(tmp_path, "opt", links=False)) == 1
    message = "error: /usr/lib/gcc/x86_64-linux-gnu/specs: would change what gcc does; remove it"
    assert message in capfd.readouterr().err
