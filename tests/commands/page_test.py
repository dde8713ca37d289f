"""The page on commands."""

from pathlib import Path

from tests.commands.page import PATH, page


def test_the_page_on_commands_would_tell_of_others() -> None:
    text = (Path(__file__).parents[2] / PATH).read_text()
    assert text == page(), "tools/bazel run //tests/commands:page makes it anew"
