"""Programs whose work is left for the guest: keys, caches, byte code, databases, loaders (see `left`)."""

from collections.abc import Callable, Mapping
from itertools import pairwise

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.tree import Kind
from tools.sysimage.effects import ldconfig as ldconfig_effect

_LDCONFIG = 50  # the effect's place among those at the end


def _left(kind: str) -> Callable[[Call], int]:
    return lambda call: call.leave(kind)


def ldconfig(call: Call) -> int:
    """ldconfig(8): the links and the cache are made once, when every package is there."""
    given = call.options("-X", "-v --verbose", "-r=")
    if given.operands or given.value("r", "/").rstrip("/"):
        call.refuse("ldconfig of other folders is not modelled")
    who = call.world.who
    call.root.late.setdefault((_LDCONFIG, ""), lambda root: ldconfig_effect.update(root, who))
    return 0


# The options that name what a program of keys writes.
_OUTPUTS = ("-f", "-out", "-keyout", "--outfile", "-c", "-o", "--out")


def _keys(call: Call) -> int:
    """Leaves keys to the guest; while packages are installed, empty files are in their place."""
    words = list(call.arguments)
    paths = [value for option, value in pairwise(words) if option in _OUTPUTS]
    if call.name == "ssh-keygen":
        paths += [f"{path}.pub" for path in paths]
    if call.name == "rndc-confgen" and "-a" in words and not paths:
        paths = ["/etc/bind/rndc.key"]
    if call.name == "make-ssl-cert":
        snakeoil = ("/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key")
        paths = list(snakeoil) if words[:1] == ["generate-default-snakeoil"] else words[1:2]
    if call.name == "xrdp-keygen" and words[:1] == ["xrdp"]:
        paths = [path if path != "auto" else "/etc/xrdp/rsakeys.ini" for path in (words[1:2] or ["auto"])]
    for path in paths:
        call.place(path)
    return call.leave("keys")


def openssl(call: Call) -> int:
    """openssl(1): keys, requests and random data are the guest's; other commands are not modelled."""
    verb = call.arguments[0] if call.arguments else ""
    if verb not in ("genrsa", "genpkey", "req", "dhparam", "rand", "ecparam", "gendsa"):
        call.refuse(f"openssl {verb} is not modelled")
    return _keys(call)


def machine_id_setup(call: Call) -> int:
    """systemd-machine-id-setup(1): the file is there and empty, so that each guest gets an ID of its own."""
    if call.files.find("/etc/machine-id") is None:
        call.files.write("/etc/machine-id", b"")
    return call.leave("keys")


def dbus_uuidgen(call: Call) -> int:
    """dbus-uuidgen(1) --ensure: a machine's name of its own."""
    if "--ensure" not in " ".join(call.arguments):
        call.refuse("a new UUID is not the same in each build")
    return call.leave("keys")


def glib_compile_schemas(call: Call) -> int:
    """glib-compile-schemas(1): nothing where there is no schema."""
    return _compiled(call, (".gschema.xml", ".gschema.override"))


def pg_updatedicts(call: Call) -> int:
    """pg_updatedicts(1): the folder of dictionaries for full-text search, of those of hunspell."""
    path = ""
    for part in ("var", "cache", "postgresql", "dicts"):
        path += f"/{part}"
        if call.files.find(path) is None:
            call.files.make_directory(path, call.umask(0o777))
    return _compiled(
        Call(call.world, call.machine, ["", "/usr/share/hunspell", "/usr/share/myspell/dicts"]), (".aff",)
    )


def gio_querymodules(call: Call) -> int:
    """gio-querymodules(1): its index saves time; without a module there is none."""
    folders = [argument for argument in call.arguments if not argument.startswith("-")]
    return call.leave("cache") if any(_names(call, folder, (".so",)) for folder in folders) else 0


def gdk_pixbuf_query_loaders(call: Call) -> int:
    """gdk-pixbuf-query-loaders(1): nothing where there is no loader."""
    places = [
        f"/usr/lib/{name}/gdk-pixbuf-2.0/2.10.0/loaders" for name in _names(call, "/usr/lib", ("-gnu",))
    ]
    if not any(_names(call, place, (".so",)) for place in places):
        return 0
    return call.leave("compiled data")


