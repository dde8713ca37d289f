"""The report: whole without a network and without scripts, true to the image, and safe from names in it."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evidence import small_image
from tests.testing.debs import Node
from tools.sysimage.evidence import report, treemap
from tools.sysimage.evidence.treemap import Box, Item

_VOID = {"meta", "br", "input"}


class Page(HTMLParser):
    """The elements of a page; fails on one that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.attributes: list[tuple[str, str]] = []
        self.section = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.attributes += values.items()
        if tag == "section":
            self.section = values["id"]
        if tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        if tag in ("td", "th"):
            self.rows[self.section][-1].append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.rows[self.section][-1][-1] += data


def text(**changes: Node | None) -> str:
    return "\n".join(report.page(small_image.make(small_image.tree(**changes))))


def test_nothing_is_fetched_from_anywhere() -> None:
    page = Page(text())
    assert not [
        value for name, value in page.attributes if name in ("src", "href") and not value.startswith("#")
    ]
    assert "url(" not in text()
    assert "default-src 'none'" in text()


def test_every_package_unit_user_and_special_file_has_a_row() -> None:
    rows = Page(text()).rows
    assert [row[0].split("a shell")[0] for row in rows["packages"][1:]] == ["bash", "libstdc++6"]
    assert [row[:2] for row in rows["units"][1:]] == [["app.service", "disabled"], ["app.socket", "enabled"]]
    assert [row[0] for row in rows["users"][1:]] == ["root", "app"]
    assert [row[0] for row in rows["rights"][1:]] == ["/usr/bin/su"]
    assert rows["built"][1][:2] == ["/usr/bin/orchestrator", "//app:orchestrator"]
    assert rows["measurements"][1][1] == small_image.make().image.sha256


def test_all_bytes_of_the_image_are_in_both_maps() -> None:
    found = small_image.make()
    total = sum(node.size for _, node in found.files())
    for items in (report._by_package(found), report._by_folder(found)):
        assert sum(item.size for item in items) == total
        assert all(sum(part.size for part in item.parts) == item.size for item in items)


def test_the_meaning_of_each_colour_that_a_map_has_is_told_with_its_bytes() -> None:
    used = re.findall(r'<g class="(k\d)">', text())
    told = re.findall(r'<li class="(k\d)">.*?</span>(.*?) <small>', text())
    assert {kind for kind, _ in told} == set(used)
    assert "Built, and laid in" in dict(told).values()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"onload="x', "a&b", "caf\udce9", "]]>"])
def test_a_name_of_the_image_is_text_and_nothing_else(name: str) -> None:
    page = text(**{f"usr/bin/{name.replace('/', '_')}": small_image.PATHS["usr/bin/su"]})
    page.encode()
    assert len(Page(page).rows["rights"]) == 3
    assert page.count("<script") == 1


def test_the_page_s_own_script_is_the_one_that_its_policy_allows() -> None:
    page = text()
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_two_runs_give_the_same_page(tmp_path: Path) -> None:
    facts = small_image.write(tmp_path, small_image.make())
    pages = []
    for name in ("a.html", "b.html"):
        assert report.main(["--facts", str(facts), "--output", str(tmp_path / name)]) == 0
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_areas_are_sizes_and_boxes_fill_the_map_without_overlap(sizes: list[int]) -> None:
    items = [Item(str(at), size) for at, size in enumerate(sizes)]
    boxes = list(treemap.lay_out(items, Box(0, 0, 1200, 560)))
    total = sum(sizes)
    assert len(boxes) == sum(1 for size in sizes if size)
    for item, box in boxes:
        assert box.width * box.height == pytest.approx(item.size / total * 1200 * 560, rel=1e-6, abs=1e-6)
        assert box.x >= -1e-6 and box.x + box.width <= 1200 + 1e-3
        assert box.y >= -1e-6 and box.y + box.height <= 560 + 1e-3
