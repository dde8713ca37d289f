"""What `--help` says of the programs that people start with `bazel run`."""

import contextlib
import importlib
import io
import re

import pytest

PROGRAMS = (
    "boot.vm",
    "evidence.diff",
    "evidence.explain",
    "evidence.sign",
    "evidence.size",
    "image.summary",
    "kernel.kernel_config",
    "kernel.kernel_module_check",
    "lock.main",
    "measure.measurements",
    "publish.pin",
    "publish.push",
    "rootfs.compare",
    "rootfs.ledger_report",
    "toolchain.compile_commands",
)
# Tests that take nothing but what their targets give.
TESTS = (
    "boot.check",
    "evidence.policy",
    "evidence.repro",
    "measure.measurements_golden",
    "toolchain.elf_dependencies",
)
GIVEN = re.compile(r"--(vm|lock|manifest|facts|effects|runfiles|settings|contents|golden|config|packages)\b")


def _help(program: str) -> str:
    said = io.StringIO()
    module = importlib.import_module(f"tools.sysimage.{program}")
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    assert ended.value.code == 0
    return said.getvalue()


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_has_examples_that_name_what_the_program_takes(program: str) -> None:
    """Without it an example goes stale when an option is renamed."""
    options, _, examples = _help(program).partition("\nexamples:\n")
    lines = examples.splitlines()
    assert len(lines) >= 2, "one or no example"
    assert all(line.startswith(("  bazel run ", "  bazel test ")) for line in lines)
    for option in re.findall(r" (--[\w-]+|-\w)\b", examples.replace(" -- ", " ")):
        assert re.search(rf"(^|[\s,|]){option}\b", options), (
            f"{option} is in an example and not among the options"
        )


@pytest.mark.parametrize("program", PROGRAMS + TESTS)
def test_help_does_not_ask_for_what_the_launcher_gives(program: str) -> None:
    """Without it users are told of options that they must not give."""
    options = _help(program).partition("\nexamples:\n")[0]
    assert not GIVEN.search(options)


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_option_says_what_it_is_for(program: str) -> None:
    """Without it an option stands there with its name alone."""
    options = _help(program).partition("\nexamples:\n")[0].partition("options:\n")[2]
    entries = re.split(r"\n(?=  -)", options.rstrip())
    assert len(entries) >= 2
    for entry in entries:
        assert re.search(r"\S {2,}\S|\n {20,}\S", entry), entry


@pytest.mark.parametrize("program", TESTS)
def test_help_of_a_test_says_what_it_proves_and_how_it_is_started(program: str) -> None:
    """Without it somebody who runs a test by hand sees options that they must not give, or nothing."""
    options, _, examples = _help(program).partition("\nexamples:\n")
    assert len(options.partition("options:\n")[0].split()) >= 10, options
    assert re.findall(r" (--?[a-z][\w-]*)", options.partition("options:\n")[2]) == ["-h", "--help"], options
    assert examples.startswith("  bazel test //:")
