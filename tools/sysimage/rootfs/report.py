"""What the scripts of a root filesystem did, for persons and for programs."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict

from tools.sysimage.commands.left import LEFT
from tools.sysimage.commands.world import World


def left(world: World) -> Iterator[str]:
    """Yields a line for each kind of work that is left for the guest: how often, by whom, and why."""
    kinds: dict[str, dict[str, None]] = defaultdict(dict)
    for item in world.left:
        kinds[item.kind][item.package] = None
    for kind, packages in sorted(kinds.items()):
        yield f"left for the guest: {kind} ({', '.join(packages)}): {LEFT[kind]}"


def effects(world: World) -> bytes:
    """Returns changes and what is left for the guest as JSON: {"changes": [Change…], "left": [Left…]}."""
    value = {
        "changes": [asdict(change) for change in world.journal.changes],
        "left": [asdict(item) for item in world.left],
    }
    return json.dumps(value, indent=1).encode() + b"\n"
