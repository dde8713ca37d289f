"""What the toolbox is made of. Whatever changes its content changes its name, and so builds it anew.

The recipe pins names, suites and fix-ups, not versions: Debian's testing and unstable move, and a mirror
keeps no old packages. What decides the bytes of an image comes from debian.lock.json, not from here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

# bazel-bootstrap and its modules are in no stable release of Debian yet. What testing lacks for a
# while (a removal, a transition) comes from unstable.
SUITES = ("forky", "sid")

# The version that Debian's bazel-bootstrap must have: .bazelversion, and what the adapters are tested with.
BAZEL_VERSION = "7.7.1"

# The Python that MODULE.bazel asks for, also when Debian's default has moved on.
PYTHON = "python3.14"

PACKAGES = (
    # Bazel, and what its server, its launcher and its shell actions start
    "bazel-bootstrap",
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


def digest(architecture: str) -> str:
    """The first 12 hex digits of the SHA-256 of everything that decides what the toolbox holds."""
    hashed = hashlib.sha256(architecture.encode())
    here = Path(__file__).resolve().parent
    for name in ("recipe.py", "unpack.py"):
        hashed.update(b"\0" + (here / name).read_bytes())
    return hashed.hexdigest()[:12]
