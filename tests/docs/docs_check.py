#!/usr/bin/env python3
"""Checks that what README and docs say is what there is.

    tests/docs/docs_check.py            # with the labels of commands, for which it asks Bazel
    tests/docs/docs_check.py --no-bazel
    tests/docs/docs_check.py --list     # what looks at each code block

A script and no `bazel test`, since it reads the examples, which are modules of their own, and starts Bazel.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.docs import snippets

HERE = snippets.HERE
PAGES = ("*.md", "docs/**/*.md", "tools/**/*.md")
LONGEST = 130  # lines of the README
COMMANDS = ["tools/bazel build //system_image:vanilla", "tools/bazel test //..."]

# Labels that stand for others.
NAMES = {"//toolchains:all", "//toolchains:guest_CPU"}

# Where sentences turn round on themselves. Each has a plain form: a subject, a verb, an object.
PHRASES = {
    "is to be ": "must be, or the imperative",
    "are to be ": "must be, or the imperative",
    ", of which ": "a sentence of its own",
    "of each of which": "each",
    "has no say": "does not depend on",
    "have no say": "does not depend on",
    "in vain": "is cancelled",
    "for who ": "for those who",
    "whatever of ": "those that",
    "one wants that": "if you want that",
}

# Those that are code, or common, outside of the manual.
IN_CODE = {"for who ", ", of which "}


def main() -> int:
    """Prints what is wrong, a line each; returns 1 if anything is."""
    parser = argparse.ArgumentParser(description="Checks that what README and docs say is what there is.")
    parser.add_argument("--no-bazel", action="store_true", help="leave out what Bazel has to be asked for")
    parser.add_argument("--list", action="store_true", help="print what looks at each code block, and end")
    options = parser.parse_args()
    pages = [path for place in PAGES for path in sorted(HERE.glob(place))]
    if options.list:
        for verdict in looked_at(pages, None):
            print(f"{verdict.block.page}:{verdict.block.line}: {verdict.what} | {verdict.how or 'nothing'}")
        return 0
    flags = None if options.no_bazel else snippets.bazel_flags()
    found = [f"README.md: {problem}" for problem in readme((HERE / "README.md").read_text())]
    labels: dict[str, str] = {}
    for page in pages:
        text, name = page.read_text(), str(page.relative_to(HERE))
        found += [f"{name}: {problem}" for problem in (*links(page, text), *phrases(text))]
        labels |= dict.fromkeys(labels_of(text), name)
    for verdict in looked_at(pages, flags):
        where = f"{verdict.block.page}:{verdict.block.line}: {verdict.what}"
        found += [f"{where}: {problem}" for problem in verdict.problems]
    found += sources()
    found += rules_table((HERE / "docs/README.md").read_text())
    found += messages((HERE / "docs/troubleshooting.md").read_text())
    if not options.no_bazel:
        found += unknown(labels)
    for problem in found:
        print(problem)
    return 1 if found else 0


def looked_at(pages: list[Path], flags: Mapping[str, set[str]] | None) -> Iterator[snippets.Verdict]:
    """Yields what looks at each code block of the pages. `flags` are Bazel's; None if it was not asked."""
    for page in pages:
        for block in snippets.blocks(str(page.relative_to(HERE)), page.read_text()):
            yield from snippets.verdicts(block, flags)


def readme(text: str) -> Iterator[str]:
    """Yields what is wrong with the README as a whole."""
    if (lines := text.count("\n")) > LONGEST:
        yield f"it has {lines} lines, and {LONGEST} are enough: the rest belongs to docs/"
    commands = re.findall(r"^    (tools/bazel .*?)(?:\s+#.*)?$", text, re.MULTILINE)
    if commands[:2] != COMMANDS:
        yield f"the quick start is {commands[:2]}, but CI and users expect {COMMANDS}"


