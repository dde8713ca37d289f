"""What the scripts of a root filesystem did, for persons and for programs."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from tools.sysimage.commands.left import LEFT
from tools.sysimage.commands.maintainer import ScriptError
from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError
from tools.sysimage.rootfs.policy import Excluded


def check(failures: Sequence[ScriptError]) -> None:
    """Prints what failed, with the entries to complete. Raises ToolError if anything did."""
    if not failures:
        return
    for failure in failures:
        draft = "".join(f"    {line}\n" for line in failure.draft().splitlines())
        print(f"{failure}\n{draft}", file=sys.stderr)
    names = ", ".join(dict.fromkeys(f"{failure.package.name} {failure.script}" for failure in failures))
    scripts = "1 maintainer script" if len(failures) == 1 else f"{len(failures)} maintainer scripts"
    raise ToolError(
        f"{scripts} can't be interpreted ({names}); complete the entries that are printed above, in a file "
        "that the attribute `ledger` of rootfs names"
    )


def left(world: World) -> Iterator[str]:
    """Yields a line for each kind of work that is left for the guest: how often, by whom, and why."""
    kinds: dict[str, dict[str, None]] = defaultdict(dict)
    for item in world.left:
        kinds[item.kind][item.package] = None
    for kind, packages in sorted(kinds.items()):
        yield f"left for the guest: {kind} ({', '.join(packages)}): {LEFT[kind]}"


def effects(world: World, excluded: Sequence[Excluded] = ()) -> bytes:
    """Returns changes, what is left for the guest, and what policies left out, as JSON.

    {"changes": [Change…], "excluded": [Excluded…], "left": [Left…]}
    """
    value = {
        "changes": [asdict(change) for change in world.journal.changes],
        "excluded": [asdict(item) for item in excluded],
        "left": [asdict(item) for item in world.left],
    }
    return json.dumps(value, indent=1).encode() + b"\n"
