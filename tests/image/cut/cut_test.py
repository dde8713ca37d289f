"""Where a base is cut: at the same places whatever changes elsewhere, into the same files."""

import io
import random
from pathlib import Path

import pytest

from tests.testing.tars import Entry, entry, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Span
from tools.sysimage.formats import tar as sysimage_tar
from tools.sysimage.image import blocks, cut, slots

# Far smaller ones than the real.
SIZES = blocks.Sizes(20_000, 60_000, 40_000, 160_000)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZES", SIZES)


def base(seed: int) -> list[Entry]:
    """A few hundred files, most of them small."""
    found = random.Random(seed)
    entries = [entry("./"), entry("etc/"), entry("etc/hosts", b"1"), entry("usr/")]
    for folder in range(8):
        entries.append(entry(f"usr/{folder}/"))
        for number in range(40):
            size = min(int(found.paretovariate(1.2) * 500), 200_000)
            entries.append(entry(f"usr/{folder}/{number:03}", found.randbytes(size)))
    return [*entries, entry("var/"), entry("var/status", b"1")]


def made(folder: Path, entries: list[Entry], count: int = 32) -> list[bytes]:
    """The contents of the slots."""
    flat = folder / "flat.tar"
    flat.write_bytes(tar(*entries))
    files = [folder / str(number) for number in range(count)]
    cut.cut(flat, files, folder / "index")
    return [path.read_bytes() for path in files]


def spans(data: bytes) -> list[Span]:
    return list(slots.blocks(io.BytesIO(data), "slot"))


def bytes_of(span: Span) -> bytes:
    return b"".join(span.chunks())


@pytest.mark.parametrize("count", [1, 5, 32])
def test_blocks_together_would_not_be_the_base(tmp_path: Path, count: int) -> None:
    found = [bytes_of(span) for data in made(tmp_path, base(1), count) for span in spans(data)]
    whole = io.BytesIO()
    with (tmp_path / "flat.tar").open("rb") as stream:
        sysimage_tar.write(sysimage_tar.load(stream, "base"), whole)
    flat, at = whole.getvalue(), 0
    while at < len(flat):
        [block] = [block for block in found if flat.startswith(block, at) and block]
        found.remove(block)
        at += len(block)
    assert not found


def test_block_would_be_much_larger_than_others(tmp_path: Path) -> None:
    sizes = [span.size for data in made(tmp_path, base(2)) for span in spans(data)]
    assert max(sizes) <= SIZES.part + 1024
    assert len(sizes) > 20
    assert sum(SIZES.least <= size <= SIZES.most for size in sizes) > len(sizes) // 2


def changed(before: list[bytes], after: list[bytes]) -> int:
    """Bytes that are compressed again."""
    return sum(len(new) for old, new in zip(before, after, strict=True) if old != new)


def test_one_file_more_would_change_all_blocks_after_it(tmp_path: Path) -> None:
    entries = base(3)
    before = made(tmp_path, entries)
    costs = []
    for place in range(4, len(entries) - 2, 31):
        folder = entries[place][0].name[:5]
        more = entry(f"{folder}/new{place}", bytes(3000))
        after = sorted([*entries[1:], more], key=lambda item: item[0].name.rstrip("/").split("/"))
        costs.append(changed(before, made(tmp_path, [entries[0], *after])))
    # Of such bases, most have one block changed; few have two or three.
    assert sorted(costs)[len(costs) // 2] <= 2 * SIZES.most
    assert max(costs) <= 6 * SIZES.most
    assert sum(map(len, before)) > 12 * SIZES.most


def test_changed_file_would_cost_more_than_its_block(tmp_path: Path) -> None:
    entries = base(4)
    before = made(tmp_path, entries)
    for place in range(4, len(entries), 31):
        if entries[place][1]:
            header, data = entries[place]
            other = [*entries[:place], entry(header.name, bytes(len(data))), *entries[place + 1 :]]
            after = made(tmp_path, other)
            assert sum(old != new for old, new in zip(before, after, strict=True)) <= 1


def test_configuration_would_share_a_block_with_programs(tmp_path: Path) -> None:
    entries = base(5)
    before = made(tmp_path, entries, 64)
    entries[2] = entry("etc/hosts", b"127.0.0.1")
    assert changed(before, made(tmp_path, entries, 64)) < 5000


def test_few_slots_would_have_far_more_blocks_than_others(tmp_path: Path) -> None:
    counts = [len(spans(data)) for data in made(tmp_path, base(6), 4)]
    assert max(counts) <= sum(counts) * 2 / 3
    taken = slots.assign([str(number) for number in range(24)], 48)
    assert max(map(taken.count, taken)) <= 2
    assert len(set(taken)) >= 23


def test_block_less_would_move_others_to_other_slots() -> None:
    names = [str(number) for number in range(24)]
    before = slots.assign(names, 48)
    moved = []
    for gone in range(24):
        after = slots.assign(names[:gone] + names[gone + 1 :], 48)
        moved.append(sum(a != b for a, b in zip(before[:gone] + before[gone + 1 :], after, strict=True)))
    assert sum(moved) <= len(moved) / 2


def test_small_base_has_empty_slots(tmp_path: Path) -> None:
    data = made(tmp_path, [entry("./"), entry("a", b"1")])
    assert sum(bool(slot) for slot in data) == 2  # the entries, and the end marker


def test_base_that_is_no_tar_would_be_cut(tmp_path: Path) -> None:
    flat = tmp_path / "flat.tar"
    flat.write_bytes(b"x" * 1024)
    with pytest.raises(ToolError, match=r"flat\.tar"):
        cut.cut(flat, [tmp_path / "slot"], tmp_path / "index")
    assert not (tmp_path / "slot").exists()


def test_a_slot_that_is_cut_off_would_be_compressed(tmp_path: Path) -> None:
    data = next(data for data in made(tmp_path, base(7)) if data)
    for end in (1, 15, 17, len(data) - 1):
        with pytest.raises(ToolError, match="is no slot of a base"):
            spans(data[:end])


def test_the_command_line(tmp_path: Path) -> None:
    flat = tmp_path / "flat.tar"
    flat.write_bytes(tar(entry("./"), entry("a", b"1")))
    names = [str(tmp_path / name) for name in ("0", "1")]
    assert cut.main([f"--base={flat}", f"--index={tmp_path / 'index'}", "--slots", *names]) == 0
    found = [bytes_of(span) for name in names for span in spans(Path(name).read_bytes())]
    assert sorted(map(len, found)) == [len(sysimage_tar.END), 1536]
