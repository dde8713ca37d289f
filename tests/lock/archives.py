"""Archives for tests: packages in one line each, a signed mirror in a folder, and a manifest for it."""

import hashlib
import io
import json
import lzma
from pathlib import Path
from typing import Any

import pysequoia

from tools.sysimage.lock.index import Index
from tools.sysimage.lock.main import main
from tools.sysimage.lock.packages import Origin

KEY = pysequoia.Tsk.generate(user_id="Archive <archive@mirror.example>")
OTHER_KEY = pysequoia.Tsk.generate(user_id="Somebody else <else@mirror.example>")


def fingerprint(key: pysequoia.Tsk) -> str:
    """The fingerprint of the key's certificate, as a manifest pins it."""
    return key.extract_certificate().fingerprint.upper()


def packages(text: str, architecture: str = "amd64") -> str:
    """A Packages index from lines `NAME[=VERSION] [FIELD: VALUE; FIELD: VALUE…]`."""
    stanzas = []
    for line in text.strip().splitlines():
        head, _, rest = line.strip().partition(" ")
        name, _, version = head.partition("=")
        fields = {
            "Package": name,
            "Version": version or "1",
            "Architecture": architecture,
            "Filename": f"pool/main/{name[0]}/{name}/{name}_{version or '1'}_{architecture}.deb",
            "Size": "1000",
            "SHA256": hashlib.sha256(head.encode()).hexdigest(),
        }
        for field in filter(None, rest.split(";")):
            key, _, value = field.partition(":")
            fields[key.strip()] = value.strip()
        stanzas.append("".join(f"{key}: {value}\n" for key, value in fields.items()))
    return "\n".join(stanzas)


def index(*suites: str, architecture: str = "amd64") -> Index:
    """An index of suites, each as `packages` reads it; they are called s0, s1…"""
    made = Index(architecture)
    for number, text in enumerate(suites):
        origin = Origin("debian", f"s{number}", "main")
        made.add(io.BytesIO(packages(text, architecture).encode()), origin)
    return made


class Mirror:
    """A mirror in a folder, with one archive of one component; `publish` writes a suite."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()

    def suite(self, name: str = "trixie") -> Path:
        """The folder of a suite."""
        return self.folder / "dists" / name

    def index(self, name: str = "trixie", architecture: str = "amd64") -> Path:
        """A Packages index, under its own name."""
        return self.suite(name) / f"main/binary-{architecture}/Packages.xz"

    def publish(
        self,
        text: str,
        name: str = "trixie",
        key: pysequoia.Tsk = KEY,
        architectures: tuple[str, ...] = ("amd64",),
        **fields: str,
    ) -> None:
        """Writes the suite `name` with the packages of `text`; `fields` add to its Release (a_b → A-B)."""
        lines = []
        for architecture in architectures:
            data = lzma.compress(packages(text, architecture).encode(), preset=0)
            path = self.index(name, architecture)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            hashed = path.parent / "by-hash/SHA256" / digest
            hashed.parent.mkdir(parents=True, exist_ok=True)
            hashed.write_bytes(data)
            lines.append(f" {digest} {len(data):8} main/binary-{architecture}/Packages.xz")
        release = {
            "Codename": name,
            "Date": "Sat, 21 Nov 2026 02:10:46 UTC",
            "Acquire-By-Hash": "yes",
            "Architectures": " ".join(architectures),
            "Components": "main",
        } | {field.title().replace("_", "-"): value for field, value in fields.items()}
        body = "".join(f"{field}: {value}\n" for field, value in release.items())
        self.sign(body + "SHA256:\n" + "\n".join(lines) + "\n", name, key)

    def sign(self, release: str, name: str = "trixie", key: pysequoia.Tsk = KEY) -> None:
        """Writes an InRelease with the text `release`."""
        signed = pysequoia.sign(key.signer(), release.encode(), mode=pysequoia.SignatureMode.CLEAR)
        self.suite(name).mkdir(parents=True, exist_ok=True)
        (self.suite(name) / "InRelease").write_bytes(signed)


MANIFEST = f"""\
[archive.debian]
suites = ["trixie"]
components = ["main"]
signed_by = ["{fingerprint(KEY)}"]
[archive.debian-security]
suites = ["trixie-security"]
components = ["main"]
signed_by = ["{fingerprint(KEY)}"]
[lock]
architectures = ["amd64", "arm64"]
keyring = "keys/archive.asc"
[set.base]
packages = ["a"]
[set.more]
packages = ["c"]
extends = "base"
exclude = {{ x = "built by us" }}
"""


class Workspace:
    """A manifest, its keyring and the mirrors that it is locked from."""

    def __init__(self, folder: Path) -> None:
        self.manifest = folder / "debian.toml"
        self.lock = folder / "debian.lock.json"
        self.debian = Mirror(folder / "debian")
        self.security = Mirror(folder / "debian-security")
        (folder / "keys").mkdir()
        (folder / "keys/archive.asc").write_text(str(KEY.extract_certificate()))
        self.manifest.write_text(MANIFEST)
        both = ("amd64", "arm64")
        self.debian.publish("a=1 Depends: b\nb=1\nc=1 Depends: x, b", architectures=both)
        self.security.publish("b=1+deb13u1", "trixie-security", architectures=both)

    def run(self, *flags: str) -> int:
        """Runs the lock tool as a user does."""
        return main(["--manifest", str(self.manifest), "--lock", str(self.lock), *flags])

    def read(self) -> dict[str, Any]:
        """The lock."""
        return dict(json.loads(self.lock.read_bytes()))
