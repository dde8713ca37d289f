"""A squarified treemap (Bruls, Huizing, van Wijk 2000): rectangles whose areas are sizes, near to squares."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Item:
    """A thing with a size, and what it consists of."""

    name: str
    size: int
    parts: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    def inner(self, margin: float, head: float) -> Box:
        """What is left of it inside a margin, below a head."""
        return Box(
            self.x + margin,
            self.y + margin + head,
            max(self.width - 2 * margin, 0),
            max(self.height - 2 * margin - head, 0),
        )


def lay_out(items: Sequence[Item], box: Box) -> Iterator[tuple[Item, Box]]:
    """Yields each item that has a size with its rectangle, the largest first; they fill `box`."""
    todo = sorted((item for item in items if item.size), key=lambda item: (-item.size, item.name))
    total = sum(item.size for item in todo)
    if not total or box.width <= 0 or box.height <= 0:
        return
    scale = box.width * box.height / total
    row: list[Item] = []
    while todo or row:
        short = min(box.width, box.height)
        if todo and (not row or _worst([*row, todo[0]], short, scale) <= _worst(row, short, scale)):
            row.append(todo.pop(0))
            continue
        thickness = sum(item.size for item in row) * scale / short if short else 0
        upright = box.width >= box.height
        at = box.y if upright else box.x
        for item in row:
            length = item.size * scale / thickness if thickness else 0
            yield item, (Box(box.x, at, thickness, length) if upright else Box(at, box.y, length, thickness))
            at += length
        box = (
            Box(box.x + thickness, box.y, max(box.width - thickness, 0), box.height)
            if upright
            else Box(box.x, box.y + thickness, box.width, max(box.height - thickness, 0))
        )
        row = []


def _worst(row: Sequence[Item], short: float, scale: float) -> float:
    """The ratio of sides of the row's least square rectangle."""
    areas = [item.size * scale for item in row]
    total = sum(areas)
    return max(short**2 * max(areas) / total**2, total**2 / (short**2 * min(areas))) if short else 0
