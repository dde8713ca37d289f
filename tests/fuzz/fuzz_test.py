"""A small part of what fuzz.py tries, the same in every run, and each input that was once read wrongly."""

from pathlib import Path

import pytest

from tests.fuzz import fuzz
from tests.fuzz.readers import READERS

_INPUTS = 150  # of each reader; 19 readers take 10 s together
_KEPT = sorted((Path(__file__).parent / "kept").iterdir())


@pytest.mark.parametrize("name", sorted(READERS))
def test_mutated_input_would_be_a_traceback_or_hang(name: str) -> None:
    with fuzz.limits():
        for number in range(_INPUTS):
            problem = fuzz.attempt(name, fuzz.made(name, 1, number))
            assert problem in ("", "refused"), f"number {number} of seed 1"


@pytest.mark.parametrize("name", sorted(READERS.keys() - {"blob"}))
def test_inputs_would_start_from_what_no_reader_takes(name: str) -> None:
    for seed in READERS[name].seeds:
        assert not fuzz.attempt(name, seed)


@pytest.mark.parametrize("path", _KEPT, ids=lambda path: path.name)
def test_kept_input_would_be_read_wrongly_again(path: Path) -> None:
    with fuzz.limits():
        assert fuzz.attempt(path.name.partition(".")[0].replace("_", " "), path.read_bytes()) in (
            "",
            "refused",
        )
