"""A small tree with debconf, in which tests run scripts as dpkg does."""

from tests.commands.world import machine_of, world
from tools.sysimage.commands.world import World
from tools.sysimage.scripts import shell

# What debconf's own library does, as far as scripts see it.
CONFMODULE = rb"""
if [ ! "${DEBIAN_HAS_FRONTEND:-}" ]; then
    export PERL_DL_NONLAZY=1
    exec /usr/share/debconf/frontend $0 "$@"
fi
if [ -z "${DEBCONF_REDIR:-}" ]; then
    exec 3>&1
    exec 1>&2
    DEBCONF_REDIR=1
    export DEBCONF_REDIR
fi
_ask () {
    printf '%s\n' "$*" >&3
    read -r _line
    RET="${_line#[! 	][ 	]}"
    case "${_line%%[ 	]*}" in
    1) RET="$(printf '%s' "$RET" | debconf-escape -u)"; return 0 ;;
    *) return "${_line%%[ 	]*}" ;;
    esac
}
db_capb () { _ask CAPB "$@"; }
db_get () { _ask GET "$@"; }
db_fget () { _ask FGET "$@"; }
db_set () { _ask SET "$@"; }
db_go () { _ask GO "$@"; }
db_input () { _ask INPUT "$@"; }
db_metaget () { _ask METAGET "$@"; }
db_subst () { _ask SUBST "$@"; }
db_stop () { echo STOP >&3; }
"""
POSTINST = "/var/lib/dpkg/info/p.postinst"


def make(files: dict[str, bytes]) -> World:
    """A world with debconf and these files, which are all executable."""
    made = world(
        {
            "usr/share/debconf/confmodule": CONFMODULE,
            "usr/share/debconf/frontend": b"",
            "usr/bin/debconf-escape": b"",
            **files,
        }
    )
    for path in ("usr/share/debconf/frontend", "usr/bin/debconf-escape", *files):
        made.root.tree[path].mode |= 0o111
    return made


def configure(made: World, script: bytes) -> tuple[int, bytes, bytes]:
    """Runs a postinst. Returns its status, its output and its complaints."""
    machine = machine_of(made)
    for name, value in (("DEBIAN_FRONTEND", "noninteractive"), ("DEBCONF_NONINTERACTIVE_SEEN", "true")):
        machine.variables.set(name, value, exported=True)
    status = shell.run(machine, script, POSTINST, ["configure", ""])
    return status, shell.output(machine, 1), shell.output(machine, 2)
