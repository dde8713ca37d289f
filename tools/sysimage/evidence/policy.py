"""policy: whether an image keeps a policy, which is a reviewed TOML file.

Each line of the policy is a rule; what it does not name is not looked at. See policy_rules.py for all of
them.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.evidence import facts
from tools.sysimage.evidence.policy_rules import RULES, check_value

_EXAMPLES = {
    "bazel test //:guest_policy_test": "names each path, package, unit and user that breaks it",
}


def main(argv: Sequence[str]) -> int:
    """Prints what breaks the policy; returns 1 if anything does."""
    parser = CommandLine("policy", __doc__ or "", _EXAMPLES)
    parser.given("--facts", type=Path)
    parser.given("--policy", type=Path)
    options = parser.parse_args(argv)
    found = facts.load(options.facts)
    broken = list(breaches(found, options.policy.read_text("utf-8"), str(options.policy)))
    for line in broken:
        print(line, file=sys.stderr)
    name = found.image.target or found.image.name
    if broken:
        print(f"{name}: breaks its policy {len(broken)} times; change the image, or have the policy reviewed")
    else:
        print(f"{name}: is as {options.policy} wants it")
    return 1 if broken else 0


def breaches(found: facts.Facts, text: str, where: str) -> Iterator[str]:
    """Yields a line for each breach. Raises ToolError for a policy with an unknown rule."""
    try:
        policy = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ToolError(f"{where}: is no TOML ({error}); correct it") from error
    for section, rules in policy.items():
        if not isinstance(rules, dict):
            raise ToolError(f"{where}: {section} stands outside of a section; there are {_sections()}")
        for key, value in rules.items():
            name = f"{section}.{key}"
            line = f"{where}:{line_of(text, section, key)}"
            if name not in RULES:
                raise ToolError(f"{line}: the rule {name} is unknown; there are {', '.join(RULES)}")
            kind, rule = RULES[name]
            check_value(f"{line}: {name}", kind, value)
            for problem, allow in rule(found, value):
                yield f"{line}: {name}: {problem}" + (f"; to allow it: {allow}" if allow else "")


def line_of(text: str, section: str, key: str) -> int:
    """The line, from 1, on which a policy says this; that of the section if the key is not found in it."""
    current, at = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        if head:
            current = head[1].replace('"', "")
            if current in (section, f"{section}.{key}"):
                at = number
        elif current == section and re.match(rf'\s*"?{re.escape(key)}"?\s*=', line):
            return number
    return at


def _sections() -> str:
    return ", ".join(dict.fromkeys(f"[{name.partition('.')[0]}]" for name in RULES))


if __name__ == "__main__":
    run(main)
