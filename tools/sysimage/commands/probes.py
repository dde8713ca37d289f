"""Probes of processes, file systems, locales and interpreters: what they answer where Debian is installed."""

import re
from collections.abc import Mapping
from itertools import pairwise

from tools.sysimage.commands import perl_edit, told_programs
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.tree import Kind

_LOCALE = "C.UTF-8"
_CATEGORIES = [
    "CTYPE",
    "NUMERIC",
    "TIME",
    "COLLATE",
    "MONETARY",
    "MESSAGES",
    "PAPER",
    "NAME",
    "ADDRESS",
    "TELEPHONE",
    "MEASUREMENT",
    "IDENTIFICATION",
]


def _fixed(status: int, text: str = "") -> Command:
    """A command that answers the same always: there is nothing to find."""

    def run(call: Call) -> int:
        if text:
            call.out(text)
        return status

    return run


def locale(call: Call) -> int:
    """locale(1), with LC_ALL=C.UTF-8 and the locales that libc-bin has."""
    given = call.options("-a --all-locales", "-m --charmaps", "-c --category-name", "-k --keyword-name")
    if "all-locales" in given:
        # What localedef has made is in one archive, which is left for the guest.
        call.out("C\nC.utf8\nPOSIX\n")
    elif given.operands == ("charmap",):
        call.out("UTF-8\n")
    elif given.operands or "charmaps" in given:
        call.refuse("locale: these arguments are not modelled")
    else:
        lang = call.variable("LANG") or ""
        everything = call.variable("LC_ALL") or ""
        shown = everything or lang or "C"
        call.out(f"LANG={lang}\nLANGUAGE={call.variable('LANGUAGE') or ''}\n")
        call.out("".join(f'LC_{name}="{shown}"\n' for name in _CATEGORIES) + f"LC_ALL={everything}\n")
    return 0


# Programs that scripts have as an argument.
_NEXT_PORT = 'use lib "/usr/share/postgresql-common";use PgCommon;printf "%s\\n", next_free_port;'
_PLUGINS = "from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))"


def perl(call: Call) -> int:
    """perl(1): programs that do nothing, those of -p and -n that edit, and whether a module is there."""
    words = list(call.arguments)
    text = next((text for word, text in pairwise(words) if re.fullmatch(r"-[lnpw]*e", word)), "")
    if told := told_programs.find(text):
        return told(call)
    try:
        edit = perl_edit.read(words, call.variable)
    except perl_edit.UnknownPerlError as error:
        call.refuse(f"perl: {error} is not modelled")
    if edit:
        return perl_edit.run(call, edit)
    modules = [word[2:].partition("=")[0] for word in words if re.fullmatch(r"-[mM][\w:]+(=\S+)?", word)]
    if words[:1] == ["-e"] and words[1:] == [_NEXT_PORT]:
        # Clusters that are left for the guest have their ports.
        made = sum(left.command.startswith("pg_createcluster") for left in call.world.left)
        call.out(f"{5432 + made}\n")
        return 0
    rest = [word for word in words if not re.fullmatch(r"-[mM][\w:]+(=\S+)?|-w", word)]
    program = rest[1] if len(rest) == 2 and rest[0] == "-e" else None
    if program is not None and (used := re.fullmatch(r"\s*use ([\w:]+);?\s*", program)):
        modules.append(used[1])
        program = ""
    if program is None or program.strip(" ;") not in ("", "1", "0", "exit 0", "exit(0)"):
        call.refuse(f"perl: the program {' '.join(words)!r} is not modelled")
    for module in modules:
        if module not in ("strict", "warnings") and not _has_module(call, module):
            call.machine.stream(2).write(f"Can't locate {module}.pm in @INC\n".encode())
            return 2
    return 0


def _has_module(call: Call, module: str) -> bool:
    path = module.replace("::", "/") + ".pm"
    folders = ["etc/perl", "usr/share/perl5", *(f"usr/share/{name}" for name in call.root.names("usr/share"))]
    libraries = [
        f"{folder}/{name}"
        for folder in call.root.tree.children("usr/lib")
        if folder.endswith("-linux-gnu")
        for name in call.root.names(folder)
        if name.startswith("perl")
    ]
    folders += [
        f"{library}/{version}" if version else library
        for library in libraries
        for version in ("", *call.root.names(library))
    ]
    return any(call.root.tree.find(f"{folder}/{path}") is not None for folder in folders if "perl" in folder)


