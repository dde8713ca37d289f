"""kernel_config: proves that a kernel's configuration has the options that a guest needs.

A condition is written as in `X86_PAT=y`, `DM_VERITY=y|m`, or `SLS=y | CPU_SUP_INTEL=n`: options without
CONFIG_, `&` before `|`, parentheses. `n` is an option that is not set, or that the kernel does not have; `?`
is one that it has, set or not; a value with `*` is a pattern; `$OTHER` is the value of another option.
`version>=6.6` asks for the kernel's version. Sets of conditions that have a name are in kernel_config.toml
and kernel_hardening.toml.
"""

import fnmatch
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run

_SETS = [Path(__file__).with_name(name) for name in ("kernel_config.toml", "kernel_hardening.toml")]
# Documentation/kbuild/kconfig-language.rst and what `make` writes into .config.
_HEADER = re.compile(r"^# Linux/(\S+) (\d+(?:\.\d+)*)\S* Kernel Configuration$", re.MULTILINE)
_LINE = re.compile(r"^(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)$", re.MULTILINE)
_ARCHITECTURES = {"x86": "amd64", "x86_64": "amd64", "arm64": "arm64"}
_TOKEN = re.compile(
    r"\s*(?:([|&()])|version\s*>=\s*([\d.]+)|(\w+)\s*=\s*((?:[^\s|&()]|\|(?=\w+(?:[|&)\s]|$)))+))"
)


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """The configuration of a kernel."""

    architecture: str  # Debian's name
    version: tuple[int, ...]
    options: Mapping[str, str]  # without CONFIG_; strings without quotation marks; "n" for what is not set


@dataclass(frozen=True, slots=True)
class Condition:
    """What a kernel's configuration has to say."""

    text: str
    why: str

    @property
    def option(self) -> str:
        """The option that it is about, which is the first."""
        match = re.search(r"\w+", self.text)
        return match[0] if match else self.text


_EXAMPLES = {
    "bazel test //:kernel_config_test": "checks what the target requires and forbids",
    "bazel run //:kernel_config_test -- --require hardening": "checks one set more",
}


def main(argv: Sequence[str]) -> int:
    """Checks a configuration. Raises ToolError with all problems of it."""
    parser = CommandLine("kernel_config", __doc__ or "", _EXAMPLES)
    parser.given("--config", type=Path)
    parser.add_argument("--require", action="append", default=[], help="a condition, or a set's name")
    parser.add_argument("--forbid", action="append", default=[], help="OPTION=why it may not be set")
    parser.add_argument("--accept", type=Path, help="TOML: conditions that need not hold, with reasons")
    options = parser.parse_args(argv)
    config = parse(options.config.read_text(), str(options.config))
    conditions = required(options.require, config.architecture)
    conditions += [_forbidden(text) for text in options.forbid]
    failed = [condition for condition in conditions if not holds(condition.text, config)]
    accepted = _accepted(options.accept, config.architecture) if options.accept else set()
    problems = [
        f"{condition.text}: it is {_found(condition, config)} ({condition.why})"
        for condition in failed
        if condition.option not in accepted
    ]
    stale = accepted - {condition.option for condition in failed}
    problems += [
        f"{option}: {options.accept} accepts it, but nothing is wrong with it; delete it there"
        for option in sorted(stale)
    ]
    if problems:
        raise ToolError("; ".join(problems))
    print(f"{len(conditions) - len(failed)} conditions hold, {len(failed)} fail with a reason")
    return 0


def parse(text: str, where: str) -> KernelConfig:
    """Reads a configuration as the kernel's build writes it. Raises ToolError if it is none."""
    header = _HEADER.search(text)
    if header is None or header[1] not in _ARCHITECTURES:
        raise ToolError(
            f"{where}: no configuration of a kernel for amd64 or arm64; name a file of /boot/config-*"
        )
    options = {
        match[1] or match[3]: "n" if match[3] else match[2].removeprefix('"').removesuffix('"')
        for match in _LINE.finditer(text)
    }
    return KernelConfig(_ARCHITECTURES[header[1]], _version(header[2]), options)


