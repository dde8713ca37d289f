"""Stage kernel_config: a kernel that a guest can't run on is found before the first boot on its hardware."""

from pathlib import Path

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.kernel import kernel_config
from tools.sysimage.kernel.kernel_config import holds, parse

TEXT = """#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.12.118 Kernel Configuration
#
CONFIG_X86_PAT=y
CONFIG_SEV_GUEST=m
# CONFIG_DEVMEM is not set
CONFIG_LSM="landlock,lockdown,yama"
CONFIG_RND_BITS=28
CONFIG_RND_BITS_MAX=32
"""


def _main(folder: Path, *words: str, accept: str = "", text: str = TEXT) -> int:
    (folder / "config").write_text(text)
    (folder / "accept.toml").write_text(accept)
    more = ["--accept", str(folder / "accept.toml")] if accept else []
    return kernel_config.main(["--config", str(folder / "config"), *words, *more])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X86_PAT=y", True),
        ("X86_PAT=n", False),
        ("SEV_GUEST=y", False),
        ("SEV_GUEST=y|m", True),
        ("SEV_GUEST=y|m & X86_PAT=n", False),
        ("(SEV_GUEST=y|m)&(X86_PAT=n|X86_PAT=y)", True),
        ("DEVMEM=n", True),
        ("DEVMEM=?", True),
        ("NOT_THERE=n", True),
        ("NOT_THERE=?", False),
        # & binds before |.
        ("X86_PAT=y | DEVMEM=y & DEVMEM=n", True),
        ("(X86_PAT=y | DEVMEM=y) & DEVMEM=y", False),
        ("LSM=*lockdown*", True),
        ("LSM=*selinux*", False),
        ("RND_BITS=$RND_BITS_MAX", False),
        ("RND_BITS_MAX=$RND_BITS_MAX", True),
        ("NOT_THERE=$ANOTHER", False),
        ("version>=6.12.118", True),
        ("version >= 6.12.119", False),
        ("version>=6.9", True),
        ("version>=7", False),
    ],
)
def test_a_condition_would_be_read_otherwise(text: str, expected: bool) -> None:
    assert holds(text, parse(TEXT, "config")) is expected


@pytest.mark.parametrize("text", ["A", "A=", "A=y B=y", "(A=y", "A=y)", "A=y &", "| A=y", "()"])
def test_a_condition_that_cannot_be_read_would_hold(text: str) -> None:
    with pytest.raises(ToolError, match="condition "):
        holds(text, parse(TEXT, "config"))


def test_a_kernel_without_pat_would_boot_nowhere_and_nothing_would_say_why(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"X86_PAT=y: it is not there \(sev-snp: .*hangs"):
        _main(tmp_path, "--require", "sev-snp", text=TEXT.replace("CONFIG_X86_PAT=y\n", ""))


def test_an_option_of_ones_own_would_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(tmp_path, "--require", "X86_PAT=y", "--forbid", "DEVMEM=root reads memory") == 0
    assert capsys.readouterr().out == "2 conditions hold, 0 fail with a reason\n"
    with pytest.raises(
        ToolError, match=r"SEV_GUEST=y: it is m \(required\); X86_PAT=n: it is y \(forbidden: old\)"
    ):
        _main(tmp_path, "--require", "SEV_GUEST=y", "--forbid", "X86_PAT=old")


def test_what_is_accepted_would_stay_so_for_ever(tmp_path: Path) -> None:
    accept = '[[accept]]\nreason = "slow"\noptions = ["SEV_GUEST"]\narm64 = ["X86_PAT"]\n'
    assert _main(tmp_path, "--require", "SEV_GUEST=y", accept=accept) == 0
    with pytest.raises(ToolError, match=r"SEV_GUEST: .*accept\.toml accepts it, but nothing is wrong"):
        _main(tmp_path, "--require", "SEV_GUEST=m", accept=accept)


@pytest.mark.parametrize(
    "accept",
    [
        "[[accept]]\noptions = []\n",
        '[[accept]]\nreason = ""\n',
        '[[accept]]\nreason = "a"\nopttions = []\n',
        "[[",
    ],
)
def test_a_reason_could_be_left_out(tmp_path: Path, accept: str) -> None:
    with pytest.raises(ToolError, match=r"accept\.toml: .*write \[\[accept\]\] with reason"):
        _main(tmp_path, "--require", "X86_PAT=y", accept=accept)


@pytest.mark.parametrize("word", ["sev_snp", "X86_PAT", "=y"])
def test_a_set_that_is_spelled_wrongly_would_ask_for_nothing(tmp_path: Path, word: str) -> None:
    with pytest.raises(ToolError, match="sev-snp, tdx, verity-disk, hardening"):
        _main(tmp_path, "--require", word)


def test_forbidding_without_a_reason_would_pass(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="write OPTION=why"):
        _main(tmp_path, "--forbid", "DEVMEM")


def test_another_file_would_pass_as_a_configuration() -> None:
    with pytest.raises(ToolError, match="notes: no configuration of a kernel"):
        parse("CONFIG_X86_PAT=y\n", "notes")


@pytest.mark.parametrize("name", ["sev-snp", "tdx", "verity-disk", "hardening"])
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_a_set_would_have_a_condition_that_cannot_be_read(name: str, architecture: str) -> None:
    conditions = kernel_config.required([name], architecture)
    assert conditions
    for condition in conditions:
        holds(condition.text, parse(TEXT, "config"))
