"""ucfr(1) and ucfq(1): which package a configuration file is of."""

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.ucf_records import PLAIN, diversion, first, lines, make_directory, say, settings
from tools.sysimage.core.tree import Kind
from tools.sysimage.effects import ucf as records

_LINKS = 40


def ucfr(call: Call) -> int:
    """ucfr(1)."""
    given = call.options("-f --force", "-v --verbose", "-p --purge", "--state-dir=", alternative=True)
    if len(given.operands) < 2 or not all(given.operands[:2]):
        say(call, "ucfr: Unable to determine the package and its file")
        return 1
    if len(given.operands) > 2:
        say(call, f"ucfr: *** ERROR: Need exactly two arguments, got {len(given.operands)}")
        return 3
    package, name = given.operands
    path = _canonical(call, call.path(name))
    if not PLAIN.fullmatch(path):
        call.refuse(f"ucfr: {path} is not modelled")
    state = first(given.value("state-dir"), call, settings(call), "STATE_DIR") or "/var/lib/ucf"
    state = call.path(state).strip("/")
    make_directory(call, state)
    registry = f"/{state}/registry"
    if call.files.find(registry) is None:
        call.files.write(registry, b"", call.umask(0o666))
    found = [line for line in lines(call.files.read(registry)) if records.names(line, path)]
    if len(found) > 1:
        say(call, f"ucfr: Corrupt registry: Duplicate entries for {name}")
        call.out("".join(f"{line}\n" for line in found))
        return len(found)
    owner = found[0].split()[0] if found else ""
    status = _owned(call, given, package, owner, name)
    if status is None:
        who = call.world.who
        records.back_up(call.root, who, f"{state}/registry", preserve=False)
        if "purge" in given:
            records.change(call.root, who, f"{state}/registry", path, "")
        else:
            records.register(call.root, who, path=path, package=package, state=state)
    return status or 0


def _owned(call: Call, given: Given, package: str, owner: str, name: str) -> int | None:
    """Returns the status with which ucfr ends, None if it changes its records."""
    purge, force = "purge" in given, "force" in given
    if not owner:
        return 0 if purge else None
    if purge:
        if owner == package or force:
            return None
        say(call, f"ucfr: Association belongs to {owner}, not {package}")
        return 5
    if owner == package:
        return 0
    if not name.startswith("/"):
        say(call, f'dpkg-divert: error: filename "{name}" is not absolute')
        return 2
    if diversion(call, name) is not None:
        return 0
    if not force:
        say(call, f"ucfr: Attempt from package {package}  to take {name} away from package {owner}")
    return None if force else 4


def ucfq(call: Call) -> int:
    """ucfq(1), in the form of --with-colons."""
    given = call.options("-w --with-colons", "-v --verbose", "--state-dir=")
    if "with-colons" not in given:
        call.refuse("ucfq: only --with-colons is modelled")
    state = call.path(given.value("state-dir") or "/var/lib/ucf")
    registry = [line.split() for line in _records_of(call, f"{state}/registry")]
    sums = {
        path: digest for digest, path in (line.split() for line in _records_of(call, f"{state}/hashfile"))
    }
    owners = {path: package for package, path in registry}
    wanted: dict[str, str] = {}
    for operand in given.operands:
        if "/" in operand and not operand.startswith("/"):
            say(call, f'Need a fully qualified path name for config file "{operand}"')
            return 0
        if "/" in operand:
            wanted.setdefault(operand, owners.get(operand, ""))
        else:
            wanted.update((path, package) for package, path in registry if package == operand)
    for path in sorted(wanted):
        inode = call.files.find(path)
        name = call.files.real_path(path) if inode else path
        changed = ""
        if inode is not None and path in sums:
            changed = "No" if records.digest(inode) == sums[path] else "Yes"
        call.out(f"{name}:{wanted[path]}:{'Yes' if inode else ''}:{changed}\n")
    return 0


def _records_of(call: Call, path: str) -> list[str]:
    inode = call.files.find(path)
    return [line for line in lines(inode.read()) if len(line.split()) == 2] if inode else []


def _canonical(call: Call, path: str) -> str:
    """Returns a path without links, as readlink(1) -m has it."""
    todo = [part for part in reversed(path.split("/")) if part]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            del done[len(done) - (part == "..") :]
            continue
        inode = call.files.find("/" + "/".join([*done, part]), follow=False)
        if inode is not None and inode.kind is Kind.SYMLINK and links < _LINKS:
            links += 1
            if inode.target.startswith("/"):
                done.clear()
            todo += [part for part in reversed(inode.target.split("/")) if part]
            continue
        done.append(part)
    return "/" + "/".join(done)
