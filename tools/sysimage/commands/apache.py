"""a2enmod(8), a2dismod, a2enconf, a2disconf, a2ensite, a2dissite and a2query(1) of Apache 2."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.patterns import Pattern
from tools.sysimage.core.tree import Kind

_CONFIG = "/etc/apache2"
_STATE = "/var/lib/apache2"
_ESSENTIAL = (
    *("alias", "auth_basic", "authn_file", "authz_host", "authz_user", "autoindex", "deflate", "dir", "env"),
    *("filter", "logio", "mime", "negotiation", "setenvif", "unixd", "version", "watchdog"),
)
_KINDS = {
    "mod": ("module", "mods", ".load"),
    "conf": ("conf", "conf", ".conf"),
    "site": ("site", "sites", ".conf"),
}
_BY = {"maint": "maintainer script", "admin": "site administrator"}


@dataclass(slots=True)
class _Job:
    call: Call
    verb: str  # "enable" or "disable"
    kind: str  # "module", "conf", "site"
    folder: str
    suffix: str
    options: frozenset[str]
    changed: bool = False
    seen: list[str] = field(default_factory=list)

    @property
    def available(self) -> str:
        return f"{_CONFIG}/{self.folder}-available"

    @property
    def enabled(self) -> str:
        return f"{_CONFIG}/{self.folder}-enabled"

    @property
    def title(self) -> str:
        return self.kind.capitalize()

    def info(self, text: str) -> None:
        if "quiet" not in self.options:
            self.call.out(text)

    def error(self, text: str) -> bool:
        self.call.machine.stream(2).write(f"ERROR: {text}\n".encode("utf-8", "surrogateescape"))
        return False

    def there(self, path: str) -> bool:
        return self.call.files.find(path) is not None

    def is_link(self, path: str) -> bool:
        inode = self.call.files.find(path, follow=False)
        return inode is not None and inode.kind is Kind.SYMLINK


def switch(call: Call) -> int:
    """a2enmod and its like: links from FOLDER-available in FOLDER-enabled, and a mark of who did it."""
    match = re.fullmatch(r"a2(en|dis)(mod|conf|site)", call.name)
    if match is None or call.variable("APACHE_CONFDIR") or call.variable("APACHE_ENVVARS"):
        call.refuse(f"{call.name} for another configuration is not modelled")
    given = call.options("-q --quiet", "-f --force", "-m --maintmode", "-p --purge")
    if not given.operands:
        call.refuse(f"{call.name} without names would ask for them")
    kind, folder, suffix = _KINDS[match[2]]
    options = frozenset(name for name, _ in given.options)
    job = _Job(call, f"{match[1]}able", kind, folder, suffix, options)
    names: list[str] = []
    status = 0
    for operand in given.operands:
        found = _matching(job, operand.removesuffix(suffix))
        names += found
        if not found:
            job.error(f"No {kind} found matching {operand.removesuffix(suffix)}!")
            status = 1
    for name in names:
        if not _act(job, name):
            status = 1
    if job.changed:
        reload = "restart" if kind == "module" else "reload"
        job.info(f"To activate the new configuration, you need to run:\n  service apache2 {reload}\n")
    return status


def _matching(job: _Job, name: str) -> list[str]:
    """The names that a pattern of the shell stands for; one without a pattern stands for itself."""
    if not re.search(r"[*?\[{~]", name):
        return [name]
    folder = job.available if job.verb == "enable" else job.enabled
    names = job.call.files.names(folder) if job.there(folder) else []
    pattern = Pattern(name + job.suffix)
    return [entry.removesuffix(job.suffix) for entry in names if pattern.matches(entry)]


def _act(job: _Job, name: str) -> bool:
    if name in job.seen and len(job.seen) > len(set(job.seen)) + 50:
        job.call.refuse(f"the modules that {name} needs go in a circle")
    job.seen.append(name)
    if job.kind == "module" and job.verb == "enable" and name == "cgi" and _threaded(job):
        job.call.out("Your MPM seems to be threaded. Selecting cgid instead of cgi.\n")
        name = "cgid"
    target, link = f"{job.available}/{name}{job.suffix}", f"{job.enabled}/{name}{job.suffix}"
    if not job.there(target):
        return _without_file(job, name, link)
    if job.kind == "module" and name == "cache_disk":
        job.call.refuse("cache_disk's service apache-htcacheclean is not modelled")
    if not _relations(job, name, target):
        return False
    extra = ""
    if job.kind == "module" and job.there(f"{job.available}/{name}.conf"):
        extra = f"{name}.conf"
    return _enable(job, name, extra) if job.verb == "enable" else _disable(job, name, extra)


def _without_file(job: _Job, name: str, link: str) -> bool:
    if job.is_link(link):
        if job.verb == "disable":
            for path in (link, f"{job.enabled}/{name}.conf"):
                if job.is_link(path) and not job.there(path):
                    job.info(f"removing dangling symlink {path}\n")
                    job.call.files.unlink(path)
            return True
        job.error(f"{link} is a dangling symlink!")
    if "purge" in job.options:
        _mark(job, name)
        return True
    return job.error(f"{job.title} {name} does not exist!")


def _threaded(job: _Job) -> bool:
    return not job.there(f"{job.enabled}/mpm_prefork.load") and any(
        job.there(f"{job.enabled}/mpm_{name}.load") for name in ("worker", "event")
    )


def _named(job: _Job, path: str, what: str = "Depends") -> list[str]:
    """The names in the comment "# Depends:" before the first line that is no comment."""
    for line in job.call.files.read(path).decode("utf-8", "surrogateescape").split("\n"):
        if match := re.match(rf"# {what}:\s+(.*?)\s*$", line):
            return match[1].split()
        if not re.match(r"\s*(?:#.*)?$", line):
            break
    return []


def _relations(job: _Job, name: str, target: str) -> bool:
    if job.kind == "module" and job.verb == "enable":
        if not _each(job, name, _named(job, target)):
            return False
        good = True
        for conflict in _named(job, target, "Conflicts"):
            job.info(f"Considering conflict {conflict} for {name}:\n")
            if _check(job, conflict + job.suffix) == "ok":
                why = "cannot proceed due to conflicts. It needs to be disabled first!"
                good = job.error(f"Module {conflict} is enabled - {why}")
        return good
    if job.kind == "module":
        links = [link for link in job.call.files.names(job.enabled) if link.endswith(".load")]
        links = [link for link in links if job.there(f"{job.enabled}/{link}")]
        needing = [link[:-5] for link in links if name in _named(job, f"{job.enabled}/{link}")]
        if needing and "force" in job.options:
            return _each(job, name, needing)
        if needing:
            why = f"and need to be disabled first: {' '.join(needing)}"
            return job.error(f"The following modules depend on {name} {why}")
    elif job.verb == "enable":
        for needed in _named(job, target):
            job.info(f"Checking dependency {needed} for {name}:\n")
            if not job.there(f"{_CONFIG}/mods-enabled/{needed}.load"):
                message = f"WARNING: Module {needed} is not enabled, but {name} depends on it, aborting\n"
                job.call.machine.stream(2).write(message.encode("utf-8", "surrogateescape"))
                return False
    return True


def _each(job: _Job, name: str, others: Sequence[str]) -> bool:
    for other in others:
        job.info(f"Considering dependency {other} for {name}:\n")
        if not _act(job, other):
            return job.error(f"Could not {job.verb} dependency {other} for {name}, aborting")
    return True


def _check(job: _Job, name: str) -> Literal["ok", "missing"] | str:
    link, target = f"{job.enabled}/{name}", f"{job.available}/{name}"
    if not job.there(link):
        if job.is_link(link):
            job.info(f"Removing dangling link {link}")
            job.call.files.unlink(link)
        return "missing"
    if not job.is_link(link):
        return f"{link} is a real file, not touching it"
    if job.call.files.find(target) is not job.call.files.find(link):
        return f"{link} exists but does not point to {target}, not touching it"
    return "ok"


def _link(job: _Job, name: str) -> None:
    target = posixpath.relpath(f"{job.available}/{name}", job.enabled)
    job.call.files.make_symlink(target, f"{job.enabled}/{name}")
    job.changed = True


def _enable(job: _Job, name: str, extra: str) -> bool:
    check = _check(job, name + job.suffix)
    if check not in ("ok", "missing"):
        return job.error(f"{job.title} {name} not properly enabled: {check}")
    other = _check(job, extra) if extra else "ok"
    if other not in ("ok", "missing"):
        return job.error(f"Config file {name}.conf not properly enabled: {other}")
    if check == "ok":
        if other == "ok":
            job.info(f"{job.title} {name} already enabled\n")
        else:
            job.call.out(f"Enabling config file {name}.conf.\n")
            _link(job, extra)
        return True
    if other == "missing":
        _link(job, extra)
    job.call.out(f"Enabling {job.kind} {name}.\n")
    if job.kind == "module" and name == "ssl":
        readme = "/usr/share/doc/apache2/README.Debian.gz"
        job.info(f"See {readme} on how to configure SSL and create self-signed certificates.\n")
    _link(job, name + job.suffix)
    return _mark(job, name)


def _disable(job: _Job, name: str, extra: str) -> bool:
    link = f"{job.enabled}/{name}{job.suffix}"
    if job.there(link) or job.is_link(link):
        if job.kind == "module" and name in _ESSENTIAL and "force" not in job.options:
            job.call.refuse(f"{job.call.name} {name} would ask for a confirmation")
        _unlink(job, link)
        if extra and job.there(f"{job.enabled}/{extra}"):
            _unlink(job, f"{job.enabled}/{extra}")
        _mark(job, name)
        job.call.out(f"{job.title} {name} disabled.\n")
    elif extra and job.there(f"{job.enabled}/{extra}"):
        job.call.out(f"Disabling stale config file {name}.conf.\n")
        _unlink(job, f"{job.enabled}/{extra}")
    else:
        job.info(f"{job.title} {name} already disabled\n")
        if "purge" in job.options:
            _mark(job, name)
    return True


def _unlink(job: _Job, link: str) -> None:
    if job.is_link(link):
        job.call.files.unlink(link)
    elif job.there(link):
        job.error(f"{link} is not a symbolic link, not deleting")
        return
    job.changed = True


def _mark(job: _Job, name: str) -> bool:
    """Notes who enabled or disabled something last; the result is whether there is a mark."""
    files = job.call.files
    state = f"{_STATE}/{job.kind}"
    folder = f"{state}/{job.verb}d_by_{'maint' if 'maintmode' in job.options else 'admin'}"
    parts = folder.split("/")
    for end in range(2, len(parts) + 1):
        path = "/".join(parts[:end])
        if files.find(path) is None:
            files.make_directory(path, job.call.umask(0o777))
    tree = job.call.root.tree
    for path in list(tree.below(tree.resolve(state.lstrip("/")))):
        if path.endswith(f"/{name}") and tree[path].kind is Kind.FILE:
            tree.remove(path)
    if "purge" in job.options:
        return False
    files.write(f"{folder}/{name}", b"", job.call.umask(0o666))
    return True


def query(call: Call) -> int:
    """a2query -m, -s, -c and -M; who enabled or disabled something last is in the status and the output."""
    words = list(call.arguments)
    quiet = "-q" in words
    words = [word for word in words if word != "-q"]
    modules = _enabled(call, "mods", ".load")
    mpms = [name[4:] for name in modules if re.match(r"mpm_(event|worker|prefork)", name)]
    if len(mpms) > 1:
        return call.complain("There is more than one MPM loaded. Do not proceed due to undefined results")
    if words == ["-M"]:
        call.out("" if quiet else f"{mpms[0] if mpms else 'invalid'}\n")
        return 0
    kinds = {"-m": "mod", "-s": "site", "-c": "conf"}
    if not words or words[0] not in kinds or len(words) > 2:
        call.refuse("this call of a2query is not modelled")
    kind, folder, suffix = _KINDS[kinds[words[0]]]
    wanted = re.sub(r"\.(conf|load)", "", re.sub(r"^mod", "", words[1] if len(words) > 1 else ""), count=1)
    names = [name for name in _enabled(call, folder, suffix) if not wanted or name == wanted]
    for name in names:
        call.out(
            ""
            if quiet
            else f"{name} (enabled by {_BY.get(_marked(call, kind, 'enabled', name), 'unknown')})\n"
        )
    if names:
        return 0
    who = _marked(call, kind, "disabled", wanted)
    if not quiet:
        by = f" (disabled by {_BY[who]})" if who else ""
        call.machine.stream(2).write(f"No {kind} matches {wanted}{by}\n".encode("utf-8", "surrogateescape"))
    return {"maint": 33, "admin": 32}.get(who, 1)


def _enabled(call: Call, folder: str, suffix: str) -> list[str]:
    path = f"{_CONFIG}/{folder}-enabled"
    names = call.files.names(path) if call.files.find(path) else []
    return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]


def _marked(call: Call, kind: str, what: str, name: str) -> str:
    name = name.removesuffix(".conf")
    places = ((who, f"{_STATE}/{kind}/{what}_by_{who}/{name}") for who in ("maint", "admin"))
    return next((who for who, path in places if name and call.files.find(path) is not None), "")


COMMANDS: Mapping[str, Command] = {
    **{f"a2{verb}{kind}": switch for verb in ("en", "dis") for kind in _KINDS},
    "a2query": query,
}
"""This family's commands by name."""
