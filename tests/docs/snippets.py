"""The code blocks of README and docs, and what looks at each: it is run, looked up in Bazel, or parsed."""

import ast
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
EXAMPLES = HERE / "examples"
TOOLS = HERE / "tools/sysimage"

# Commands of Bazel that `commands_check.py` runs: in which module, and what their output has to match.
RUN = {
    "bazel run @trixie//:lock -- --check": ("examples/minimal", ""),
    "bazel run @trixie//:ledger -- --set tools": ("examples/minimal", "# set tools, amd64: 1 packages"),
    "bazel run //:guest_summary": ("examples/minimal", r"guest\.tar\.xz(.|\n)*[0-9a-f]{64}"),
    "bazel build --output_groups=+digest,+mtree,+contents //:guest": ("examples/minimal", "guest.mtree"),
    "bazel build //:guest --output_groups=+digest,+mtree,+contents": ("examples/minimal", "guest.mtree"),
    "bazel fetch //...": ("examples/minimal", ""),
    "bazel info repository_cache": ("examples/minimal", "/"),
    "bazel query 'kind(rule, //...) except attr(tags, \"[\\[ ]manual[,\\]]\", //...)'": (
        "examples/minimal",
        r"(?s)^(?!.*guest_flat).*//:guest\n",
    ),
    "bazel query 'attr(generator_name, \"^guest$\", //...)'": ("examples/minimal", "//:guest_flat\n"),
    "bazel aquery --output=jsonproto --platforms=@rules_system_image//toolchains:guest_x86_64 "
    "'mnemonic(CppCompile, deps(//:orchestrator))' >actions.json": ("examples/minimal", ""),
    "bazel run @rules_system_image//toolchains:compile_commands -- actions.json": (
        "examples/minimal",
        "compile_commands.json",
    ),
    "bazel run //system_image:vanilla_explain -- /usr/bin/runc": (".", "runc"),
    "bazel run //system_image:vanilla_explain -- --package libssl3t64": (".", "libssl3t64"),
    'bazel run //system_image:measure -- --cmdline "console=ttyS0 debug" --vcpus 8 --cpu-type EPYC-Turin': (
        ".",
        "EPYC-Turin",
    ),
}

# Those that something else runs, or that can't be run everywhere.
ELSEWHERE = {
    r"tools/bazel (build|test|run) //(\.\.\.|system_image:vanilla\w*)": ".ci/run newcomer_build, _test",
    r"(RULES_SYSTEM_IMAGE_AIRGAP=\d )?tools/bazel build //\.\.\.": ".ci/run newcomer_test, adapters",
    r"bazel build( //system_image:\w+)+( --output_groups=[\w,]+)?": ".ci/run newcomer_test builds all",
    r"(tools/)?bazel run \S*//system_image:boot_\w+.*": "the boot tests start these machines",
    r"bazel run @(trixie//:lock( -- --update)?|NAME//:lock.*)": ".ci/run first_lock; tests/lock",
    r"bazel run @trixie//:ledger -- --set tools --trace PACKAGE": "tests/rootfs/ledger_report_test.py",
    r"bazel run @trixie//:compare -- --set tools": ".ci/run mmdebstrap",
    r"bazel build --platforms=\S*guest_aarch64 //:orchestrator": ".ci/run other_architecture",
    r"bazel run //system_image:diff -- .*": "tests/evidence/diff_test.py",
    r"bazel run //system_image:(push\w*|pin) -- .*|bazel build \S*bases=pinned .*": ".ci/run registries",
    r"bazel run //system_image:sign_vanilla -- .*": "tests/evidence/sign_test.py",
    r"bazel run //tests/.*": "by hand: CONTRIBUTING.md, Checks that are no bazel test",
}

# Programs of others, and scripts of ours, that commands start.
OTHERS = {
    "cosign": "tests/evidence/sign_test.py calls it so",
    "trivy": ".ci/run sbom_judges starts it",
    "tar": ".ci/run sbom_judges unpacks so",
    "grype": "not run: no index that CI reaches has it",
    "debsecan": "not run: it asks a server of Debian's that CI does not reach",
    "oras": "tests/publish/push/registry_test.py fetches in its place",
    "tests/remote/remote_check.py": "by hand: CONTRIBUTING.md, Checks that are no bazel test",
}

# Indented blocks that are no commands, by their first words.
TEXTS = {
    "debian.toml ─lock→": "a picture",
    "input cmdline: text was": "what a program says",
}

VERBS = ("build", "test", "run", "query", "aquery", "fetch", "info")

# Where the options of a program stand, by the end of its label.
PROGRAMS = {
    r":boot_\w+": "boot",
    r":(diff|\w+_explain|sign_\w+)": "evidence",
    r":\w+_summary": "image",
    r":lock": "lock",
    r":measure": "measure",
    r":(pin|push_\w+)": "publish",
    r":(compare|ledger)": "rootfs",
    r":compile_commands": "toolchain",
}

