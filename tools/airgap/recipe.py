"""What the toolbox is made of. Whatever changes its content changes its name, and so builds it anew.

The recipe pins names, suites and fix-ups, not versions: Debian's testing and unstable move, and a mirror
keeps no old packages. What decides the bytes of an image comes from debian.lock.json, not from here.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tools.airgap.errors import ToolError

# bazel-bootstrap and its modules are in no stable release of Debian yet. What testing lacks for a
# while (a removal, a transition) comes from unstable.
SUITES = ("forky", "sid")

# The versions of Debian's bazel-bootstrap that this rule set works with: at least, and below.
BAZEL = "bazel-bootstrap"
BAZEL_VERSIONS = ((7, 7), (10,))

# Where, below the root, that package says which version it is.
BUILD_LABEL = "usr/share/bazel/build-label.txt"

# When Debian had all of this in SUITES, for the day on which it no longer does.
SNAPSHOT = "20261127T000000Z"

# The Python that MODULE.bazel asks for, also when Debian's default has moved on.
PYTHON = "python3.14"

PACKAGES = (
    # Bazel, and what its server, its launcher and its shell actions start
    BAZEL,
    "bazel-rules-shell",
    "default-jre-headless",
    "bash",
    "dash",
    "base-files",
    "coreutils",
    "diffutils",
    "file",
    "findutils",
    "gawk",
    "git",
    "grep",
    "gzip",
    "bzip2",
    "hostname",
    "patch",
    "procps",
    "sed",
    "tar",
    "unzip",
    "util-linux",
    "xz-utils",
    "zip",
    "zstd",
    # the way in
    "bubblewrap",
    # names, certificates, time zones
    "ca-certificates",
    "netbase",
    "tzdata",
    # what the adapters of rules_python, rules_cc and rules_oci stand on
    PYTHON,
    "python3",
    "python3-pip",
    "gcc",
    "g++",
    "libc6-dev",
    "crane",
)

# Dependencies that nothing here uses, told to apt as met: the JDK alone is 350 MB, and no Java is compiled.
ABSENT = (
    "build-essential",
    "debconf",
    "debconf-2.0",
    "default-jdk-headless",
    "liberror-perl",
    "libjs-jquery",
    "libpam-modules",
    "libpam-runtime",
    "node-core-js",
    "node-html5shiv",
    "perl",
    "perl:any",
    "python3-setuptools-whl",
    "python3-wheel",
)

# A folder, below the root, for a registry of modules in which there are none.
REGISTRY = "usr/share/rules_system_image/registry"

# The folder, below the root, with what gives Bazel its version; also the sign of being in the toolbox.
BUILD_DATA = "usr/share/rules_system_image/build-data"

# Left out when a package is unpacked (patterns of tar --exclude).
EXCLUDED = (
    "./usr/share/doc/*",
    "./usr/share/doc-base/*",
    "./usr/share/info/*",
    "./usr/share/lintian/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
    "./usr/share/bug/*",
    "./usr/share/maven-repo/*",
    "./usr/share/bazel/embedded_tools/*.md",
    "./usr/lib/systemd/*",
    "./usr/lib/jvm/*/jmods/*",
    "./usr/lib/jvm/*/lib/src.zip",
    # what serves other kinds of heaps only, and debugging of link-time optimization
    "./usr/lib/jvm/*/lib/server/classes_*.jsa",
    "./usr/bin/*-lto-dump-*",
)

# Links that the packages' postinst scripts would make: path → target. A link is left out if its path exists.
LINKS = {
    "usr/bin/sh": "dash",
    "usr/bin/awk": "gawk",
    "usr/bin/cc": "gcc",
    "usr/bin/c++": "g++",
    "usr/bin/which": "which.debianutils",
    "usr/bin/java": "../lib/jvm/default-java/bin/java",
}

# The host's own, laid over the toolbox's /etc and /usr when they exist there. The mount points are made
# when the toolbox is made. /usr/share/ca-certificates and /usr/local/share/ca-certificates are what the
# links in /etc/ssl/certs point to.
HOST_FILES = (
    "etc/passwd",
    "etc/group",
    "etc/resolv.conf",
    "etc/hosts",
    "etc/nsswitch.conf",
    "etc/pip.conf",
    "etc/gitconfig",
)
HOST_FOLDERS = (
    "etc/ssl",
    "etc/apt",
    "etc/xdg/pip",
    "usr/share/keyrings",
    "usr/share/ca-certificates",
    "usr/local/share/ca-certificates",
)


def bazel_version(label: str) -> tuple[int, ...]:
    """The numbers that a version of Bazel, or of its package, begins with. Raises ToolError."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", label)
    if not found:
        raise ToolError(
            f"Debian's bazel-bootstrap has the version '{label.strip()}', which is none: install bazelisk"
        )
    return tuple(int(number) for number in found.groups("0"))


def check_bazel(version: str) -> None:
    """ToolError if this rule set does not work with that version of Bazel."""
    least, below = BAZEL_VERSIONS
    if not least <= bazel_version(version) < below:
        raise ToolError(
            f"Debian's bazel-bootstrap has version {version.strip()}, and this rule set works with "
            f"{'.'.join(map(str, least))} and later, before {below[0]}: update it, or install bazelisk"
        )


def digest(architecture: str) -> str:
    """The first 12 hex digits of the SHA-256 of everything that decides what the toolbox holds."""
    hashed = hashlib.sha256(architecture.encode())
    here = Path(__file__).resolve().parent
    for name in ("recipe.py", "unpack.py"):
        hashed.update(b"\0" + (here / name).read_bytes())
    return hashed.hexdigest()[:12]
