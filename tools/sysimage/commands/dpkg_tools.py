"""What scripts ask of dpkg-dev, apt and doc-base, and no more than that."""

from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.formats import deb822

# For an architecture: its GNU type, processor, and the name of it in GNU's triplets.
_ARCHITECTURES = {
    "amd64": ("x86_64-linux-gnu", "amd64", "x86_64"),
    "arm64": ("aarch64-linux-gnu", "arm64", "aarch64"),
}
# What apt has without any configuration; None is what it does not have.
_APT = {
    "dir::etc::trusted": "trusted.gpg",
    "dir::etc::trusted/f": "/etc/apt/trusted.gpg",
    "dir::etc::trustedparts/d": "/etc/apt/trusted.gpg.d/",
    "dir::etc::sourcelist/f": "/etc/apt/sources.list",
    "dir::etc::sourceparts/d": "/etc/apt/sources.list.d/",
    "dir::etc": "etc/apt",
    "dir::etc/d": "/etc/apt/",
    "dir::cache/d": "/var/cache/apt/",
    "dir::cache::archives/d": "/var/cache/apt/archives/",
    "dir::state/d": "/var/lib/apt/",
    "dir::state::lists/d": "/var/lib/apt/lists/",
    "dir::log/d": "/var/log/apt/",
    "apt::gpgv::trustedkeyring": None,
}
_DATABASE_OF_DOCUMENTS = "doc-base"


def dpkg_architecture(call: Call) -> int:
    """dpkg-architecture(1): `-qDEB_HOST_MULTIARCH` and its like, for the tree's own architecture."""
    given = call.options("-q --query=", "-e --equal=", "-i --is=")
    multiarch, processor, gnu = _ARCHITECTURES[call.root.architecture]
    ends = {
        "ARCH": call.root.architecture,
        "ARCH_ABI": "base",
        "ARCH_LIBC": "gnu",
        "ARCH_OS": "linux",
        "ARCH_CPU": processor,
        "ARCH_BITS": "64",
        "ARCH_ENDIAN": "little",
        "GNU_CPU": gnu,
        "GNU_SYSTEM": "linux-gnu",
        "GNU_TYPE": multiarch,
        "MULTIARCH": multiarch,
    }
    if "equal" in given:
        return int(given.value("equal") != call.root.architecture)
    if "query" not in given:
        call.refuse("dpkg-architecture without -q or -e is not modelled")
    name = given.value("query")
    _, _, end = name.removeprefix("DEB_").partition("_")
    if not name.startswith(("DEB_HOST_", "DEB_BUILD_", "DEB_TARGET_")) or end not in ends:
        call.complain(f"error: {name} is not a supported variable name")
        return 2
    call.out(f"{ends[end]}\n")
    return 0


def dpkg_vendor(call: Call) -> int:
    """dpkg-vendor(1), by /etc/dpkg/origins."""
    given = call.options("--is=", "--derives-from=", "--query=", "--vendor=")
    fields = _vendor(call, given.value("vendor", "default"))
    if not given.last("query", "is", "derives-from"):
        call.refuse("dpkg-vendor without an action is not modelled")
    if "query" in given:
        wanted = given.value("query").lower()
        call.out(next((f"{value}\n" for name, value in fields.items() if name.lower() == wanted), "\n"))
        return 0
    current = fields.get("Vendor", "").lower()
    if "is" in given:
        return int(current != given.value("is").lower())
    wanted = given.value("derives-from").lower()
    for _ in range(10):
        if current == wanted or "Parent" not in fields:
            break
        fields = _vendor(call, fields["Parent"])
        current = fields.get("Vendor", "").lower()
    return int(current != wanted)


def _vendor(call: Call, name: str) -> dict[str, str]:
    return deb822.fields(call.root.text(f"etc/dpkg/origins/{name.lower()}"))


def apt_config(call: Call) -> int:
    """apt-config(8): `shell NAME KEY …` for keys that no configuration in the tree speaks of."""
    given = call.options(permute=False)
    words = list(given.operands)
    if not words or words.pop(0) != "shell" or len(words) % 2:
        call.refuse("apt-config: only its command shell is modelled")
    configured = call.root.text("etc/apt/apt.conf") + "".join(
        call.root.text(f"etc/apt/apt.conf.d/{name}") for name in call.root.names("etc/apt/apt.conf.d")
    )
    for name, key in zip(words[::2], words[1::2], strict=True):
        if key.lower() not in _APT or _last(key) in configured.lower():
            call.refuse(f"apt-config: the value of {key} is not known")
        value = _APT[key.lower()]
        if value is not None:
            call.out(f"{name}='{value}'\n")
    return 0


def _last(key: str) -> str:
    return key.lower().rpartition("/")[0].rpartition("::")[2] or key.lower().rpartition("::")[2]


def install_docs(call: Call) -> int:
    """install-docs(8): nothing for any package but doc-base, whose index is made in the guest."""
    if call.variable("DPKG_MAINTSCRIPT_PACKAGE") not in (None, "", _DATABASE_OF_DOCUMENTS):
        return 0
    return call.leave("cache")


def update_info_dir(call: Call) -> int:
    """update-info-dir(8): the index of the manuals of GNU info."""
    return call.leave("cache")


def dpkg_preconfigure(_call: Call) -> int:
    """dpkg-preconfigure(8): apt has asked what there is to ask before a script runs."""
    return 0


COMMANDS: Mapping[str, Command] = {
    "apt-config": apt_config,
    "dpkg-architecture": dpkg_architecture,
    "dpkg-preconfigure": dpkg_preconfigure,
    "dpkg-vendor": dpkg_vendor,
    "install-docs": install_docs,
    "update-info-dir": update_info_dir,
}
"""This family's commands by name."""
