"""A build of kernel modules: what it touches of the machine, how it fails, what it signs."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.sysimage.core import json_manifest
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree, directory, file
from tools.sysimage.debian.dpkg import load_all
from tools.sysimage.kernel import kbuild
from tools.sysimage.kernel.kbuild import BuildDirectory
from tools.sysimage.kernel.kernel_module import Build, KernelModuleInput, subtree

SIGNED = b"~Module signature appended~\n"


def runfile(path: str) -> str:
    """Where a test finds an input of an action."""
    return re.sub("^external/", "../", re.sub("^bazel-out/[^/]+/bin/", "", path))


def anywhere(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: anywhere(item) for key, item in value.items()}
    if isinstance(value, list):
        return [anywhere(item) for item in value]
    return runfile(value) if isinstance(value, str) else value


FIELDS: Mapping[str, Any] = anywhere(json.loads(Path(os.environ["MANIFEST"]).read_text()))


def given(folder: Path, **fields: Any) -> KernelModuleInput:
    """What the rule hands over, but for some fields."""
    path = folder / "manifest.json"
    path.write_text(json.dumps({**FIELDS, **fields}))
    return json_manifest.read(KernelModuleInput, path)


@pytest.fixture(scope="module")
def build_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildDirectory]:
    folder = tmp_path_factory.mktemp("build_directory")
    fields = given(folder)
    yield kbuild.make(
        kbuild.KernelHeaders(
            architecture=fields.architecture,
            headers=load_all(fields.headers),
            host=fields.host,
            tools=load_all(fields.tools),
            launcher=fields.launcher,
        ),
        folder,
    )
    shutil.rmtree(folder)


def build(build_directory: BuildDirectory, sources: Mapping[str, str], **fields: Any) -> Build:
    """A build of these files, ready for make."""
    shutil.rmtree(build_directory.folder / "source", ignore_errors=True)
    items = []
    for name, text in sources.items():
        path = build_directory.folder / f"given-{name}"
        path.write_text(text)
        items.append({"file": str(path), "path": name})
    made = Build(build_directory, given(build_directory.folder, sources=items, **fields))
    made.lay_out()
    return made


SMALL = '#include <linux/module.h>\nMODULE_LICENSE("GPL");\nMODULE_DESCRIPTION("small");\n'


def test_nothing_of_the_host_is_started_or_read(
    build_directory: BuildDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    strace = Path(os.environ["STRACE"]).absolute()
    trace = build_directory.folder / "trace"
    tracer: list[str | Path] = [
        strace / "lib/ld-linux-x86-64.so.2",
        "--library-path",
        strace / "lib",
        strace / "bin/strace",
    ]
    options: list[str | Path] = [
        "-f",
        "-qq",
        "-A",
        "-z",
        "-s",
        "4096",
        "-e",
        "trace=execve,open,openat",
        "-o",
        trace,
    ]
    plain = BuildDirectory.run

    def traced(self: BuildDirectory, command: Sequence[str | Path], where: Path, log: Path) -> int:
        return plain(self, [*tracer, *options, *command], where, log)

    monkeypatch.setattr(BuildDirectory, "run", traced)
    made = build(build_directory, {"small.c": SMALL}, modules=["small"])
    made.make(2)
    assert made.finish("small").read_bytes()
    # Runfiles are links, which gcc follows.
    compiler = os.path.realpath(FIELDS["compiler"]["CC"]).removesuffix("/bin/gcc")
    ours = (str(build_directory.folder), str(Path.cwd().parent), compiler, "/dev/null", "/proc/")
    seen = re.findall(r'(?:execve\(|open\(|openat\([^,]+, )"([^"]*)"', trace.read_text())
    assert f"{build_directory.folder}/tools/usr/bin/sh" in seen
    assert {
        path for path in seen if path.startswith("/") and path != "/" and not path.startswith(ours)
    } == set()


def test_failed_build_shows_the_compiler_s_words(
    build_directory: BuildDirectory, capfd: pytest.CaptureFixture[str]
) -> None:
    made = build(build_directory, {"small.c": SMALL + "int wrong = nothing;\n"}, modules=["small"])
    with pytest.raises(ToolError, match=r"make \(status 2\); what it said is above"):
        made.make(2)
    assert "small.c:4:13: error: 'nothing' undeclared" in capfd.readouterr().err


def test_patch_that_does_not_fit_is_refused_whatever_its_context(
    build_directory: BuildDirectory, tmp_path: Path
) -> None:
    patch = tmp_path / "some.patch"
    patch.write_text(
        '--- a/small.c\n+++ b/small.c\n@@ -1,2 +1,2 @@\n #include "other.h"\n-MODULE_LICENSE("GPL");\n+\n'
    )
    made = build(build_directory, {"small.c": SMALL}, modules=["small"], patches=[str(patch)])
    with pytest.raises(ToolError, match=r"some\.patch does not fit"):
        made.patch()
    assert (made.source / "small.c").read_text() == SMALL


def test_patch_is_applied(build_directory: BuildDirectory, tmp_path: Path) -> None:
    patch = tmp_path / "some.patch"
    patch.write_text(
        'Why.\n\n--- a/small.c\n+++ b/small.c\n@@ -3,1 +3,1 @@\n-MODULE_DESCRIPTION("small");\n+/* */\n'
    )
    made = build(build_directory, {"small.c": SMALL}, modules=["small"], patches=[str(patch)])
    made.patch()
    assert (made.source / "small.c").read_text() == SMALL.replace('MODULE_DESCRIPTION("small");', "/* */")


def test_module_that_the_source_does_not_make_is_named_with_those_that_it_makes(
    build_directory: BuildDirectory,
) -> None:
    made = build(build_directory, {"small.c": SMALL, "Kbuild": "obj-m := small.o\n"}, modules=["large"])
    made.make(2)
    with pytest.raises(ToolError, match="modules: the source does not make large; it makes small"):
        made.finish("large")


def test_signature_is_that_of_the_key(build_directory: BuildDirectory, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=modules",
        "-config",
        "/dev/null",
    ]
    openssl([*request, "-keyout", key, "-out", certificate])
    fields = {"signing_key": str(key), "signing_certificate": str(certificate)}
    made = build(build_directory, {"small.c": SMALL}, modules=["small"], **fields)
    made.make(2)
    data = made.finish("small").read_bytes()
    assert data.endswith(SIGNED)
    # struct module_signature, of 12 bytes, ends with the length of the signature, in network order.
    end = len(data) - len(SIGNED) - 12
    length = int.from_bytes(data[end + 8 : end + 12])
    (tmp_path / "signature").write_bytes(data[end - length : end])
    (tmp_path / "content").write_bytes(data[: end - length])
    verify: list[str | Path] = [
        "cms",
        "-verify",
        "-binary",
        "-noverify",
        "-inform",
        "DER",
        "-in",
        tmp_path / "signature",
    ]
    verify += ["-content", tmp_path / "content", "-certificate", certificate, "-out", "/dev/null"]
    verify[verify.index("-certificate")] = "-certfile"
    openssl(verify)
    (tmp_path / "content").write_bytes(b"another")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(verify)


def test_key_that_is_none_is_refused(build_directory: BuildDirectory, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("no key")
    fields = {"signing_key": str(key), "signing_certificate": str(key)}
    made = build(build_directory, {"small.c": SMALL}, modules=["small"], **fields)
    made.make(2)
    with pytest.raises(
        ToolError, match=r"small can't be signed: are .*key\.pem and .*key\.pem a key and its"
    ):
        made.finish("small")


def openssl(arguments: Sequence[str | Path]) -> None:
    folder = Path(os.environ["OPENSSL"])
    loader: list[str | Path] = [
        folder / "lib/ld-linux-x86-64.so.2",
        "--library-path",
        folder / "lib",
        folder / "bin/openssl",
    ]
    subprocess.run([*loader, *arguments], check=True, capture_output=True)


def test_folder_of_a_package_is_found_by_a_pattern_that_fits_one() -> None:
    tree = Tree()
    for path in ("usr", "usr/src", "usr/src/driver-1.0", "usr/src/other"):
        tree.put(path, directory())
    tree.put("usr/src/driver-1.0/Kbuild", file(b"obj-m := driver.o\n"))
    assert subtree(tree, "usr/src/driver-*").paths() == ["", "Kbuild"]
    for pattern, found in (
        ("usr/src/*", "2 folders.*driver-1.0, usr/src/other"),
        ("usr/lib/*", "0 folders.*none"),
    ):
        with pytest.raises(ToolError, match=found):
            subtree(tree, pattern)


def test_headers_of_two_kernels_are_refused(tmp_path: Path) -> None:
    tree = Tree()
    for release in ("6.1", "6.2"):
        tree.make_parents(f"usr/lib/modules/{release}/build/Makefile")
    with pytest.raises(ToolError, match=r"headers of 2 kernels \(6\.1, 6\.2\)"):
        kbuild._release(tree)
