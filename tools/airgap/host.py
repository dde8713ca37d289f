"""What the toolbox takes from the host at each start: trust store, settings for Bazel, environment."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from pathlib import Path

from tools.airgap import certificates, overrides, recipe
from tools.airgap.errors import ToolError
from tools.airgap.toolbox import Toolbox

# Bundles of certificates, the first that exists counts. The variables are those of OpenSSL and Python.
_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")

# Settings that name programs or files of the host, which the toolbox hides.
_DROPPED = """
    AR AS BAZEL_REAL CC CFLAGS CLASSPATH CPATH CPLUS_INCLUDE_PATH CPP CPPFLAGS CXX CXXFLAGS C_INCLUDE_PATH
    GCC_EXEC_PREFIX JAVA_HOME JDK_HOME LANGUAGE LD LDFLAGS LD_LIBRARY_PATH LD_PRELOAD LIBRARY_PATH LOCPATH
    NM OBJCOPY PERL5LIB PYTHONHOME PYTHONPATH PYTHONSTARTUP STRIP VIRTUAL_ENV
"""

# Flags that Bazel 7 needs to do what later ones do anyway, and that some later one no longer knows.
_AS_BAZEL_8 = (
    # There is no WORKSPACE file, and its suffix would fetch rule sets from the internet.
    "common --noenable_workspace",
    # Names of repositories can't be taken for short names of Windows.
    "common --incompatible_use_plus_in_repo_names",
)


def write_if_new(path: Path, content: bytes) -> None:
    """Replaces `path` in one step, and only if its content changes: several starts may run at once."""
    if path.exists() and path.read_bytes() == content:
        return
    import tempfile  # noqa: PLC0415 - each start would pay for it

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    aside = Path(name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    aside.chmod(0o644)
    aside.rename(path)


def certificate_bundle() -> Path | None:
    """The host's bundle of certificates in PEM, or None (then the toolbox's own Debian bundle serves)."""
    given = [os.environ.get(variable, "") for variable in _BUNDLE_VARIABLES]
    for name in [*given, *_BUNDLES]:
        if name and Path(name).is_file():
            return Path(name)
    return None


def trust_store(toolbox: Toolbox) -> Path:
    """Java's trust store with the host's certificates, made again when the host's bundle changes."""
    bundle = certificate_bundle() or toolbox.root / "etc/ssl/certs/ca-certificates.crt"
    found = bundle.stat()
    stamp = f"{bundle} {found.st_size} {found.st_mtime_ns}\n".encode()
    store, made_from = toolbox.state / "cacerts.jks", toolbox.state / "cacerts.from"
    if not (store.exists() and made_from.exists() and made_from.read_bytes() == stamp):
        der = certificates.read_pem(bundle.read_text(encoding="utf-8", errors="replace"), bundle)
        if not der:
            raise ToolError(f"{bundle} holds no certificate: run 'update-ca-certificates' on the host")
        write_if_new(store, certificates.trust_store(der))
        write_if_new(made_from, stamp)
    return store


def temporary_folder(toolbox: Toolbox) -> Path:
    """A folder for the temporary files of servers.

    Debian's Bazel unpacks a library of 1 MB there at each start of a server, and leaves it; a server that
    has loaded it needs the file no more.
    """
    folder = toolbox.state / "tmp"
    folder.mkdir(exist_ok=True)
    for left in folder.glob("bazel-jni.*"):
        with contextlib.suppress(FileNotFoundError):  # another start removes it, too
            if left.stat().st_mtime < time.time() - 60:
                shutil.rmtree(left, ignore_errors=True)
    return folder


def rc_word(option: str) -> str:
    """`option` as an rc file has it, where spaces part words, # begins a comment, and \\ and quotes are read.

    In quotes, so that a line never ends with a backslash, which would join it with the next. ToolError for a
    line break, which no rc file can have in a word.
    """
    if "\n" in option or "\r" in option:
        raise ToolError(f"Bazel's settings can't name a path with a line break ({option!r}): move it")
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def bazelrc(toolbox: Toolbox, modules: Path) -> Path:
    """The rc file with all that is special about Bazel in the toolbox; `modules`: the adapters' folder.

    Raises ToolError.
    """
    store = trust_store(toolbox)
    lines = [
        "# Written by tools/bazel for Bazel in the toolbox; read after the workspace's own .bazelrc.",
        "startup --server_javabase=/usr/lib/jvm/default-java",
        f"startup --host_jvm_args=-Xbootclasspath/a:/{recipe.BUILD_DATA}",
        "startup " + rc_word(f"--host_jvm_args=-Djavax.net.ssl.trustStore={store}"),
        f"startup --host_jvm_args=-Djavax.net.ssl.trustStorePassword={certificates.PASSWORD}",
        "startup " + rc_word(f"--host_jvm_args=-Djava.io.tmpdir={temporary_folder(toolbox)}"),
        # A server must end if its toolbox was deleted and made anew (its programs are gone), or if the host's
        # certificates have changed (it has read them). Another start-up option makes Bazel see to that.
        f"startup --host_jvm_args=-Drules_system_image.toolbox={toolbox.made}",
        f"startup --host_jvm_args=-Drules_system_image.certificates={store.stat().st_mtime_ns}",
        # All modules that there are, are overrides. Another is missed at once, where the default registry
        # would be asked until a time-out; `--registry` on the command line adds one of the host's own.
        f"common --registry=file:///{recipe.REGISTRY}",
        # A lock file made with the adapters is of no use to anybody with the real modules.
        "common --lockfile_mode=off",
        # An action runs in linux-sandbox, or is tagged as one that can't, or fails: no quiet fall-back.
        "common --spawn_strategy=linux-sandbox,local",
    ]
    if toolbox.bazel < (8,):
        lines += _AS_BAZEL_8
    zstd = toolbox.library("libzstd-jni.so*")
    if zstd:
        # Debian's Bazel looks for it in a folder that has none.
        lines.append(f"startup --host_jvm_args=-DZstdNativePath={zstd}")
    folders = overrides.overrides(toolbox.root, modules, toolbox.state / "modules")
    for name, path in sorted(folders.items()):
        lines.append("common " + rc_word(f"--override_module={name}={path}"))
    key = hashlib.sha256(str(modules).encode()).hexdigest()[:12]
    written = toolbox.state / f"{key}.bazelrc"
    write_if_new(written, ("\n".join(lines) + "\n").encode())
    return written


def environment() -> dict[str, str]:
    """The environment of Bazel in the toolbox: the host's, without what names programs of the host."""
    dropped = _DROPPED.split()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in dropped and not name.startswith("LC_")
    }
    # The toolbox has no other locale, and only its own programs.
    return {**kept, "LANG": "C.UTF-8", "PATH": "/usr/bin:/usr/sbin:/bin:/sbin"}