def _compiled(call: Call, suffixes: tuple[str, ...]) -> int:
    folders = [argument for argument in call.arguments if not argument.startswith("-")]
    there = any(_names(call, folder, suffixes) for folder in folders)
    return call.leave("compiled data") if there else 0


def _names(call: Call, folder: str, suffixes: tuple[str, ...]) -> list[str]:
    inode = call.files.find(call.path(folder))
    if inode is None or inode.kind is not Kind.DIRECTORY:
        return []
    return [name for name in call.files.names(call.path(folder)) if name.endswith(suffixes)]


_KEYS: tuple[str, ...] = (
    *("ssh-keygen", "make-ssl-cert", "rndc-confgen", "certtool", "xrdp-keygen", "mungekey", "slappasswd"),
    *(
        "tor-gencert",
        "uuidgen",
        "ipsec-newhostkey",
        "nsd-control-setup",
        "isnsd",
        "unbound-control-setup",
        "openvpn-keygen",
    ),
)
_KINDS: Mapping[str, tuple[str, ...]] = {
    "byte code": (
        *("py3compile", "pypy3compile", "pycompile", "pypycompile", "py3clean", "pypy3clean", "pyclean"),
        *("emacs-package-install", "emacs-package-remove", "emacs-install"),
    ),
    "cache": (
        *("mandb", "catman", "fc-cache", "update-mime-database", "update-desktop-database"),
        *(
            "gtk-update-icon-cache",
            "gtk4-update-icon-cache",
            "update-icon-caches",
            "swipl",
        ),
        *("update-pciids", "setupcon", "helpztags"),
    ),
    "kernel modules": ("dkms",),
    "kernel": ("systemd-sysctl", "linux-update-symlinks"),
    "machine": (
        *(
            "smartctl",
            "munin-node-configure",
            "nvme",
            "sensors-detect",
            "usbguard",
            "lvm",
            "mdadm",
            "multipath",
            "setserial",
        ),
        *("gpm_has_mouse_control", "lsmod", "dmsetup", "zpool", "vgcfgbackup", "edac-ctl", "ras-mc-ctl"),
    ),
    "initramfs": ("update-initramfs", "mkinitramfs", "dracut", "linux-run-hooks"),
    "boot loader": (
        *("update-grub", "update-grub2", "grub-install", "grub-mkconfig", "grub-probe", "grub-mkdevicemap"),
        *("bootctl", "update-secureboot-policy"),
    ),
    "database": (
        "rkhunter",
        "pg_createcluster",
        "mariadb-install-db",
        "mysql_install_db",
        "mariadb-upgrade",
        "mysql_upgrade",
        "sqlite3",
        "slapadd",
        "slaptest",
        "slapindex",
        "saslpasswd2",
        "openguides-setup-db",
        "pinto",
    ),
    "compiled data": (
        *("ispell-autobuildhash", "aspell-autobuildhash", "update-dictcommon-aspell"),
        *("update-dictcommon-hunspell", "update-cracklib", "fmtutil", "fmtutil-sys", "localedef"),
        *("gtk-query-immodules-3.0", "gtk-query-immodules-2.0", "java", "keytool", "ghc-pkg", "tl-paper"),
        *(
            "updmap",
            "updmap-sys",
            "updmap.pl",
            "update-language",
            "depmod",
        ),
        *(
            "update-default-wordlist",
            "update-default-ispell",
            "update-default-aspell",
            "update-openoffice-dicts",
            "mkfontscale",
            "mkfontdir",
            "xmlcatalog",
            "ispell-wrapper",
            "libgvc6-config-update",
            "sa-update",
            "update-menus",
            "update-xfonts-traditional",
        ),
    ),
}

COMMANDS: Mapping[str, Command] = {
    "ldconfig": ldconfig,
    "systemd-machine-id-setup": machine_id_setup,
    "openssl": openssl,
    "dbus-uuidgen": dbus_uuidgen,
    "glib-compile-schemas": glib_compile_schemas,
    "pg_updatedicts": pg_updatedicts,
    "gio-querymodules": gio_querymodules,
    "gdk-pixbuf-query-loaders": gdk_pixbuf_query_loaders,
    **dict.fromkeys(_KEYS, _keys),
    **{name: _left(kind) for kind, names in _KINDS.items() for name in names},
}
"""This family's commands by name."""
