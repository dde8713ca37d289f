"""What apt would install, beside what the lock tool selects, of Debian's own indexes.

    tools/bazel run //tests/lock:apt_compare [-- --only NAME]

Sets of 1 to over 1,000 packages for amd64 and arm64; a set that differs is told package by package, and
makes the status 1. Needs a Debian mirror.
"""

import argparse
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from tests.lock.apt import Root, preferences
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.debian import mirrors as host
from tools.sysimage.debian.fetch import Mirrors
from tools.sysimage.lock import manifest
from tools.sysimage.lock.archive import fetch_release, read_packages
from tools.sysimage.lock.cache import Cache
from tools.sysimage.lock.index import Index
from tools.sysimage.lock.manifest import Manifest, PackageSet, Pin
from tools.sysimage.lock.packages import Origin
from tools.sysimage.lock.resolve import resolve
from tools.sysimage.lock.signature import SHIPPED, Keyring

_MANIFEST = Path(__file__).parents[2] / "system_image/debian.toml"
_BACKPORTS = "trixie-backports"

# One set a line: what it names. `essential` and `required` stand for these options of a set.
_AMD64 = """
hello
base-files
libc6
bash
systemd
systemd systemd-sysv dbus udev runc essential
apt essential
apt required
essential
essential required
openssh-server chrony nftables ca-certificates curl
podman crun slirp4netns uidmap
docker.io
containerd
nginx-light python3-minimal postgresql-common
kmod iproute2 procps tzdata locales less vim-tiny sudo cron logrotate rsyslog
gcc g++ binutils libc6-dev libstdc++-14-dev libsystemd-dev
gcc-aarch64-linux-gnu g++-aarch64-linux-gnu
build-essential
clang lld llvm
rustc cargo
golang
openjdk-21-jdk
openjdk-21-jre-headless
maven gradle
nodejs npm
python3-numpy python3-scipy python3-pandas
python3-django python3-flask
ruby-full rails
php apache2
perl libdbi-perl
postgresql
mariadb-server
redis-server
exim4 mutt
logwatch
mailman3-full
postfix dovecot-imapd
qemu-system-x86 qemu-utils
libvirt-daemon-system virt-manager
linux-image-cloud-amd64
linux-image-amd64 grub-efi firmware-linux
linux-image-amd64 dracut
nvidia-kernel-dkms firmware-nvidia-gsp
nvidia-driver nvidia-smi
libcuda1 nvidia-persistenced
xfce4
gnome
kde-plasma-desktop
task-lxde-desktop
libreoffice
texlive-full
texlive
gimp inkscape
ghc haskell-stack
emacs
wireshark tshark
"""
_ARM64 = """
hello
systemd systemd-sysv dbus udev runc essential
apt required
essential required
openssh-server chrony nftables ca-certificates curl
podman crun slirp4netns uidmap
docker.io
gcc g++ binutils libc6-dev libstdc++-14-dev libsystemd-dev
build-essential
rustc cargo
golang
openjdk-21-jdk
nodejs npm
python3-numpy python3-scipy
postgresql
logwatch
qemu-system-arm qemu-utils
linux-image-cloud-arm64
linux-image-arm64 grub-efi
xfce4
gnome
kde-plasma-desktop
texlive
libreoffice
"""

# Pins, and a set for amd64 with them.
_PINNED = (
    ((Pin(("src:linux-signed-amd64", "linux-base"), _BACKPORTS, None),), "linux-image-cloud-amd64"),
    ((Pin(("*",), _BACKPORTS, None),), "linux-image-cloud-amd64 systemd podman"),
    ((Pin(("src:systemd",), _BACKPORTS, None),), "systemd systemd-sysv udev libnss-resolve essential"),
    ((Pin(("libssl3t64", "openssl*"), "trixie", None),), "openssh-server curl"),
    ((Pin(("*",), "trixie", None),), "openjdk-21-jdk postgresql"),
    ((Pin(("runc",), "trixie", None), Pin(("*",), "trixie-security", None)), "runc containerd xz-utils"),
)


def main(argv: Sequence[str]) -> int:
    """Compares; the status is 1 if a set differs."""
    parser = argparse.ArgumentParser(prog="apt_compare", description=__doc__)
    parser.add_argument("--only", metavar="PACKAGE", help="only the sets that name it")
    options = parser.parse_args(argv)
    wanted = manifest.load(_MANIFEST)
    different = compared = 0
    with tempfile.TemporaryDirectory(prefix="apt-compare-") as folder:
        for case in cases(wanted, Path(folder)):
            if options.only and options.only not in case.names.split():
                continue
            compared += 1
            lines = list(case.compare())
            different += bool(lines)
            for line in lines:
                print(f"    {line}")
    print(f"{compared} sets compared, {different} differ")
    if not compared:
        raise ToolError(f"--only {options.only}: no set names it")
    return int(different > 0)


