"""Which folder stands for which Bazel module in the toolbox, whatever Bazel's own module there asks for.

Without a registry, each module that is resolved has to be an override, and Bazel refuses an override of a
module that nobody asks for. What bazel_tools asks for differs from one Bazel to the next, so it is read from
the toolbox.
"""

from __future__ import annotations

import re
from pathlib import Path

from tools.airgap.errors import ToolError

# Below the root: Bazel's own module, and the modules of Debian's packages.
_BAZEL_TOOLS = Path("usr/share/bazel/embedded_tools/MODULE.bazel")
_SHIPPED = ("usr/share/bazel/rules", "usr/share/bazel/tools")

# Debian's rules_python is too old for its Python; the adapter is meant.
_NOT_SHIPPED = frozenset({"rules_python"})

# Adapters that are resolved only. What else is there and bazel_tools does not ask for, one of them asks for.
_EMPTY = ("apple_support", "protobuf", "zlib")


def _call(text: str, function: str) -> list[str]:
    return re.findall(rf"^{function}\(([^)]*)\)", text, re.MULTILINE)


def _name(arguments: str) -> str:
    found = re.search(r'\bname\s*=\s*"([^"]+)"', arguments)
    return found[1] if found else ""


def _asks_for(module: Path) -> list[str]:
    """The modules that a MODULE.bazel depends on, but for those of its own development."""
    text = re.sub(r"#.*", "", module.read_text(encoding="utf-8"))
    calls = [call for call in _call(text, "bazel_dep") if not re.search(r"dev_dependency\s*=\s*True", call)]
    return [_name(call) for call in calls]


def _shipped(root: Path) -> dict[str, Path]:
    found = {}
    for folder in _SHIPPED:
        for module in sorted((root / folder).glob("*/MODULE.bazel")):
            (declared, *_) = _call(module.read_text(encoding="utf-8"), "module") or [""]
            if _name(declared) not in {"", *_NOT_SHIPPED}:
                found[_name(declared)] = module.parent
    return found


def _write_module(folder: Path, name: str, asks_for: list[str]) -> Path:
    lines = [
        f'module(name = "{name}")',
        *(f'bazel_dep(name = "{dep}", version = "0.0.0")' for dep in asks_for),
    ]
    made = folder / name
    made.mkdir(parents=True, exist_ok=True)
    for file, text in (("MODULE.bazel", "\n".join(lines) + "\n"), ("BUILD.bazel", "")):
        path = made / file
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return made


def overrides(root: Path, adapters: Path, made: Path) -> dict[str, Path]:
    """The folder of each module, by the module's name, as it is seen in the toolbox.

    root: the toolbox. adapters: the folder with this repository's. made: where empty modules are written,
    for what is neither there nor in a package. ToolError if there is no bazel_tools.
    """
    bazel_tools = root / _BAZEL_TOOLS
    if not bazel_tools.exists():
        raise ToolError(f"the toolbox {root} has no {_BAZEL_TOOLS}: delete it, so that it is made again")
    there = _shipped(root)
    there |= {path.parent.name: path.parent for path in sorted(adapters.glob("*/MODULE.bazel"))}
    asks_for = {name: _asks_for(folder / "MODULE.bazel") for name, folder in there.items()}
    found: set[str] = set()
    _add(_asks_for(bazel_tools), asks_for, found)
    missed = sorted(set(there) - found - set(_EMPTY))
    if missed:
        bearer = next(name for name in sorted(found) if name in _EMPTY or name not in there)
        asks_for[bearer] = asks_for.get(bearer, []) + missed
        _add(missed, asks_for, found)
        there.pop(bearer, None)
    packages = root / "usr"
    folders = {name: there.get(name) or _write_module(made, name, asks_for.get(name, [])) for name in found}
    return {
        name: Path("/usr", path.relative_to(packages)) if path.is_relative_to(packages) else path
        for name, path in folders.items()
    }


def _add(asked: list[str], asks_for: dict[str, list[str]], found: set[str]) -> None:
    """Adds to `found` the modules that are asked for, and what they ask for."""
    asked = list(asked)
    while asked:
        name = asked.pop()
        if name not in found:
            found.add(name)
            asked += asks_for.get(name, [])
