"""Random stacks of layers against a model: layer.md carried out on a dictionary of paths."""

import io
from dataclasses import dataclass
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.testing import tars
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.formats import layer
from tools.sysimage.formats.tar import read

type Path = tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """An entry of a layer."""

    what: str  # "file", "dir", "link", "hide", "opaque"
    path: Path
    number: int  # content of a file, mode of a directory
    target: Path = ()

    def entry(self) -> tars.Entry:
        """As it is in a tar."""
        name = "/".join(self.path)
        if self.what == "file":
            return tars.entry(name, b"%d" % self.number)
        if self.what == "dir":
            return tars.entry(f"{name}/", mode=0o700 + self.number)
        if self.what == "link":
            return tars.hardlink(name, "/".join(self.target))
        above = "".join(f"{part}/" for part in self.path[:-1])
        return tars.entry(f"{name}/.wh..wh..opq" if self.what == "opaque" else f"{above}.wh.{self.path[-1]}")


class BrokenError(Exception):
    """The model refuses the stack."""


def model(layers: list[list[Step]]) -> dict[Path, str]:
    """Path → "dir MODE" or "file CONTENT"."""
    image: dict[Path, str] = {}

    def drop(path: Path, *, itself: bool) -> None:
        for other in [*image]:
            if other[: len(path)] == path and (itself or other != path):
                del image[other]

    for steps in layers:
        for step in steps:
            if step.what in ("hide", "opaque"):
                drop(step.path, itself=step.what == "hide")
        for step in steps:
            if step.what in ("hide", "opaque"):
                continue
            new = f"file {step.number}" if step.what == "file" else f"dir {0o700 + step.number:o}"
            if step.what == "link":
                new = image.get(step.target, "dir")
                if new.startswith("dir"):
                    raise BrokenError
                if step.target == step.path:
                    continue
            if not (new.startswith("dir") and image.get(step.path, "").startswith("dir")):
                drop(step.path, itself=True)
            for length in range(1, len(step.path)):
                if not image.setdefault(step.path[:length], "dir 755").startswith("dir"):
                    raise BrokenError
            image[step.path] = new
    return image


def flat(layers: list[list[Step]]) -> dict[Path, str]:
    tree = Tree()
    for steps in layers:
        data = tars.tar(*(step.entry() for step in steps))
        layer.apply(tree, read(io.BytesIO(data), "layer", layer=True), "layer")
    found = {}
    for path in tree.paths()[1:]:
        inode = tree[path]
        is_file = inode.kind is Kind.FILE
        found[tuple(path.split("/"))] = f"file {inode.read().decode()}" if is_file else f"dir {inode.mode:o}"
    return found


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)
steps = st.builds(
    Step,
    st.sampled_from(["file", "file", "dir", "dir", "link", "hide", "opaque"]),
    paths,
    st.integers(0, 7),
    paths,
)
stacks = st.lists(st.lists(steps, max_size=8), max_size=4)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(stacks)
def test_any_stack_of_layers_gives_what_the_model_gives(layers: list[list[Step]]) -> None:
    try:
        wanted = model(layers)
    except BrokenError:
        try:
            flat(layers)
        except ToolError:
            return
        raise AssertionError("the model refuses what the tool takes") from None
    assert flat(layers) == wanted


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(stacks, st.randoms(use_true_random=False))
def test_where_whiteouts_stand_in_a_layer_makes_no_difference(
    layers: list[list[Step]], random: Random
) -> None:
    moved = []
    for entries in layers:
        whiteouts = [step for step in entries if step.what in ("hide", "opaque")]
        others = [step for step in entries if step not in whiteouts]
        for whiteout in whiteouts:
            others.insert(random.randint(0, len(others)), whiteout)
        moved.append(others)
    try:
        wanted = flat(layers)
    except ToolError:
        return
    assert flat(moved) == wanted