def required(words: Sequence[str], architecture: str) -> list[Condition]:
    """Returns the conditions that these words ask for: conditions, and names of sets.

    Raises ToolError if a word is neither.
    """
    sets = {name: groups for path in _SETS for name, groups in tomllib.loads(path.read_text()).items()}
    result: list[Condition] = []
    for word in words:
        if word in sets:
            for group in sets[word]:
                texts = [*group.get("all", ()), *group.get(architecture, ())]
                result += [Condition(text, f"{word}: {group['why']}") for text in texts]
        elif re.match(r"[\w(]", word) and "=" in word:
            result.append(Condition(word, "required"))
        else:
            raise ToolError(
                f"require: {word!r} is no condition like X86_PAT=y, and none of {', '.join(sets)}"
            )
    return result


def holds(text: str, config: KernelConfig) -> bool:
    """Whether a condition holds. Raises ToolError if it can't be read."""
    reader = _Reader(text, config)
    value = reader.alternatives()
    reader.end()
    return value


class _Reader:
    def __init__(self, text: str, config: KernelConfig) -> None:
        self._text = text
        self._config = config
        self._tokens: list[tuple[str, Callable[[], bool]]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise ToolError(
                    f"condition {text!r}: what is at {text[at:].strip()!r}? write it like X86_PAT=y"
                )
            self._tokens.append((match[1] or "", self._term(match)))
            at = match.end()

    def _term(self, match: re.Match[str]) -> Callable[[], bool]:
        _, version, option, values = match.groups()
        if version:
            return lambda: self._config.version >= _version(version)
        return lambda: any(self._has(option, value) for value in values.split("|"))

    def _has(self, option: str, value: str) -> bool:
        options = self._config.options
        if value == "?":
            return option in options
        if value.startswith("$"):
            return value[1:] in options and options.get(option) == options[value[1:]]
        return fnmatch.fnmatchcase(options.get(option, "n"), value)

    def _next(self, sign: str) -> bool:
        if self._tokens and self._tokens[0][0] == sign:
            self._tokens.pop(0)
            return True
        return False

    def alternatives(self) -> bool:
        """`A | B`."""
        value = self._conjunction()
        while self._next("|"):
            value |= self._conjunction()
        return value

    def _conjunction(self) -> bool:
        value = self._operand()
        while self._next("&"):
            value &= self._operand()
        return value

    def _operand(self) -> bool:
        if self._next("("):
            value = self.alternatives()
            if not self._next(")"):
                raise ToolError(f"condition {self._text!r}: a parenthesis is not closed")
            return value
        if not self._tokens or self._tokens[0][0]:
            raise ToolError(f"condition {self._text!r}: an option is missing; write it like X86_PAT=y")
        return self._tokens.pop(0)[1]()

    def end(self) -> None:
        """Raises ToolError if something is left."""
        if self._tokens:
            raise ToolError(f"condition {self._text!r}: join its parts by & or |")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part)


def _forbidden(text: str) -> Condition:
    option, separator, why = text.partition("=")
    if not separator or not re.fullmatch(r"\w+", option):
        raise ToolError(f"forbid: {text!r} is no option with a reason; write OPTION=why")
    return Condition(f"{option}=n", f"forbidden: {why}")


def _accepted(path: Path, architecture: str) -> set[str]:
    try:
        groups = tomllib.loads(path.read_text())["accept"]
        unknown = {key for group in groups for key in group} - {"reason", "options", *_ARCHITECTURES.values()}
        if unknown:
            raise KeyError(f"unknown {', '.join(sorted(unknown))}")
        if not all(group["reason"] for group in groups):
            raise KeyError("a reason is missing")
        names = [group.get(key, ()) for group in groups for key in ("options", architecture)]
        return {option for some in names for option in some}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToolError(
            f"{path}: {error}; write [[accept]] with reason = text and options, amd64 or arm64 = [names]"
        ) from error


def _found(condition: Condition, config: KernelConfig) -> str:
    value = config.options.get(condition.option)
    return "not there" if value is None else "not set" if value == "n" else value


if __name__ == "__main__":
    run(main)
