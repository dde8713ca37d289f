"""Archives for tests: packages in one line each, and a signed mirror in a folder."""

import hashlib
import io
import lzma
from pathlib import Path

import pysequoia

from tools.sysimage.lock.packages import Index, Origin

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
