"""What each stage on the way to a target costs: time, processor time, the largest process.

    tools/bazel run //tests/bench:stages -- [TARGET…]        (default: vanilla and its disk)

Builds the targets, asks Bazel which actions of ours they needed, and runs each again: one at a time, outside
of Bazel's sandbox, with outputs in a temporary folder. Prints a row for each kind of action: how many there
were, the slowest one's seconds of wall and of processor time, and the largest process of all. The exit status
is 0 if no process took 128 MiB, but for gcc, which compiles kernel modules.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.building import bazel
from tests.bench.measure import Cost, measure
from tools.sysimage.core import errors

MOST_MEMORY = 128  # MiB
TARGETS = ("//system_image:vanilla", "//system_image:vanilla_disk")
COMPILING = "KernelModule"
OURS = "SystemImage"  # what the mnemonics of our actions begin with


@dataclass(frozen=True, slots=True)
class Action:
    """An action of Bazel's. Paths are relative to the execution root."""

    mnemonic: str
    target: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    inputs: frozenset[str]
    outputs: frozenset[str]

    def elsewhere(self, folder: Path) -> list[str]:
        """The command, with outputs below `folder`."""
        words = []
        for argument in self.arguments:
            if argument in self.outputs or any(path.startswith(f"{argument}/") for path in self.outputs):
                (folder / argument).parent.mkdir(parents=True, exist_ok=True)
                words.append(str(folder / argument))
            else:
                words.append(argument)
        return words


def actions(targets: Sequence[str]) -> Iterator[Action]:
    """What Bazel can do for the targets (analysis.proto, ActionGraphContainer)."""
    query = f"deps({' + '.join(targets)})"
    graph = json.loads(
        bazel("aquery", "--output=jsonproto", "--include_param_files", "--ui_event_filters=-info", query)
    )
    fragments = {fragment["id"]: fragment for fragment in graph["pathFragments"]}
    labels = {target["id"]: target["label"] for target in graph["targets"]}

    def path(number: int) -> str:
        fragment = fragments[number]
        parent = fragment.get("parentId")
        return f"{path(parent)}/{fragment['label']}" if parent else str(fragment["label"])

    def artifacts(number: int) -> frozenset[int]:
        if number not in members:
            depset = depsets[number]
            below = (artifacts(child) for child in depset.get("transitiveDepSetIds", []))
            members[number] = frozenset(depset.get("directArtifactIds", [])).union(*below)
        return members[number]

    depsets = {depset["id"]: depset for depset in graph["depSetOfFiles"]}
    members: dict[int, frozenset[int]] = {}
    paths = {artifact["id"]: path(artifact["pathFragmentId"]) for artifact in graph["artifacts"]}
    for action in graph["actions"]:
        yield Action(
            action["mnemonic"],
            labels[action["targetId"]],
            tuple(action.get("arguments", [])),
            {pair["key"]: pair.get("value", "") for pair in action.get("environmentVariables", [])},
            frozenset(
                paths[each] for depset in action.get("inputDepSetIds", []) for each in artifacts(depset)
            ),
            frozenset(paths[output] for output in action["outputIds"]),
        )


def needed(files: Iterable[str], actions: Iterable[Action]) -> Iterator[Action]:
    """Those of the actions that files are made by; the others are of formats, say, that nobody asked for."""
    makers = {path: action for action in actions for path in action.outputs}
    wanted, seen = list(files), set[str]()
    while wanted:
        action = makers.get(wanted.pop())
        if action and not action.outputs <= seen:
            seen |= action.outputs
            wanted += action.inputs
            yield action


def main(argv: Sequence[str]) -> int:
    """Prints a row for each mnemonic."""
    parser = argparse.ArgumentParser(prog="stages", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET")
    targets = parser.parse_args(argv).targets
    print(f"building {' '.join(targets)}", file=sys.stderr, flush=True)
    # Else a disk cache keeps to itself what is between.
    bazel("build", "--remote_download_outputs=all", *targets)
    root = Path(bazel("info", "execution_root").strip())
    found: dict[str, list[tuple[Cost, str]]] = defaultdict(list)
    # Bazel remembers targets in other configurations, too.
    query = " + ".join(f"config({target}, target)" for target in targets)
    files = bazel("cquery", "--output=files", "--ui_event_filters=-info", query).splitlines()
    for action in needed(files, actions(targets)):
        if not action.mnemonic.startswith(OURS):
            continue
        with tempfile.TemporaryDirectory() as folder:
            cost = measure(action.elsewhere(Path(folder)), folder=root, environ=action.environment)
        stage = action.mnemonic.removeprefix(OURS)
        found[stage].append((cost, action.target))
        print(f"{stage} of {action.target}: {cost.wall:.1f} s", file=sys.stderr, flush=True)
    print(f"{'stage':16}{'actions':>8}{'wall s':>8}{'cpu s':>8}{'MiB':>6}  largest")
    for stage, costs in found.items():
        wall, cpu = max(cost.wall for cost, _ in costs), max(cost.cpu for cost, _ in costs)
        memory, target = max((cost.memory, target) for cost, target in costs)
        print(f"{stage:16}{len(costs):8}{wall:8.1f}{cpu:8.1f}{memory:6.0f}  {target}")
    largest = max(cost.memory for stage, costs in found.items() if stage != COMPILING for cost, _ in costs)
    print(f"the largest process took {largest:.0f} MiB; the limit is {MOST_MEMORY}")
    return 0 if largest < MOST_MEMORY else 1


if __name__ == "__main__":
    errors.run(main)
