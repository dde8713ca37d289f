"""What stage1 takes of the kernel's command line: a slip there must never switch a check off."""

import os
import subprocess
from pathlib import Path

import pytest

INIT = Path(os.environ["IMAGE_INIT"]).absolute()
GOOD = "0123456789abcdef" * 4


def read(line: str) -> str:
    """What stage1 takes of a command line: size, digest, how it unpacks; or why it refuses it."""
    done = subprocess.run(
        [INIT, "--check", line],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        assert done.stderr.count("\n") == 1
        return "refused: " + done.stderr.strip()
    return ",".join(word.partition("=")[2] for word in done.stdout.split())


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("console=ttyS0 quiet stage1.size=7 -- x", "7,,"),
        (f"stage1.size=7 stage1.sha256={GOOD} stage1.unpack=plain", f"7,{GOOD},plain"),
        (f"stage1.size=7\nstage1.sha256={GOOD}", f"7,{GOOD},"),
        ("stage1.size=999999999999999 * root=stage2.x", "999999999999999,,"),
    ],
)
def test_sound_words_would_be_refused(line: str, taken: str) -> None:
    assert read(line) == taken


@pytest.mark.parametrize(
    "words",
    [
        *(
            "",
            "stage1.size=",
            "stage1.size",
            "stage1.size=0",
            "stage1.size=07",
            "stage1.size=-7",
            "stage1.size=7M",
        ),
        *(
            "stage1.size=7 stage1.size=7",
            "stage1.size=9999999999999999",
            "stage1.size=0x7",
            "stage1.size=7=7",
        ),
        *(
            f"stage1.size=7 {more}"
            for more in (
                f"stage1.sha256={GOOD} stage1.sha256=",
                f"stage1.sha256= stage1.sha256={GOOD}",
                f"stage1.sha256={GOOD} stage1.sha256={GOOD}",
                *("stage1.sha256=BAD stage1.sha256=", "stage1.sha256=", "stage1.sha256", "stage1.sha256=BAD"),
                *(f"stage1.sha256={GOOD[:-1]}", f"stage1.sha256={GOOD}0", f"stage1.sha256={GOOD.upper()}"),
                *(
                    "stage1.sha256=4abcde",
                    f'stage1.sha256="{GOOD}"',
                    f'"stage1.sha256={GOOD}"',
                    "stage1.sha256=?",
                ),
                *(f"stage1.sha256:{GOOD}", f"stage1_sha256={GOOD}", "stage1", "stage1.", "stage1.=x"),
                *("stage1.unpack=", "stage1.unpack=Plain", "stage1.unpack=plain stage1.unpack=plain"),
                "stage1.other=1",
            )
        ),
    ],
)
def test_word_would_switch_the_check_off(words: str) -> None:
    assert read(words).startswith("refused: "), read(words)