def anchors(text: str) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path, text: str) -> Iterator[str]:
    """Yields a line for each link that leads nowhere: to no file, or to no heading of it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or HERE not in [target, *target.parents]:
            yield f"the link {link} leads nowhere"
        elif anchor and anchor not in anchors(target.read_text()):
            yield f"the link {link} leads to no heading there"


def phrases(text: str) -> Iterator[str]:
    """Yields a line for each phrase that has a plainer form."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    words = re.sub(r"\s+", " ", prose)
    for phrase, plain in PHRASES.items():
        for _ in re.finditer(re.escape(phrase), words, re.IGNORECASE):
            yield f"'{phrase.strip()}' is hard to read: {plain}"


def sources() -> Iterator[str]:
    """Yields a line for each such phrase in messages, docstrings and comments, of whatever language."""
    command = ["git", "grep", "-nIiF", *(f"-e{phrase}" for phrase in PHRASES if phrase not in IN_CODE)]
    answer = subprocess.run(
        [*command, "--", ":!tests/docs", ":!*.md"], cwd=HERE, capture_output=True, text=True, check=False
    )
    for line in answer.stdout.splitlines():
        file, number, text = line.split(":", 2)
        yield f"{file}:{number}: hard to read, as docs_check.py's table of phrases says: {text.strip()}"


def rules_table(text: str) -> Iterator[str]:
    """Yields a line for each rule that is not in the table of rules, or the other way round."""
    table = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    exported = re.findall(r"^(\w+) = _\w+$", (HERE / "system_image/defs.bzl").read_text(), re.MULTILINE)
    nvidia = (HERE / "system_image/nvidia/defs.bzl").read_text()
    exported += re.findall(r"^def ([a-z]\w+)\(", nvidia, re.MULTILINE)
    for name in sorted(set(table) ^ set(exported)):
        yield f"docs/README.md: {name} is either in the table of rules or in a defs.bzl, but not in both"


def messages(text: str) -> Iterator[str]:
    """Yields a line for each message of the page on troubles that no program of ours says any more.

    Compared is what stands between capitals, paths and names with dots, which stand for others. Bazel's own messages are in
    the last section.
    """
    sources = [
        *(HERE / "tools/sysimage").rglob("*.py"),
        *(HERE / "system_image").rglob("*.bzl"),
        *(HERE / "system_image/stage1").glob("*.cc"),
    ]
    # A message may be written in several literals, one below the other.
    said = re.sub(r'"\s*\n\s*f?"', "", "".join(path.read_text() for path in sources))
    ours = text.partition("\n## Bazel\n")[0]
    for place in (
        *re.findall(r"\*\*(.*?)\*\*", ours, re.DOTALL),
        *re.findall(r"^\| (`.*?) \|", ours, re.MULTILINE),
    ):
        for message in re.findall(r"`([^`]+)`", place):
            parts = re.split(r"\b[A-Z][A-Z0-9_]*\b|…|[;:]|\S*/\S+|\S+\.\S+", message)
            words = [part.strip() for part in parts if len(part.strip()) > 6]
            if gone := [part for part in words if part not in said]:
                yield f"docs/troubleshooting.md: no program says '{gone[0]}'"


def labels_of(text: str) -> set[str]:
    """Returns the labels of this repository that a page names, as its own BUILD files would write them."""
    found = re.findall(
        r"(?:@rules_system_image)?(//(?:system_image|toolchains|tests|tools)[\w/]*:\w[\w.-]*\w)", text
    )
    return set(found)


def unknown(labels: dict[str, str]) -> Iterator[str]:
    """Yields a line for each label of commands and flags that no target has. Starts Bazel once."""
    packages = sorted({label.split(":")[0] for label in labels})
    query = " + ".join(f"{package}:all-targets" for package in packages)
    command = ["tools/bazel", "query", "--keep_going", "--noshow_progress", query]
    answer = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    known = set(answer.stdout.split())
    if not known:
        yield f"{' '.join(command)} says nothing: {answer.stderr.strip().splitlines()[-1:]}"
        return
    for label, page in sorted(labels.items()):
        is_file = (HERE / label.removeprefix("//").replace(":", "/")).is_file()
        if label not in known and not is_file and label not in NAMES:
            yield f"{page}: {label} is no target"


if __name__ == "__main__":
    sys.exit(main())
