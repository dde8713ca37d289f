"""The command line of a program that people start with `bazel run`: one form of --help for all of them."""

import argparse
from collections.abc import Mapping
from typing import Any


class CommandLine(argparse.ArgumentParser):
    """Its help tells what a program does, its options and examples; not what its launcher gives."""

    def __init__(self, name: str, doc: str, examples: Mapping[str, str]) -> None:
        """Makes one.

        Args:
          name: what the usage calls the program.
          doc: what it does, such as its module's docstring; shown as it is.
          examples: command → what it is for.
        """
        width = max(map(len, examples))
        lines = [f"  {command:{width}}  {purpose}".rstrip() for command, purpose in examples.items()]
        super().__init__(
            prog=name,
            description=doc.strip(),
            epilog="\n".join(["examples:", *lines]),
            formatter_class=_Formatter,
            allow_abbrev=False,
        )

    def given(self, option: str, **kwargs: Any) -> None:
        """Adds an option that the launcher gives."""
        self.add_argument(option, required=True, help=argparse.SUPPRESS, **kwargs)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Paragraphs as they were written, options in two columns."""

    def __init__(self, prog: str, **kwargs: Any) -> None:
        super().__init__(prog, max_help_position=28, width=100, **kwargs)