@dataclass(frozen=True, slots=True)
class Case:
    """One set for one architecture, with the indexes and the root of apt that have the same packages."""

    architecture: str
    names: str
    pinned: bool
    index: Index
    root: Root

    def compare(self) -> Iterator[str]:
        """Prints a line for the set, yields one for each package in which the two differ."""
        named = [name for name in self.names.split() if name not in ("essential", "required")]
        essential, required = ("essential" in self.names.split(), "required" in self.names.split())
        patterns = ["?essential"] * essential + ["?priority(required)"] * required
        started = time.monotonic()
        problem = ""
        ours: dict[str, str] = {}
        try:
            closure = resolve(self.index, PackageSet("t", tuple(named), essential, None, {}, required))
            ours = {name: each.version for name, each in closure.packages.items()}
        except ToolError as error:
            problem = str(error)
        seconds = time.monotonic() - started
        answer = self.root.install(*named, *patterns)
        theirs = answer.packages or {}
        print(
            f"{self.architecture} {len(theirs):5} packages, apt {answer.seconds:4.1f} s, "
            f"lock {seconds:4.1f} s: {self.names}{' with pins' if self.pinned else ''}",
            flush=True,
        )
        if problem:
            yield f"refused: {problem}"
        if answer.packages is None:
            yield f"apt refuses: {' '.join(answer.messages.split())}"
        for name in sorted({*ours, *theirs}):
            if ours.get(name) != theirs.get(name):
                yield f"{name}: {ours.get(name, 'none')}, apt {theirs.get(name, 'none')}"


def cases(wanted: Manifest, folder: Path) -> Iterator[Case]:
    """All sets; each architecture's indexes are read when it is its turn."""
    for architecture, text in (("amd64", _AMD64), ("arm64", _ARM64)):
        index = Index(architecture)
        root = Root(folder / architecture, architecture)
        _fill(wanted, index, root)
        for names in text.strip().splitlines():
            yield Case(architecture, names, False, index, root)
    more = replace(
        wanted,
        archives=tuple(
            replace(archive, suites=(*archive.suites, _BACKPORTS)) if "trixie" in archive.suites else archive
            for archive in wanted.archives
        ),
    )
    for number, (pins, names) in enumerate(_PINNED):
        index = Index("amd64", pins)
        root = Root(folder / f"pins{number}", "amd64", preferences(pins))
        _fill(more, index, root)
        yield Case("amd64", names, True, index, root)
        shutil.rmtree(root.folder)


def _fill(wanted: Manifest, index: Index, root: Root) -> None:
    """Reads all indexes of the manifest's archives, for us and for apt."""
    keyring = Keyring(SHIPPED)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    urls = host.host_mirrors((archive.name for archive in wanted.archives), now, os.environ)
    cache = Cache.of_user(os.environ)
    root.folder.mkdir()
    tee = _Tee(index, root)
    for archive in wanted.archives:
        mirrors = _Recorder(archive.name, urls[archive.name])
        for suite in archive.suites:
            release = fetch_release(archive, suite, mirrors, keyring)
            root.add_suite(archive.name, suite, archive.components, mirrors.last)
            read_packages(tee, archive, release, mirrors, cache)


class _Recorder(Mirrors):
    """Keeps the InRelease that was fetched last."""

    last = b""

    def fetch[T](
        self, what: str, paths: tuple[str, ...], accept: Callable[[BinaryIO], T], missing: str = ""
    ) -> T:
        if not paths[0].endswith("/InRelease"):
            return super().fetch(what, paths, accept, missing)

        def keep(stream: BinaryIO) -> T:
            self.last = stream.read()
            return accept(io.BytesIO(self.last))

        return super().fetch(what, paths, keep, missing)


class _Tee(Index):
    """Gives what is added to it to an index, and to the root of apt."""

    def __init__(self, index: Index, root: Root) -> None:
        super().__init__(index.architecture)
        self._index, self._root = index, root

    def add(self, stream: BinaryIO, origin: Origin) -> None:
        place = self._root.packages(origin.archive, origin.suite, origin.component)
        # Packages for all architectures have an index of their own, which apt wants, too.
        with place.open("ab") as copy:
            start = copy.tell()
            shutil.copyfileobj(stream, copy, 1 << 20)
        with place.open("rb") as copy:
            copy.seek(start)
            self._index.add(copy, origin)


if __name__ == "__main__":
    run(main)
