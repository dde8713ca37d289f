#!/usr/bin/env python3
"""Looks at a report in Chromium: whether its tables sort, its search finds, and it asks for nothing. Needs root.

    tests/evidence/report_check.py REPORT ROOT [PICTURE]

ROOT is a folder with Debian's chromium installed, such as `mmdebstrap --include=chromium,fonts-dejavu-core trixie ROOT`
makes; it is started there, by chroot(2). PICTURE is where a picture of the page goes.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

# Clicks and types as a person would, and writes what is there then into the page's title.
_PERSON = """
<script>
{
const found = [];
const column = (table, at) => [...document.querySelectorAll(`#${table} tbody tr`)].filter(row => !row.hidden)
  .map(row => row.cells[at].dataset.key ?? row.cells[at].textContent.trim());
const bytes = document.querySelectorAll("#packages th")[2];
bytes.click();
const down = column("packages", 2).map(Number);
found.push(`sorted down ${down.every((size, at) => !at || down[at - 1] >= size)}`);
bytes.click();
const up = column("packages", 2).map(Number);
found.push(`sorted up ${up.every((size, at) => !at || up[at - 1] <= size)}`);
const search = document.querySelector("nav input");
search.value = "SYSTEMD shared";
search.dispatchEvent(new Event("input"));
found.push(`search ${column("packages", 0).length} of ${up.length}`);
found.push(`fetched ${performance.getEntriesByType("resource").length}`);
document.title = found.join(", ");
}
</script>
"""


def main(arguments: list[str]) -> int:
    """Prints what Chromium shows; returns 1 if the page does not do what it should."""
    report, root = Path(arguments[0]), Path(arguments[1])
    text = report.read_text("utf-8")
    # The page's own policy allows its own script alone.
    acted = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace(
        "</body>", _PERSON + "</body>"
    )
    (root / "tmp/acted.html").write_text(acted, "utf-8")
    title = re.search(r"<title>(.*?)</title>", chromium(root, "--dump-dom", "file:///tmp/acted.html"))
    said = title[1] if title else "no title"
    print(said)
    if arguments[2:]:
        shutil.copy(report, root / "tmp/report.html")
        chromium(root, "--window-size=1280,2600", "--screenshot=/tmp/report.png", "file:///tmp/report.html")
        shutil.copy(root / "tmp/report.png", arguments[2])
    match = re.fullmatch(r"sorted down true, sorted up true, search (\d+) of (\d+), fetched 0", said)
    return 0 if match and 0 < int(match[1]) < int(match[2]) else 1


def chromium(root: Path, *options: str) -> str:
    """What Chromium prints, without a window."""
    return subprocess.run(
        ["chroot", root, "/usr/bin/env", "-i", "HOME=/tmp", "PATH=/usr/bin:/bin", "chromium", "--headless",
         "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
