#!/usr/bin/env python3
"""Checks that the repository is laid out as CONTRIBUTING.md says. Run from anywhere; it asks Bazel.

    tests/structure_check.py

A script and no `bazel test`, since it reads the sources of all packages and asks Bazel what actions depend on.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
RULES = HERE / "system_image/private"
TOOLS = HERE / "tools/sysimage"
TESTS = HERE / "tests"
LONGEST = 400  # lines of a module of the tools

# Mnemonic of actions that take long, or that all images need → the phases whose modules may be among their inputs.
PHASES = {
    "SystemImageInstall": {
        "commands",
        "core",
        "debian",
        "effects",
        "formats",
        "rootfs",
        "scripts",
        "systemd",
    },
    "SystemImageRootfs": {"core", "debian", "effects", "formats", "rootfs", "systemd"},
    "SystemImageFlatten": {"core", "formats", "image"},
    "SystemImageCut": {"core", "formats", "image"},
    "SystemImageCompress": {"core", "formats", "image"},
    "SystemImageSysroot": {"core", "formats", "toolchain"},
    "SystemImageKernelModule": {"core", "debian", "formats", "kernel", "toolchain"},
    "SystemImageInject": {"core", "debian", "formats", "image", "systemd"},
    "SystemImageEmit": {"core", "debian", "formats", "image"},
    "SystemImageVerity": {"core", "disk", "formats"},
    "SystemImageUki": {"core", "debian", "disk", "formats"},
    "SystemImageDisk": {"core", "disk", "formats"},
}


def main() -> int:
    """Prints what is not as it should be; returns 1 if there is anything."""
    problems = [
        *four_places(),
        *actions_are_tested(),
        *actions_run_on_linux(),
        *stages_are_independent(),
        *long_modules(),
        *needless_inputs(),
        *images_wait_for_no_evidence(),
    ]
    for problem in problems:
        print(f"structure: {problem}")
    print(f"structure: {len(mnemonics())} stages' actions, {len(problems)} problems")
    return 1 if problems else 0


def actions_run_on_linux() -> Iterator[str]:
    """Rules that let Bazel send their actions to a machine of another system."""
    for path in sorted(set(mnemonics().values())):
        text = path.read_text("utf-8")
        if "= rule(" in text and "exec_compatible_with = EXECUTION" not in text:
            yield f"{path.relative_to(HERE)}: its rule has no exec_compatible_with = EXECUTION, of core/tool.bzl"


def mnemonics() -> dict[str, Path]:
    """Each mnemonic, without its prefix → the file of rules that has it."""
    return {
        name: path
        for path in sorted(RULES.glob("*/*.bzl"))
        for name in re.findall(r'mnemonic = "SystemImage(\w+)"', path.read_text("utf-8"))
    }


def stages() -> dict[str, str]:
    """Each tool, by `stage_binary` → its phase."""
    return {
        name: path.parent.name
        for path in sorted(TOOLS.glob("*/BUILD.bazel"))
        for name in re.findall(r'stage_binary\(\n    name = "(\w+)"', path.read_text("utf-8"))
    }


def four_places() -> Iterator[str]:
    """One stage has one name: of its rules, its tool, its tests, its actions."""
    for mnemonic, path in mnemonics().items():
        stage, phase = path.stem, path.parent.name
        camel = "".join(word.capitalize() for word in stage.split("_"))
        where = f"{path.relative_to(HERE)}: the action {mnemonic}"
        if not mnemonic.startswith(camel):
            yield f"{where}: begin its name with {camel}"
        if not (TOOLS / phase / f"{stage}.py").exists():
            yield f"{where}: its tool should be tools/sysimage/{phase}/{stage}.py"
        if not [*(TESTS / phase).glob(f"{stage}_test.py"), *(TESTS / phase).glob(f"{stage}/*_test.py")]:
            yield f"{where}: its tests should be in tests/{phase}/{stage}/, or tests/{phase}/{stage}_test.py"


def actions_are_tested() -> Iterator[str]:
    """Each action has a row in the table of tests/rules/actions_test.bzl."""
    rows = set(
        re.findall(
            r'^        "(\w+)": \(', (TESTS / "rules/actions_test.bzl").read_text("utf-8"), re.MULTILINE
        )
    )
    for name in sorted(rows ^ set(mnemonics())):
        what = "has a row, and no rule has such an action" if name in rows else "has no row"
        yield f"tests/rules/actions_test.bzl: {name} {what}"


def stages_are_independent() -> Iterator[str]:
    """The contract of import-linter names the stages that there are."""
    contracts = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    named = {name for contract in contracts for name in contract.get("modules", ())}
    there = {f"tools.sysimage.{phase}.{stage}" for stage, phase in stages().items()}
    for name in sorted(named ^ there):
        yield f"pyproject.toml: importlinter: {name} {'is no stage' if name in named else 'is missing'}"


def long_modules() -> Iterator[str]:
    """A module fits on a few screens."""
    for path in sorted(TOOLS.glob("*/*.py")):
        lines = path.read_text("utf-8").count("\n")
        if lines > LONGEST:
            yield f"{path.relative_to(HERE)}: has {lines} lines, more than {LONGEST}; split it"


def needless_inputs() -> Iterator[str]:
    """A change in one phase is a change of no action that does not use it."""
    graph = actions(
        f'mnemonic("^({"|".join(PHASES)}|SourceSymlinkManifest)$", deps(//system_image:nvidia_disk))'
    )
    manifests = {output: action.contents for action in graph for output in action.outputs if action.contents}
    seen = set()
    for action in graph:
        if action.mnemonic not in PHASES:
            continue
        seen.add(action.mnemonic)
        runfiles = "\n".join(manifests.get(f"{path}.runfiles_manifest", "") for path in action.inputs)
        modules = set(re.findall(r"tools/sysimage/(\w+)/(\w+\.py)\b", runfiles))
        # Without it, the rest would be true of an answer that leaves the tools' modules out.
        if ("core", "errors.py") not in modules:
            yield f"{action.mnemonic}: aquery does not show the modules of the tool, so that nothing is known of them"
        for phase, module in sorted(modules):
            if phase not in PHASES[action.mnemonic] and module != "__init__.py":
                yield f"{action.mnemonic}: is done again when {phase}/{module} changes; take it out of the tool's deps"
    for mnemonic in sorted(set(PHASES) - seen):
        yield f"{mnemonic}: //system_image:nvidia_disk has no such action any more; correct PHASES"


def images_wait_for_no_evidence() -> Iterator[str]:
    """Evidence of an image, and what a boot of it measures, take no time of the image's own build."""
    late = [name for name, path in mnemonics().items() if path.parent.name in ("evidence", "measure")]
    images = " + ".join(f"//system_image:{name}" for name in ("vanilla", "lean", "nvidia"))
    graph = actions(f'mnemonic("^SystemImage(Emit|{"|".join(late)})$", deps({images}))')
    found = {action.mnemonic.removeprefix("SystemImage") for action in graph}
    if "Emit" not in found:
        yield "Emit: aquery does not show the actions of images, so that nothing is known of them"
    for name in sorted(found & set(late)):
        yield f"{name}: an image waits for it; let it depend on the image, not the image on it"


