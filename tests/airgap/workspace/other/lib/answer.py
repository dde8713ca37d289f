"""Imported by name alone, through `imports`."""

from pathlib import Path

QUESTION = (Path(__file__).parents[1] / "question.txt").read_text(encoding="utf-8").strip()
ANSWER = 42
