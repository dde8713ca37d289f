"""compile_commands: the compilation database of guests' C and C++ programs, for clangd and editors.

The format is Clang's "JSON Compilation Database". The input is what `bazel aquery --output=jsonproto` prints,
an ActionGraphContainer of Bazel's analysis_v2.proto.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.workspace import workspace_path

_DOC = """Writes compile_commands.json of guests' C and C++ programs. Its argument is what this prints:

    bazel aquery --output=jsonproto --platforms=@rules_system_image//toolchains:guest_x86_64 \\
        'mnemonic(CppCompile, deps(//:orchestrator))' >actions.json"""
_COMPILES = {"CppCompile", "CCompile", "ObjcCompile"}
_QUERY = "bazel aquery --output=jsonproto"
_TARGET = "bazel run @rules_system_image//toolchains:compile_commands"
_EXAMPLES = {
    f"{_TARGET} -- actions.json": "writes compile_commands.json",
    f"{_TARGET} -- --output guest/compile_commands.json actions.json": "writes it there",
}


def main(argv: Sequence[str]) -> int:
    """Writes the database; prints where, and how many commands it has."""
    parser = CommandLine("compile_commands", _DOC, _EXAMPLES)
    parser.add_argument("actions", type=workspace_path, help="what aquery has said")
    parser.add_argument(
        "--output",
        type=workspace_path,
        default=workspace_path("compile_commands.json"),
        help="the database (compile_commands.json of the workspace)",
    )
    options = parser.parse_args(argv)
    root = _execution_root(workspace_path(""))
    entries = list(commands(_actions(options.actions), root))
    if not entries:
        raise ToolError(f"{options.actions}: no action compiles C or C++; ask for the deps() of a program")
    with atomic.output(options.output) as stream:
        stream.write((json.dumps(entries, indent=1) + "\n").encode())
    print(f"{options.output}: {len(entries)} commands")
    return 0


def commands(actions: Mapping[str, Any], root: Path) -> Iterator[dict[str, Any]]:
    """Yields an entry for each action that compiles: its folder, its arguments, the source, the object.

    Args:
      actions: an ActionGraphContainer in JSON.
      root: the execution root, to which paths are relative.
    """
    for action in actions.get("actions", []):
        words = action.get("arguments", [])
        if action.get("mnemonic") not in _COMPILES or "-c" not in words[:-1]:
            continue
        entry = {"directory": str(root), "arguments": words, "file": words[words.index("-c") + 1]}
        if "-o" in words[:-1]:
            entry["output"] = words[words.index("-o") + 1]
        yield entry


def _actions(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}; write it with {_QUERY}") from error
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{path}: is no JSON ({error}); write it with {_QUERY}") from error
    if not isinstance(found, dict):
        raise ToolError(f"{path}: is not what aquery says; write it with {_QUERY}")
    return found


def _execution_root(workspace: Path) -> Path:
    link = workspace / "bazel-out"
    if not link.is_dir():
        raise ToolError(f"{link}: is not there; build something first, with bazel's symlinks")
    return Path(os.path.realpath(link)).parent


if __name__ == "__main__":
    run(main)