@dataclass(frozen=True, slots=True)
class Action:
    """An action of Bazel's graph; of those that write a file, what they write."""

    mnemonic: str
    inputs: frozenset[str]
    outputs: frozenset[str]
    contents: str


def actions(query: str) -> list[Action]:
    """What aquery answers."""
    command = [
        str(HERE / "tools/bazel"),
        "aquery",
        "--output=jsonproto",
        "--include_file_write_contents",
        query,
    ]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, check=True)
    graph: dict[str, Any] = json.loads(done.stdout)
    fragments = {item["id"]: item for item in graph["pathFragments"]}
    artifacts = {item["id"]: fragment_path(fragments, item["pathFragmentId"]) for item in graph["artifacts"]}
    depsets = {item["id"]: item for item in graph["depSetOfFiles"]}
    return [
        Action(
            action["mnemonic"],
            frozenset(artifacts[file] for file in members(depsets, action.get("inputDepSetIds", ()))),
            frozenset(artifacts[file] for file in action["outputIds"]),
            action.get("fileContents", ""),
        )
        for action in graph["actions"]
    ]


def fragment_path(fragments: dict[int, Any], number: int) -> str:
    """The path that a fragment ends."""
    parts: list[str] = []
    while number:
        parts.insert(0, fragments[number]["label"])
        number = fragments[number].get("parentId", 0)
    return "/".join(parts)


def members(depsets: dict[int, Any], roots: Iterable[int]) -> Iterator[int]:
    """The artifacts of depsets, and of those in them."""
    todo, seen = list(roots), set[int]()
    while todo:
        number = todo.pop()
        if number not in seen:
            seen.add(number)
            yield from depsets[number].get("directArtifactIds", ())
            todo += depsets[number].get("transitiveDepSetIds", ())


if __name__ == "__main__":
    sys.exit(main())
