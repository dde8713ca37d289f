"""The page on commands."""

from pathlib import Path

from tests.commands.page import PATH, page
from tools.sysimage.commands import registry


def test_the_page_on_commands_would_tell_of_others() -> None:
    text = (Path(__file__).parents[2] / PATH).read_text()
    assert text == page(), "tools/bazel run //tests/commands:page makes it anew"


def test_a_command_of_a_family_would_not_be_found() -> None:
    folder = Path(registry.__file__).parent
    texts = {path.stem: path.read_text() for path in folder.glob("*.py")}
    with_commands = {name for name, text in texts.items() if "\nCOMMANDS: Mapping[str, Command] = {" in text}
    assert with_commands <= set(registry.FAMILIES)
    by_name = [
        (name, command)
        for family in registry.FAMILIES
        for name, command in registry.family_module(family).COMMANDS.items()
    ]
    assert sorted(name for name, _ in by_name) == sorted(registry.COMMANDS)
    assert all(registry.COMMANDS[name] is command for name, command in by_name)