def python(call: Call) -> int:
    """python3(1): byte code is left; whether modules are there is answered."""
    words = [word for word in call.arguments if not re.fullmatch(r"-[BEISsuOO]+", word)]
    if told := told_programs.find(_python_program(call, words)):
        return told(call)
    if words and words[0].rpartition("/")[2] in ("py_compile.py", "compileall.py", "py3compile"):
        return call.leave("byte code")
    if words[:1] == ["-m"] and words[1:2] in (["compileall"], ["py_compile"]):
        return call.leave("byte code")
    if words == ["-c", _PLUGINS]:
        return call.leave("cache")  # the index of plugins, which twisted makes anew
    if words[:1] in (["--version"], ["-V"]):
        version = re.search(r"python(3\.\d+)$", call.root.tree.resolve("usr/bin/python3"))
        call.out(f"Python {version[1] if version else '3'}.0\n")
        return 0
    match = (
        re.fullmatch(r"\s*import ([\w., ]+?);?\s*", words[1])
        if len(words) == 2 and words[0] == "-c"
        else None
    )
    if match is None:
        call.refuse(f"python3: the program {' '.join(call.arguments)[:200]!r} is not modelled")
    for module in re.split(r"[, ]+", match[1]):
        if not _has_python_module(call, module):
            call.machine.stream(2).write(f"ModuleNotFoundError: No module named '{module}'\n".encode())
            return 1
    return 0


def _python_program(call: Call, words: list[str]) -> str:
    """The text of the program: a file's, a module's of a package, or that of -c."""
    if words[:1] == ["-c"]:
        return "".join(words[1:2])
    path = words[0] if words else ""
    if path == "-m":
        path = f"/usr/lib/python3/dist-packages/{''.join(words[1:2]).replace('.', '/')}.py"
    inode = call.files.find(call.path(path)) if path[:1] not in ("", "-") else None
    return inode.read().decode("utf-8", "surrogateescape") if inode and inode.kind is Kind.FILE else ""


def _has_python_module(call: Call, module: str) -> bool:
    path = module.replace(".", "/")
    folders = ["usr/lib/python3/dist-packages", "usr/local/lib/python3/dist-packages"]
    folders += [
        f"usr/lib/{name}" for name in call.root.names("usr/lib") if re.fullmatch(r"python3\.\d+", name)
    ]
    if module in ("sys", "builtins", "time", "itertools", "errno", "posix", "_thread", "gc", "marshal"):
        return True
    return any(
        call.root.tree.find(f"{folder}/{path}{end}") is not None
        for folder in folders
        for end in (".py", "/__init__.py")
    )


def ghc(call: Call) -> int:
    """ghc(1) --info: on amd64 and arm64 it has an interpreter; it is all that is told."""
    if list(call.arguments) != ["--info"]:
        call.refuse(f"ghc {' '.join(call.arguments)} is not modelled")
    call.out(' [("Project name","The Glorious Glasgow Haskell Compilation System")\n')
    call.out(' ,("Have interpreter","YES")\n ]\n')
    return 0


def linux_version(call: Call) -> int:
    """linux-version(1) of linux-base: `list`, `compare`."""
    words = list(call.arguments)
    if words[:1] != ["list"]:
        call.refuse("linux-version: only `list` is modelled")
    call.out(
        "".join(
            f"{name.removeprefix('vmlinuz-')}\n"
            for name in call.root.names("boot")
            if name.startswith("vmlinuz-")
        )
    )
    return 0


