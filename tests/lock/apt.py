"""apt itself, which the resolver is compared with: apt-get of the lock, in a root of its own.

The root's package lists are laid where `apt-get update` would have put them, from a made-up mirror. Nothing
is downloaded, and nothing of the host's apt is read.
"""

import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from tests.testing import programs
from tools.sysimage.core.errors import ToolError

PROGRAM = Path(__file__).parent / "apt_get"
"""The folder of the locked program, //tests/lock:apt_get."""

_MIRROR = "mirror.example"
_FILE = re.compile(r"'\S+' (?P<name>[^_]+)_(?P<version>[^_]+)_[^_]+\.deb [0-9]+ .*")
_FALLBACK = "Result calculated by the 3.0 solver."
# Every pin beats every priority that a suite can have (apt_preferences(5)).
_PINNED = 1001


@dataclass(frozen=True, slots=True)
class Answer:
    """What apt would do."""

    packages: Mapping[str, str] | None
    """Name → version; None if apt refuses."""
    messages: str
    """What apt says on standard error."""
    seconds: float

    @property
    def fallback(self) -> bool:
        """Whether the classic solver found nothing, and solver 3.0, which apt then asks, has found this."""
        return _FALLBACK in self.messages


@dataclass
class Root:
    """A root for apt-get: nothing is installed, and no other architecture configured."""

    folder: Path
    """Empty at first."""
    architecture: str
    preferences: str = ""
    """As apt_preferences(5) has it."""
    program: Path = PROGRAM
    sources: list[str] = field(default_factory=list)

    def add_suite(self, archive: str, suite: str, components: Iterable[str], release: bytes) -> None:
        """Adds a suite after the others; `release` is its Release or InRelease, its signature doesn't count.

        Its Packages indexes go to what `packages` names.
        """
        self._lists.mkdir(parents=True, exist_ok=True)
        self.sources.append(f"deb [trusted=yes] http://{_MIRROR}/{archive} {suite} {' '.join(components)}\n")
        (self._lists / f"{_MIRROR}_{archive}_dists_{_escaped(suite)}_InRelease").write_bytes(release)

    def packages(self, archive: str, suite: str, component: str) -> Path:
        """Where the (uncompressed) Packages index of a component goes."""
        name = f"{_MIRROR}_{archive}_dists_{_escaped(suite)}_{component}_binary-{self.architecture}_Packages"
        return self._lists / name

    def install(self, *arguments: str) -> Answer:
        """What `apt-get install` would install of `arguments`: names and apt-patterns(7).

        Raises ToolError if apt-get can't do its work, as opposed to refusing.
        """
        (self.folder / "sources.list").write_text("".join(self.sources))
        (self.folder / "preferences").write_text(self.preferences)
        (self.folder / "status").touch()
        method = self.folder / "methods/http"
        method.parent.mkdir(exist_ok=True)
        method.write_text(_METHOD)
        method.chmod(0o755)
        config = self.folder / "apt.conf"
        config.write_text(_CONFIG.format(folder=self.folder.absolute(), architecture=self.architecture))
        started = time.monotonic()
        # Like --simulate, but that refuses what has no order of installation, and takes ten times as long.
        result = subprocess.run(
            [*programs.argv(self.program), "-qq", "--audit", "--print-uris", "install", *arguments],
            check=False,
            env={"APT_CONFIG": str(config), "LC_ALL": "C", "TMPDIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        seconds = time.monotonic() - started
        if result.returncode == 100 and "E: " in result.stderr:
            return Answer(None, result.stderr, seconds)
        lines = result.stdout.splitlines()
        found = [match for line in lines if (match := _FILE.fullmatch(line))]
        if result.returncode or len(found) < len(lines):
            raise ToolError(f"apt-get ended with {result.returncode}: {result.stderr}{result.stdout}")
        versions = {match["name"]: unquote(match["version"]) for match in found}
        return Answer(versions, result.stderr, seconds)

    @property
    def _lists(self) -> Path:
        return self.folder / "lists"


# Whatever apt would take from the host or ask a helper for is named, so that it doesn't.
_CONFIG = """\
Dir "{folder}";
Dir::Etc "";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourceparts "/dev/null";
Dir::State "";
Dir::State::lists "lists";
Dir::State::status "{folder}/status";
Dir::Cache "";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Bin::dpkg "/dev/null";
Dir::Bin::methods "{folder}/methods";
Dir::dpkg::cputable "/dev/null";
Dir::dpkg::tupletable "/dev/null";
Dir::dpkg::triplettable "/dev/null";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
# For itself, apt takes itself for essential.
pkgCacheGen::ForceEssential "";
"""


# apt-get wants to know what the mirror's method can do, although nothing is fetched by it.
_METHOD = """\
#!/bin/sh
printf '100 Capabilities\\nVersion: 1.0\\nSingle-Instance: true\\n\\n'
exec cat >/dev/null
"""


class Pin(Protocol):
    """A pin of debian.toml, as far as apt has to know it."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Names, shell patterns of names, `src:` and the name of a source package."""

    @property
    def suite(self) -> str | None:
        """The suite to take them from, or"""

    @property
    def version(self) -> str | None:
        """the version, or a shell pattern of it."""


def preferences(pins: Sequence[Pin]) -> str:
    """The pins as apt_preferences(5) has them.

    For apt, the first pin that names a package and admits a version gives that version its priority. As an
    earlier pin here gives a higher one, the first pin that admits any version of a package decides.
    """
    stanzas = []
    for place, pin in enumerate(pins):
        # A mere `*` is no pattern to apt, but the default of whole suites: any other pin is preferred to it.
        names = " ".join("?*" if name == "*" else name for name in pin.packages)
        which = f"release {pin.suite}" if pin.suite else f"version {pin.version}"
        priority = _PINNED + len(pins) - place
        stanzas.append(f"Package: {names}\nPin: {which}\nPin-Priority: {priority}\n")
    return "\n".join(stanzas)


def _escaped(suite: str) -> str:
    """The name of a suite as part of the name of a file."""
    return suite.replace("_", "%5f").replace("/", "_")
