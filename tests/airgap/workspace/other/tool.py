"""A tool for actions: writes what it knows to the file that it is told."""

import sys
from pathlib import Path

import answer
import iniconfig

Path(sys.argv[1]).write_text(
    f"{answer.QUESTION}: {answer.ANSWER}, by {iniconfig.__name__}\n", encoding="utf-8"
)