# Functions of others that snippets call: Bazel's in BUILD and MODULE files, and rules of other rule sets.
FUNCTIONS = {
    *("load", "glob", "select", "alias", "filegroup", "genrule", "package", "platform"),
    *("module", "bazel_dep", "use_extension", "use_repo", "register_toolchains", "local_path_override"),
    *("cc_binary", "cc_test", "oci_image", "oci_load"),
}

# What every rule takes, whatever its file says.
COMMON = {"name", "visibility", "tags", "testonly", "target_compatible_with", "timeout", "size"}


@dataclass(frozen=True, slots=True)
class Block:
    """A code block. `before` is the line of text before it, `language` is empty for an indented one."""

    page: str
    line: int
    before: str
    language: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What looks at a block, or at a command of it, and what is wrong with that."""

    block: Block
    what: str
    how: str
    problems: tuple[str, ...] = ()


def blocks(page: str, text: str) -> Iterator[Block]:
    """Yields the fenced and the indented code blocks of a page, without what they are indented by."""
    lines = text.split("\n")
    at, before = 0, ""
    while at < len(lines):
        line, start = lines[at], at
        if fence := re.match(r"( *)```(\w*)$", line):
            at = next(end for end in range(at + 1, len(lines)) if lines[end].strip() == "```")
            body = [inner.removeprefix(fence[1]) for inner in lines[start + 1 : at]]
            yield Block(page, start + 1, before, fence[2], "".join(f"{inner}\n" for inner in body))
        elif line.startswith("    ") and (not start or not lines[start - 1].strip()):
            while at + 1 < len(lines) and (lines[at + 1].startswith("    ") or not lines[at + 1].strip()):
                at += 1
            body = [inner.removeprefix("    ") for inner in lines[start : at + 1]]
            yield Block(page, start + 1, before, None, "\n".join(body).rstrip() + "\n")
        elif line.strip():
            before = line
        at += 1


def commands(block: Block) -> list[str]:
    """The commands of an indented block, each in one line, without comments."""
    joined = re.sub(r"\\\n\s*", "", block.text)
    return [re.sub(r"\s+# .*", "", line).strip() for line in joined.splitlines() if line.strip()]


def verdicts(block: Block, flags: Mapping[str, set[str]] | None) -> Iterator[Verdict]:
    """Yields what looks at a block. `flags` are Bazel's, by command; None if it was not asked."""
    first = block.text.strip().splitlines()[0] if block.text.strip() else ""
    if block.language is None:
        text = next((why for start, why in TEXTS.items() if first.startswith(start)), None)
        if text:
            yield Verdict(block, first, text)
        elif re.fullmatch(r"\w+\(", first):
            yield Verdict(block, first, "parsed, arguments looked up", tuple(starlark(block.text)))
        else:
            yield from (command(block, line, flags) for line in commands(block))
        return
    if named := re.search(r"`([\w./]+\.\w+)`[^`]*:$", block.before):
        files = [folder / named[1] for folder in (EXAMPLES, EXAMPLES / "minimal")]
        found = [file for file in files if file.is_file() and block.text in file.read_text()]
        if found:
            example = found[0].relative_to(EXAMPLES).parts[0]
            yield Verdict(block, named[1], f"run: .ci/run example_{example}")
        else:
            yield Verdict(block, first, "", (f"is not verbatim in examples/{named[1]}",))
    elif block.language == "starlark":
        how = "parsed, arguments looked up"
        if any(block.text in file.read_text() for file in (EXAMPLES / "minimal").glob("*.bazel")):
            how = "run: .ci/run example_minimal"
        yield Verdict(block, first, how, tuple(starlark(block.text)))
    elif block.language == "toml":
        yield Verdict(block, first, "parsed, keys looked up in the schema", tuple(toml(block.text)))
    elif block.language == "bazelrc":
        yield Verdict(block, first, "flags looked up in Bazel", tuple(bazelrc(block.text, flags)))
    elif block.language:
        yield Verdict(
            block, first, "", (f"nothing looks at {block.language} without a file's name before it",)
        )
    else:
        yield Verdict(block, first, "", ("says no language",))


def command(block: Block, line: str, flags: Mapping[str, set[str]] | None) -> Verdict:
    """What looks at a command: something that runs it, or else its syntax, options and labels."""
    if subprocess.run(["bash", "-n"], input=line, capture_output=True, text=True, check=False).returncode:
        return Verdict(block, line, "", ("bash can't parse it",))
    problems: list[str] = []
    words = line.split()
    how = next((why for program, why in OTHERS.items() if words[0] == program), "")
    plain = re.sub(r"\s+", " ", line)
    if re.search(r"\bbazel\b", words[0]) or words[0].startswith("RULES_SYSTEM_IMAGE_"):
        if plain in RUN:
            how = f"run: commands_check.py, in {RUN[plain][0]}"
        else:
            how = next((why for known, why in ELSEWHERE.items() if re.fullmatch(known, plain)), "")
        problems += options(line, flags)
    elif (HERE / words[0]).is_file():
        text = (HERE / words[0]).read_text()
        problems += [
            f"has no {option}" for option in re.findall(r" (--\w[\w-]*)", line) if f'"{option}"' not in text
        ]
    if not how:
        problems.append("nothing runs it: name it in RUN, ELSEWHERE, OTHERS or TEXTS of snippets.py")
    return Verdict(block, plain, how, tuple(problems))


