"""What a caller does with the machine: commands of its own, and programs that are scripts."""

from collections.abc import Sequence

from tests.scripts.world import Inode, Memory
from tools.sysimage.scripts import shell as shells
from tools.sysimage.scripts.files import FileType
from tools.sysimage.scripts.machine import Machine


def _machine(programs: dict[str, bytes], seen: list[Sequence[str]]) -> Machine:
    memory = Memory()
    memory.root.entries["work"] = Inode(FileType.DIRECTORY, 0o755)

    def find(_: Machine, name: str) -> object:
        def run(machine: Machine, argv: Sequence[str]) -> int:
            seen.append(argv)
            return shells.run_program(machine, programs[name], argv)

        return run if name in programs else None

    return shells.shell(memory, find, variables={"SEEN": "é"}, directory="/work")  # type: ignore[arg-type]


def test_a_program_that_is_a_script_would_see_what_is_not_its_own() -> None:
    seen: list[Sequence[str]] = []
    inner = b'echo "$0 $# $1 [$x] [$y] $SEEN"; x=9; cd /; f; echo >&3 to three; exit 5\n'
    machine = _machine({"prog": inner}, seen)
    script = b'x=1; export y=2; f() { echo no; }; exec 3>&1; prog "a b"; echo $? $x; pwd; SEEN=z prog\n'
    assert shells.run(machine, script, "outer", ["arg"]) == 5
    assert shells.output(machine, 1) == (
        b"prog 1 a b [] [2] \xc3\xa9\nto three\n5 1\n/work\nprog 0  [] [2] z\nto three\n"
    )
    assert shells.output(machine, 2) == b"prog: 1: f: not found\n" * 2
    assert seen == [["prog", "a b"], ["prog"]]


def test_an_argument_that_is_not_ascii_would_reach_a_command_garbled() -> None:
    seen: list[Sequence[str]] = []
    machine = _machine({"prog": b""}, seen)
    assert shells.run(machine, "prog é \udcff*\n".encode("utf-8", "surrogateescape"), "outer", []) == 0
    assert seen == [["prog", "é", "\udcff*"]]


def test_the_next_run_would_begin_with_the_traps_and_files_of_the_last() -> None:
    machine = _machine({}, [])
    assert shells.run(machine, b"trap 'echo bye' EXIT; f() { echo $1; }\n", "one", []) == 0
    assert shells.run(machine, b"f $1; exit 3\n", "two", ["x"]) == 3
    assert shells.output(machine, 1) == b"bye\nx\n"
