"""The host's Debian mirror, and the toolbox's packages from it, without root and without dpkg's database.

Reads sources.list(5) in both of its formats. apt-get runs with its state, cache and package database in a
private folder and with the host's apt.conf (proxies, credentials); signatures are checked with the host's
own keyring.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.airgap.errors import ToolError

_DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# Each day's state of the archive, for ever, and slowly.
_SNAPSHOTS = "https://snapshot.debian.org/archive/debian"

# What the host may run after apt-get (images for containers delete packages there) is not for the toolbox.
_HOOKS = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Invoke",
    "DPkg::Pre-Install-Pkgs",
    "DPkg::Post-Invoke",
)


@dataclass(frozen=True)
class Source:
    """One archive of the host's apt sources.

    uri: as written, without a final slash. signed_by: a path, fingerprints, or an ASCII-armoured key of
    several lines; None if apt's trusted keys are to decide.
    """

    uri: str
    suites: tuple[str, ...]
    signed_by: str | None


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)", line)
        if not match:
            continue
        options = dict(option.split("=", 1) for option in (match[1] or "").split() if "=" in option)
        yield Source(match[2].rstrip("/"), (match[3],), options.get("signed-by"))


def _fields(paragraph: str) -> dict[str, str]:
    """The fields of a deb822 paragraph by their lower-case names; continuation lines keep their indent."""
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in {" ", "\t"}:
            fields[name] = fields.get(name, "") + "\n" + line
        elif ":" in line:
            key, _, value = line.partition(":")
            name = key.strip().lower()
            fields[name] = value.strip()
    return fields


def _deb822(text: str) -> Iterator[Source]:
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields = _fields(paragraph)
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").strip().lower() in {"no", "false", "0"}:
            continue
        for uri in fields.get("uris", "").split():
            suites = tuple(fields.get("suites", "").split())
            yield Source(uri.rstrip("/"), suites, fields.get("signed-by") or None)


def read_sources(etc_apt: Path) -> list[Source]:
    """All enabled binary sources below `etc_apt`, in the order in which apt reads them."""
    found: list[Source] = []
    for path in [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".sources":
            found += _deb822(text)
        elif path.suffix == ".list":
            found += _one_line(text)
    return found


def debian_source(sources: Iterable[Source]) -> Source:
    """The first source that is a mirror of Debian's main archive: its address ends in `/debian`.

    Raises ToolError if there is none.
    """
    for source in sources:
        if source.uri.split("/")[-1] == "debian" and "://" in source.uri:
            return source
    raise ToolError(
        "the toolbox needs a mirror of Debian, and no source in /etc/apt/sources.list or "
        "/etc/apt/sources.list.d has an address that ends in /debian: add one, or install bazelisk"
    )


def snapshot_of(source: Source, date: str) -> Source:
    """Debian's main archive as it was on `date` (as in 20261127T000000Z), trusted as `source` is."""
    return Source(f"{_SNAPSHOTS}/{date}", source.suites, source.signed_by)


def sources_file(source: Source, suites: Sequence[str]) -> str:
    """A deb822 sources file for `suites` on the mirror of `source`, trusting what `source` trusts."""
    signed_by = source.signed_by or (str(_DEBIAN_KEYRING) if _DEBIAN_KEYRING.exists() else None)
    lines = [
        "Types: deb",
        f"URIs: {source.uri}",
        f"Suites: {' '.join(suites)}",
        "Components: main",
        # A mirror that is updated seldom (or a frozen copy for a closed network) serves a Release past
        # its Valid-Until. What that could hide, a replay of older packages by whoever serves the mirror,
        # matters little here: the toolbox gets no upgrades anyway, and the signature is still checked.
        "Check-Valid-Until: no",
    ]
    if signed_by:
        lines.append(f"Signed-By: {signed_by}")
    return "\n".join(lines) + "\n"


def status_file(absent: Iterable[str]) -> str:
    """A dpkg status file in which the packages `absent` count as installed, in a version above all."""
    return "".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\n"
        f"Maintainer: none\nVersion: 999:0\nDescription: left out of the toolbox\n\n"
        for name in absent
    )


class PrivateApt:
    """apt-get whose every file but the host's apt.conf lies below `folder`."""

    def __init__(self, folder: Path, architecture: str, source: Source, suites: Sequence[str]) -> None:
        """`suites`: the first is preferred, the others serve what it lacks.

        Raises ToolError if this host has no apt-get.
        """
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise ToolError(
                "the toolbox is made of Debian packages, and this host has no apt-get and dpkg-deb: "
                "use a Debian host, or install bazelisk"
            )
        self._folder = folder
        self._suites = tuple(suites)
        self._install: list[str] = []
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        (folder / "host.sources").write_text(sources_file(source, suites), encoding="utf-8")
        settings = {
            "Dir::State": folder,
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "Dir::Cache::archives": folder / "cache/archives",
            "Dir::Etc::sourcelist": folder / "host.sources",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Architecture": architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        lines = [f"#clear {hook};" for hook in _HOOKS]
        lines += ["#clear APT::Architectures;", f'APT::Architectures {{ "{architecture}"; }};']
        lines += [f'{name} "{value}";' for name, value in settings.items()]
        (folder / "apt.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def update(self) -> None:
        """Fetches and verifies the indices of the suites."""
        self._apt("update", what=f"the package lists of {' and '.join(self._suites)}")

    def choose(self, packages: Sequence[str], absent: Iterable[str]) -> dict[str, str]:
        """Chooses `packages` and what they need, except `absent`; gives the version of each, by its name.

        Raises ToolError with apt's reason.
        """
        (self._folder / "status").write_text(status_file(absent), encoding="utf-8")
        self._install = ["install", "--download-only", "--yes", *packages]
        preferred = f"-oAPT::Default-Release={self._suites[0]}"
        # A transition can leave the preferred suite without something that only the newest set has.
        dry = self._run(preferred, "--simulate", *self._install)
        if dry.returncode == 0:
            self._install.insert(0, preferred)
        else:
            dry = self._apt("--simulate", *self._install, what="the packages")
        return dict(re.findall(r"^Inst (\S+) \((\S+)", dry.stdout, re.MULTILINE))

    def download(self) -> list[Path]:
        """Downloads what was chosen; gives the .debs, sorted by name.

        Raises ToolError with apt's reason, OSError if there is no space.
        """
        self._apt(*self._install, what="the packages")
        return sorted((self._folder / "cache/archives").glob("*.deb"))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["apt-get", "-q", "-q", "-c", str(self._folder / "apt.conf"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)

    def _apt(self, *arguments: str, what: str) -> subprocess.CompletedProcess[str]:
        done = self._run(*arguments)
        reasons = failures(done.stderr)
        if done.returncode == 0 and not reasons:
            return done
        # What apt can't install, it explains on its standard output.
        reasons += [line.strip() for line in done.stdout.splitlines() if " : " in line]
        if any("enough free space" in reason or "No space left" in reason for reason in reasons):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise ToolError(
            f"apt-get can't get {what} of the toolbox: {'; '.join(reasons[:2]) or 'it gives no reason'} "
            "(mirror and proxy are those of this host: try 'apt-get update' on it)"
        )


def failures(stderr: str) -> list[str]:
    """What apt-get complains about, worst first; `update` calls a list that it can't fetch a warning."""
    lines = stderr.splitlines()
    errors = [line[2:].strip() for line in lines if line.startswith("E:")]
    return errors + [line[2:].strip() for line in lines if line.startswith("W: Failed to fetch")]