def options(line: str, flags: Mapping[str, set[str]] | None) -> Iterator[str]:
    """Yields a line for each option of a command that neither Bazel nor the program has."""
    words = shlex.split(line)
    end = words.index("--") if "--" in words else len(words)
    bazel, own = words[:end], words[end + 1 :]
    verb = next((word for word in bazel[1:] if word in VERBS), "build")
    if flags is not None:
        yield from (f"Bazel has no {word}" for word in bazel if not _known(word, flags[verb]))
    label = next((word for word in bazel if re.match(r"(@\w+)?//[\w/]*:\w+$", word)), "")
    phase = next((phase for end, phase in PROGRAMS.items() if re.search(end + "$", label)), None)
    if own and phase:
        text = "".join(path.read_text() for path in (TOOLS / phase).glob("*.py"))
        for option in (word.partition("=")[0] for word in own if word.startswith("--")):
            if f'"{option}"' not in text:
                yield f"{label} has no {option}"
    elif own and "//tests/" not in label:
        yield f"nothing knows the options of {label}: name it in PROGRAMS of tests/docs/snippets.py"


def _known(word: str, flags: set[str]) -> bool:
    """Whether a word is no flag of Bazel's own, or one that there is. Settings are labels."""
    flag = word.partition("=")[0]
    return not flag.startswith("--") or flag.startswith(("--@", "--//")) or flag.removeprefix("--") in flags


def bazelrc(text: str, flags: Mapping[str, set[str]] | None) -> Iterator[str]:
    """Yields what is wrong with lines of a .bazelrc."""
    for line in text.splitlines():
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if not re.fullmatch(r"(common|build|test|run)(:\w+)?", words[0]):
            yield f"no line of a .bazelrc begins with {words[0]}"
        elif flags is not None:
            yield from (f"Bazel has no {word}" for word in words[1:] if not _known(word, flags["build"]))


def bazel_flags() -> dict[str, set[str]]:
    """Bazel's flags, by command; starts Bazel."""
    found = {}
    for verb in VERBS:
        answer = subprocess.run(
            ["tools/bazel", "help", verb, "--long"], cwd=HERE, capture_output=True, text=True, check=True
        )
        names = re.findall(r"^  --(\[no\])?([\w-]+)", answer.stdout, re.MULTILINE)
        found[verb] = {name for _, name in names} | {f"no{name}" for no, name in names if no}
    return found


def toml(text: str) -> Iterator[str]:
    """Yields what is wrong with a debian.toml, or a part of one, by the schema's keys."""
    schema = json.loads((HERE / "docs/reference/debian.schema.json").read_text())
    try:
        yield from _keys(tomllib.loads(text), schema, schema, "")
    except tomllib.TOMLDecodeError as error:
        yield f"is no TOML: {error}"


def _keys(value: object, schema: Mapping[str, Any], whole: Mapping[str, Any], where: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = whole["definitions"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        for item in value:
            yield from _keys(item, schema.get("items", {}), whole, where)
    elif isinstance(value, dict):
        others = schema.get("additionalProperties", True)
        for key, inner in value.items():
            below = schema.get("properties", {}).get(key, others)
            if below is False:
                yield f"{where or 'the manifest'} has no {key}"
            elif isinstance(below, dict):
                yield from _keys(inner, below, whole, f"{where}.{key}".lstrip("."))


def starlark(block: str) -> Iterator[str]:
    """Yields what is wrong with calls of our rules: syntax, a rule or an argument that there is not."""
    try:
        tree = ast.parse(block)
    except SyntaxError as error:
        yield f"a block of Starlark has a syntax error in line {error.lineno}: {error.msg}"
        return
    sources = public()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        source = sources.get(node.func.id)
        if source is None:
            if node.func.id not in FUNCTIONS:
                yield f"{node.func.id} is no rule of ours, nor a known one of others"
            continue
        for keyword in node.keywords:
            if keyword.arg and keyword.arg not in COMMON and not re.search(rf"\b{keyword.arg}\b", source):
                yield f"{node.func.id} has no attribute {keyword.arg}"


def public() -> dict[str, str]:
    """Returns the public rules and macros with the source of the file that each is defined in."""
    sources: dict[str, str] = {}
    for file in (HERE / "system_image/defs.bzl", HERE / "system_image/nvidia/defs.bzl"):
        text = file.read_text()
        sources |= dict.fromkeys(re.findall(r"^def ([a-z]\w+)\(", text, re.MULTILINE), text)
        for load in re.findall(r"^load\((.*?)\)", text, re.MULTILINE | re.DOTALL):
            where = re.match(r'\s*"//([\w/]+):([\w.]+)"', load)
            if where:
                body = (HERE / where[1] / where[2]).read_text()
                sources |= dict.fromkeys(re.findall(r'_\w+ = "(\w+)"', load), body)
    return sources
