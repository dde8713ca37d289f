"""The host's Debian mirror, and the packages of the toolbox from it, without root and without dpkg's database.

Reads sources.list(5) in both of its formats. apt-get runs with its state, cache and package database in a
private folder and with the host's apt.conf (proxies, credentials); signatures are checked with the host's
own keyring.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from tools.airgap.errors import ToolError

_DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Source:
    """One archive of the host's apt sources.

    uri: as written, without a final slash. signed_by: a path, fingerprints, or an ASCII-armoured key of
    several lines; None if apt's trusted keys are to decide.
    """

    uri: str
    suites: Tuple[str, ...]
    signed_by: Optional[str]


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)", line)
        if not match:
            continue
        options = dict(
            option.split("=", 1) for option in (match.group(1) or "").split() if "=" in option
        )
        yield Source(match.group(2).rstrip("/"), (match.group(3),), options.get("signed-by"))


def _deb822(text: str) -> Iterator[Source]:
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t"):
                fields[name] = fields.get(name, "") + "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").strip().lower() in ("no", "false", "0"):
            continue
        for uri in fields.get("uris", "").split():
            yield Source(
                uri.rstrip("/"),
                tuple(fields.get("suites", "").split()),
                fields.get("signed-by") or None,
            )


def read_sources(etc_apt: Path) -> List[Source]:
    """All enabled binary sources below `etc_apt`, in the order in which apt reads them."""
    found: List[Source] = []
    plain = etc_apt / "sources.list"
    parts = sorted((etc_apt / "sources.list.d").glob("*"))
    for path in [plain, *parts]:
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


def sources_list(source: Source, suites: Sequence[str]) -> str:
    """A deb822 sources file for `suites` on the mirror of `source`, trusting what `source` trusts."""
    signed_by = source.signed_by or (str(_DEBIAN_KEYRING) if _DEBIAN_KEYRING.exists() else None)
    lines = [
        "Types: deb",
        f"URIs: {source.uri}",
        f"Suites: {' '.join(suites)}",
        "Components: main",
        # A mirror that is updated seldom (or a frozen copy for a closed network) serves a Release past
        # its Valid-Until. What that would hide, a replay of older packages by whoever serves the mirror,
        # does not matter here: the toolbox gets no upgrades anyway, and the signature is still checked.
        "Check-Valid-Until: no",
    ]
    if signed_by:
        lines.append(f"Signed-By: {signed_by}")
    return "\n".join(lines) + "\n"


class PrivateApt:
    """apt-get whose every file but the host's apt.conf lies below `folder`."""

    def __init__(self, folder: Path, architecture: str, source: Source, suites: Sequence[str]) -> None:
        """`suites`: the first is preferred, the others serve what it lacks."""
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise ToolError(
                "the toolbox is made of Debian packages, and this host has no apt-get and dpkg-deb: "
                "use a Debian host, or install bazelisk"
            )
        self._folder = folder
        self._suites = tuple(suites)
        for part in ("lists/partial", "cache/archives/partial", "etc"):
            (folder / part).mkdir(parents=True)
        (folder / "host.sources").write_text(sources_list(source, suites))
        # The hooks of the host (images for containers delete packages in one) are not for this.
        (folder / "apt.conf").write_text(
            "\n".join(f"#clear {hook};" for hook in _HOOKS)
            + f"""
Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Cache::archives "{folder}/cache/archives";
Dir::Etc::sourcelist "{folder}/host.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
"""
        )

    def update(self) -> None:
        """Fetches and verifies the indices of the suites."""
        self._apt("update", what=f"the package lists of {', '.join(self._suites)}")

    def download(self, packages: Sequence[str], absent: Sequence[str]) -> List[Path]:
        """Downloads `packages` and what they need, except `absent`; gives the .debs, sorted by name."""
        (self._folder / "status").write_text(_status_of(absent))
        arguments = ["install", "--download-only", "--yes", *packages]
        try:
            self._apt(f"-oAPT::Default-Release={self._suites[0]}", *arguments, what="the packages")
        except ToolError:
            # A transition leaves the preferred suite without something that only the newest set has.
            self._apt(*arguments, what="the packages")
        return sorted((self._folder / "cache/archives").glob("*.deb"))

    def _apt(self, *arguments: str, what: str) -> None:
        command = ["apt-get", "-qq", "-c", str(self._folder / "apt.conf"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        trouble = [
            line for line in done.stderr.splitlines() if line.startswith(("E:", "W:", "Err:"))
        ]
        # `update` calls a list that it could not fetch a warning, and succeeds.
        failed = [line for line in trouble if line.startswith("W: Failed to fetch")]
        if done.returncode == 0 and not failed:
            return
        lines = [line for line in trouble if line.startswith("E:")] or failed or trouble
        reason = (lines or done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise ToolError(
            f"apt-get can't get {what} of the toolbox: {reason[2:].strip() if lines else reason} "
            "(the mirror is the one of this host's apt sources: try 'apt-get update' there)"
        )


_HOOKS = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Invoke",
    "DPkg::Pre-Install-Pkgs",
    "DPkg::Post-Invoke",
)


def _status_of(absent: Sequence[str]) -> str:
    """A dpkg status file in which `absent` count as installed, in any version."""
    return "".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\n"
        f"Maintainer: none\nVersion: 999:0\nDescription: left out of the toolbox\n\n"
        for name in absent
    )
