"""The page that lists what maintainer scripts can call, made of the code's own docstrings.

    tools/bazel run //tests/commands:page

writes tools/sysimage/commands/README.md anew.
"""

import inspect
import os
import sys
from collections import defaultdict
from pathlib import Path

from tools.sysimage.commands import registry
from tools.sysimage.commands.left import LEFT
from tools.sysimage.effects.registry import EFFECTS

PATH = "tools/sysimage/commands/README.md"
_HEAD = """# What maintainer scripts can call

Scripts of packages are interpreted. A command below does to the tree what its program does, with the options
that scripts use; another option ends the build by its name. A program that is a shell script itself
is interpreted, too.
Made by `tools/bazel run //tests/commands:page`; don't edit.

## Left for the guest

| kind | why |
|---|---|
"""


def page() -> str:
    """The text of the page."""
    text = _HEAD + "".join(f"| {kind} | {why} |\n" for kind, why in sorted(LEFT.items()))
    text += "\n## Commands\n\n"
    families: dict[str, list[str]] = defaultdict(list)
    for family in registry.FAMILIES:
        summary = (inspect.getdoc(registry.family_module(family)) or "").partition("\n")[0]
        families[summary] += sorted(registry.commands(family))
    for summary, names in sorted(families.items()):
        text += f"- {', '.join(f'`{name}`' for name in names)}: {summary}\n"
    text += "\n## Effects\n\nAn entry of a ledger can name these, with their parameters.\n\n"
    for name, effect in sorted(EFFECTS.items()):
        parameters = [
            parameter.name
            if parameter.default is parameter.empty
            else f"{parameter.name} = {parameter.default!r}"
            for parameter in list(inspect.signature(effect.function).parameters.values())[2:]
        ]
        summary = (inspect.getdoc(effect.function) or "").partition("\n")[0]
        text += f"- `{name}` ({', '.join(parameters) or 'no parameters'}; {effect.when.value}): {summary}\n"
    return text


def main() -> int:
    """Writes the page into the workspace."""
    (Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", ".")) / PATH).write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
