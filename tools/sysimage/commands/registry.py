"""All commands by name. Each family's module is read when the first of its commands is called."""

import importlib
from collections.abc import Iterator, Mapping
from types import ModuleType

from tools.sysimage.commands.call import Command

# To read all modules takes a fifth of the time that vanilla's root filesystem does, which calls half of them.
_NAMES = {
    "accounts_adduser": "addgroup adduser",
    "accounts_ageing": "chage chfn chpasswd chsh passwd",
    "accounts_convert": "grpck grpconv pwck pwconv",
    "accounts_deluser": "delgroup deluser",
    "accounts_getent": "getent",
    "accounts_groups": "gpasswd groupadd groupdel groupmod",
    "accounts_sysusers": "systemd-sysusers",
    "accounts_useradd": "useradd userdel",
    "accounts_usermod": "usermod",
    "alternatives": "update-alternatives",
    "apache": "a2disconf a2dismod a2dissite a2enconf a2enmod a2ensite a2query",
    "attributes": "chattr getcap setcap setfattr",
    "awk_run": "awk gawk mawk nawk",
    "basic": "basename dirname",
    "binfmts": "update-binfmts",
    "ca_certificates": "update-ca-certificates",
    "caches": (
        "aspell-autobuildhash bootctl catman certtool dbus-uuidgen depmod dkms dmsetup dracut "
        "edac-ctl emacs-install emacs-package-install emacs-package-remove fc-cache fmtutil "
        "fmtutil-sys gdk-pixbuf-query-loaders ghc-pkg gio-querymodules glib-compile-schemas "
        "gpm_has_mouse_control grub-install grub-mkconfig grub-mkdevicemap grub-probe "
        "gtk-query-immodules-2.0 gtk-query-immodules-3.0 gtk-update-icon-cache "
        "gtk4-update-icon-cache helpztags ipsec-newhostkey isnsd ispell-autobuildhash "
        "ispell-wrapper java keytool ldconfig libgvc6-config-update linux-run-hooks "
        "linux-update-symlinks localedef lsmod lvm make-ssl-cert mandb mariadb-install-db "
        "mariadb-upgrade mdadm mkfontdir mkfontscale mkinitramfs multipath mungekey "
        "munin-node-configure mysql_install_db mysql_upgrade nsd-control-setup nvme "
        "openguides-setup-db openssl openvpn-keygen pg_createcluster pg_updatedicts pinto "
        "py3clean py3compile pyclean pycompile pypy3clean pypy3compile pypycompile ras-mc-ctl "
        "rkhunter rndc-confgen sa-update saslpasswd2 sensors-detect setserial setupcon slapadd "
        "slapindex slappasswd slaptest smartctl sqlite3 ssh-keygen swipl systemd-machine-id-setup "
        "systemd-sysctl tl-paper tor-gencert unbound-control-setup update-cracklib "
        "update-default-aspell update-default-ispell update-default-wordlist "
        "update-desktop-database update-dictcommon-aspell update-dictcommon-hunspell update-grub "
        "update-grub2 update-icon-caches update-initramfs update-language update-menus "
        "update-mime-database update-openoffice-dicts update-pciids update-secureboot-policy "
        "update-xfonts-traditional updmap updmap-sys updmap.pl usbguard uuidgen vgcfgbackup "
        "xmlcatalog xrdp-keygen zpool"
    ),
    "catalogs": "update-catalog update-xmlcatalog",
    "clients": (
        "createdb createuser dropdb dropuser isql-vt mariadb mariadb-admin mariadb-dump mysql "
        "mysqladmin mysqldump pg_conftool pg_dump pg_isready psql reindexdb vacuumdb"
    ),
    "compare_files": "cmp diff",
    "coreutils_copy": "cp install",
    "coreutils_look": "kpsereadlink ls readlink realpath stat",
    "coreutils_make": "link mkdir mkfifo mknod mktemp rmdir tempfile touch truncate unlink",
    "coreutils_mode": "chgrp chmod chown",
    "coreutils_move": "ln mv rm shred",
    "daemons": "lighty-disable-mod lighty-enable-mod postconf",
    "dates": "date",
    "debconf": (
        "debconf debconf-communicate debconf-copydb debconf-escape debconf-get-selections "
        "debconf-set-selections debconf-show frontend"
    ),
    "debianutils": "add-shell remove-shell update-shells",
    "disks": "[ dd df du mountpoint sync test",
    "dpkg_divert": "dpkg-divert",
    "dpkg_program": "dpkg dpkg-realpath",
    "dpkg_query": "dpkg-query",
    "dpkg_statoverride": "dpkg-statoverride",
    "dpkg_tools": "apt-config dpkg-architecture dpkg-preconfigure dpkg-vendor install-docs update-info-dir",
    "encodings": "base32 base64 bunzip2 bzcat bzip2 gunzip gzip iconv unxz uuencode xz xzcat zcat",
    "expression": "expr",
    "find": "find",
    "formatted_output": "echo printf",
    "getopt": "getopt",
    "grep": "egrep fgrep grep",
    "identity": "groups id logname users who whoami",
    "inetd": "update-inetd",
    "initscripts": "invoke-rc.d update-rc.d",
    "locales": "pam_getenv update-locale",
    "mailcap": "update-mime",
    "maintscript_helper": "dpkg-maintscript-helper",
    "messages": "envsubst gettext ngettext",
    "octal_dump": "od",
    "offline": (
        "aa-enabled aa-status apparmor_parser apparmor_status busctl dbus-send hostnamectl init "
        "insmod ischroot journalctl killall loadkeys localectl loginctl modprobe networkctl pgrep "
        "pidof pkill restorecon rmmod runlevel selinuxenabled setfont sysctl systemd-detect-virt "
        "systemd-escape systemd-hwdb systemd-notify telinit timedatectl udevadm"
    ),
    "package_programs": (
        "acngtool auditctl etckeeper exim4 getcert icinga2 iscsi-iname mono mono-sgen newaliases "
        "postalias postmap update-distcc-symlinks"
    ),
    "pam_auth_update": "pam-auth-update",
    "perl_sax": "update-perl-sax-parsers",
    "probes": (
        "apache2 chronyd findmnt fuser ghc linux-version locale lsof named-checkconf perl "
        "pg_checksystem pg_lsclusters proftpd py3versions py3versions.py python3 python3.10 "
        "python3.11 python3.12 python3.13 python3.14 python3.15 python3.16 python3.17 python3.18 "
        "python3.19 python3.20 python3.9 run-parts squid ss sshd sshd.session-split "
        "start-stop-daemon stty test-SSE2 test-SSE3 test-SSE4.1 test-SSE4.2 test-SSSE3"
    ),
    "sed": "sed",
    "sort": "sort",
    "sums": "b2sum cksum md5sum sha1sum sha224sum sha256sum sha384sum sha512sum",
    "system": (
        "arch clear dnsdomainname domainname false getconf hostname logger nisdomainname nproc "
        "seq shuf tput true tty uname which yes ypdomainname"
    ),
    "systemctl": "systemctl",
    "systemd_helper": "deb-systemd-helper deb-systemd-invoke",
    "systemd_tmpfiles": "systemd-tmpfiles",
    "text_fields": "comm cut join paste uniq",
    "text_lines": "cat fold head nl rev tac tail tee wc",
    "translate": "tr",
    "triggers": "dpkg-trigger",
    "typesetting": "kpseaccess kpsestat kpsewhich paperconf",
    "ucf": "ucf ucfq ucfr",
    "update_passwd": "update-passwd",
    "usr_merge": "convert-etc-shells convert-usrmerge",
    "wrappers": (
        "chroot chrt env flock ionice nice nohup printenv runuser setpriv setsid sleep stdbuf su "
        "taskset timeout"
    ),
    "xargs": "xargs",
}
"""Module → its commands."""

FAMILIES = tuple(_NAMES)
"""The names of the modules with commands."""


class _Commands(Mapping[str, Command]):
    """The commands of all families."""

    def __init__(self) -> None:
        self._families = {name: module for module, names in _NAMES.items() for name in names.split()}

    def __getitem__(self, name: str) -> Command:
        return commands(self._families[name])[name]

    def __contains__(self, name: object) -> bool:
        return name in self._families

    def __iter__(self) -> Iterator[str]:
        return iter(self._families)

    def __len__(self) -> int:
        return len(self._families)


def commands(family: str) -> Mapping[str, Command]:
    """The commands of a family, one of FAMILIES."""
    module = family_module(family)
    found: Mapping[str, Command] = module.COMMANDS
    return found


def family_module(family: str) -> ModuleType:
    """The module of a family, one of FAMILIES."""
    return importlib.import_module(f"{__package__}.{family}")


COMMANDS: Mapping[str, Command] = _Commands()
"""Commands by the name that scripts call them by."""
