#!/usr/bin/env python3
"""Looks at a report in Chromium: whether its tables sort, its search finds, and it asks for nothing. Needs root.

    tests/evidence/report_check.py REPORT ROOT [PICTURES]

ROOT is a folder with Debian's chromium installed, such as `mmdebstrap --include=chromium,fonts-dejavu-core trixie ROOT`
makes; it is started there, by chroot(2). PICTURES is a folder for pictures of the page: light and dark, wide and
narrow, and without its script.
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
        pictures(report, root, Path(arguments[2]))
    match = re.fullmatch(r"sorted down true, sorted up true, search (\d+) of (\d+), fetched 0", said)
    return 0 if match and 0 < int(match[1]) < int(match[2]) else 1


def pictures(report: Path, root: Path, folder: Path) -> None:
    """Takes pictures of the page, to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    text = report.read_text("utf-8")
    (root / "tmp/report.html").write_text(text, "utf-8")
    plain = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    (root / "tmp/plain.html").write_text(plain, "utf-8")
    # A window is at least 500 pixels wide, a frame in it is not.
    for name in ("report", "plain"):
        frame = f'<body style="margin:0"><iframe src="{name}.html" width=400 height=2600 style="border:0">'
        (root / f"tmp/{name}_narrow.html").write_text(frame, "utf-8")
    dark = "--blink-settings=preferredColorScheme=0"
    for picture, page, width, options in (
        ("wide_light", "report", 1200, ()),
        ("wide_dark", "report", 1200, (dark,)),
        ("wide_plain", "plain", 1200, ()),
        ("narrow_light", "report_narrow", 500, ()),
        ("narrow_dark", "report_narrow", 500, (dark,)),
        ("narrow_plain", "plain_narrow", 500, ()),
    ):
        print(f"{picture}.png", file=sys.stderr, flush=True)
        size = f"--window-size={width},2600"
        chromium(root, size, *options, "--screenshot=/tmp/report.png", f"file:///tmp/{page}.html")
        shutil.copy(root / "tmp/report.png", folder / f"{picture}.png")


def chromium(root: Path, *options: str) -> str:
    """What Chromium prints, without a window."""
    return subprocess.run(
        # It reads what the processor can in /proc.
        ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
         root, "/usr/bin/env", "-i", "HOME=/tmp", "PATH=/usr/bin:/bin", "chromium", "--headless",
         "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