def run_parts(call: Call) -> int:
    """run-parts(8): the programs of a folder, in the order of their names."""
    given = call.options(
        "--test",
        "--list",
        "-v --verbose",
        "--report",
        "-a --arg=",
        "--regex=",
        "--exit-on-error",
        "--lsbsysinit",
        "-u --umask=",
        "--reverse",
        "--new-session",
    )
    if "regex" in given or "umask" in given:
        call.refuse("run-parts: the options --regex and --umask are not modelled")
    [folder] = given.operands
    is_valid = _is_lsb_name if "lsbsysinit" in given else re.compile(r"[a-zA-Z0-9_-]+").fullmatch
    names = [name for name in call.files.names(call.path(folder)) if is_valid(name)]
    status = 0
    for name in reversed(names) if "reverse" in given else names:
        path = f"{folder.rstrip('/')}/{name}"
        inode = call.files.find(call.path(path))
        if inode is None or inode.kind is not Kind.FILE:
            continue
        if "list" in given or "test" in given:
            if "list" in given or inode.mode & 0o111:
                call.out(f"{path}\n")
            continue
        if not inode.mode & 0o111:
            continue
        status = call.execute([path, *given.values("arg")]) or status
        if status and "exit-on-error" in given:
            return 1
    return 1 if status else 0


def _is_lsb_name(name: str) -> bool:
    if re.fullmatch(r"_?([a-z0-9_.]+-)+[a-z0-9]+", name):
        return not re.fullmatch(r"[a-z0-9-].*\.dpkg-(old|dist|new|tmp)", name)
    return re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) is not None


def py3versions(call: Call) -> int:
    """py3versions(1): the Python of the tree."""
    given = call.options("-d --default", "-s --supported", "-i --installed", "-v --version", "-r --requested")
    version = re.search(r"python(3\.\d+)$", call.root.tree.resolve("usr/bin/python3"))
    if version is None or "requested" in given:
        call.refuse(f"py3versions {' '.join(call.arguments)} is not modelled")
    call.out(f"{'' if 'version' in given else 'python'}{version[1]}\n")
    return 0


def apache2(call: Call) -> int:
    """apache2(8) -t: the configuration is as its packages have it."""
    if not set(call.arguments) & {"-t", "-v", "-V"}:
        call.refuse(f"apache2 {' '.join(call.arguments)} is not modelled")
    return 0


def ss(call: Call) -> int:
    """ss(8): nothing listens."""
    if "H" not in "".join(word for word in call.arguments if re.fullmatch("-[a-zA-Z]+", word)):
        call.out("State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n")
    return 0


def chronyd(call: Call) -> int:
    """chronyd(8) -p: its configuration, without comments."""
    if list(call.arguments) != ["-p"]:
        call.refuse(f"chronyd {' '.join(call.arguments)} is not modelled")
    lines = call.root.text("etc/chrony/chrony.conf").splitlines()
    call.out("".join(f"{line.strip()}\n" for line in lines if line.strip() and line.strip()[0] not in "#!%;"))
    return 0


def sshd(call: Call) -> int:
    """sshd(8) -G: no host key is named, so that none is made; they are the guest's."""
    if list(call.arguments) not in (["-G"], ["-T"], ["-t"]):
        call.refuse(f"sshd {' '.join(call.arguments)} is not modelled")
    return call.leave("keys")


COMMANDS: Mapping[str, Command] = {
    "findmnt": _fixed(1),
    "fuser": _fixed(1),
    "apache2": apache2,
    "chronyd": chronyd,
    "ghc": ghc,
    "linux-version": linux_version,
    "locale": locale,
    "lsof": _fixed(1),
    "perl": perl,
    **dict.fromkeys(("python3", *(f"python3.{minor}" for minor in range(9, 21))), python),
    # A package's own configuration, which the package was tested with.
    **dict.fromkeys(("named-checkconf", "squid", "proftpd", "pg_checksystem", "pg_lsclusters"), _fixed(0)),
    # Whether a processor has what a package needs: those of confidential guests have.
    **dict.fromkeys((f"test-{name}" for name in ("SSE2", "SSE3", "SSSE3", "SSE4.1", "SSE4.2")), _fixed(0)),
    "py3versions": py3versions,
    "py3versions.py": py3versions,
    "run-parts": run_parts,
    "stty": _fixed(1),
    "ss": ss,
    **dict.fromkeys(("sshd", "sshd.session-split"), sshd),
    "start-stop-daemon": _fixed(0),
}
"""This family's commands by name."""
