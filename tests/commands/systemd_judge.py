"""systemctl, deb-systemd-helper and update-rc.d of the lock at work on a root filesystem in a folder."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from tests.commands import judge
from tests.commands.rooted import Done, laid, on_disk

_SECONDS = 20

# Of debconf what a noninteractive frontend does for pam-auth-update: an answer is what it was set to.
_CONFMODULE = """package Debconf::Client::ConfModule;
use Exporter 'import';
our @EXPORT_OK = qw(version capb subst get set fset input go settitle x_loadtemplatefile);
our %EXPORT_TAGS = (all => [@EXPORT_OK]);
my %answers;
sub version { 2 } sub capb { '' } sub subst { '' } sub fset { '' } sub input { '' } sub go { '' }
sub settitle { '' } sub x_loadtemplatefile { '' }
sub get { my $name = shift; return defined $answers{$name} ? $answers{$name} : '' }
sub set { my ($name, $value) = @_; $answers{$name} = $value; return '' }
1;
"""


def real(script: str, files: dict[str, str | None], environment: dict[str, str] | None = None) -> Done:
    """Runs a script whose systemctl and Perl programs work below the folder; see `laid` for files."""
    with tempfile.TemporaryDirectory(prefix="root") as folder:
        root, binaries = Path(folder) / "root", Path(folder) / "bin"
        binaries.mkdir()
        laid(root, files)
        loader, path_option, libraries, *rest = judge.argv("usr/bin/systemctl")
        words = " ".join([loader, path_option, f"{libraries}:{libraries}/systemd", *rest])
        (binaries / "systemctl").write_text(f'#!/bin/sh\nexec {words} --root={root} "$@"\n')
        perl = " ".join([*judge.argv("usr/bin/perl"), f"-I{folder}/lib"])
        module = Path(folder) / "lib/Debconf/Client/ConfModule.pm"
        module.parent.mkdir(parents=True)
        module.write_text(_CONFMODULE)
        library = next(judge.root().glob("usr/lib/*/perl-base"))
        for name in ("usr/bin/deb-systemd-helper", "usr/sbin/update-rc.d", "usr/sbin/pam-auth-update"):
            program = binaries / name.rpartition("/")[2]
            text = (judge.root() / name).read_text()
            # update-rc.d reads some files without regard to DPKG_ROOT.
            text = re.sub(r'"(/etc/insserv/overrides|/etc/init\.d)/\$name', r'"$dpkg_root\1/$name', text)
            # pam-auth-update knows nothing of it: all its paths are put below the folder.
            for path in ("/usr/share/pam", "/etc/pam.d", "/var/lib/pam"):
                text = text.replace(f"'{path}", f"'{root}{path}")
            source = Path(folder) / f"{program.name}.pl"
            source.write_text(text)
            program.write_text(f'#!/bin/sh\nexec {perl} -I{library} {source} "$@"\n')
        for program in binaries.iterdir():
            program.chmod(0o755)
        done = subprocess.run(
            [*judge.argv("usr/bin/dash"), "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=root,
            env={
                "PATH": f"{binaries}:{os.defpath}",
                **judge.locale(),
                "DPKG_ROOT": str(root),
                "SYSTEMD_IN_CHROOT": "1",
                "DPKG_MAINTSCRIPT_PACKAGE": "x",
                **(environment or {}),
            },
            timeout=_SECONDS,
            check=False,
            umask=0o022,
        )
        where = os.fsencode(root)
        return Done(
            done.returncode, done.stdout.replace(where, b""), done.stderr.replace(where, b""), on_disk(root)
        )
