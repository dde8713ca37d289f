"""Catalogs of SGML and XML entities: update-catalog(8) of sgml-base, update-xmlcatalog(8) of xml-core."""

import re
from collections.abc import Mapping

from tools.sysimage.commands import triggers
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.core.tree import Kind

_SGML = "/etc/sgml"
_SUPER = "/var/lib/sgml-base/supercatalog"
_TEMPLATES = "/usr/share/sgml-base"
_SUPER_HEADER = """--
## This file is created by update-catalog with update-super.
## Please see update-catalog(8) for how to modify this file.
--
"""
_TOKEN = re.compile(r"""((?:\s+|--.*?--)+|'.*?'|".*?"|\S+)""", re.DOTALL)
_XML, _XML_DATA, _XML_TEMPLATES = "/etc/xml", "/var/lib/xml-core", "/usr/share/xml-core"


class _Died(Exception):
    """What one of the programs ends with, as it says it."""


def update_catalog(call: Call) -> int:
    """update-catalog(8): a catalog of /etc/sgml, or the super catalog, which a trigger makes."""
    given = call.options("--add", "--remove", "--update-super", "--quiet", "--super", permute=False)
    quiet = "quiet" in given
    actions = {name for name, _ in given.options if name in ("add", "remove", "update-super")}
    if len(actions) != 1:
        call.out("Huh? You have to use precisely one out of --add --remove or --update-super.\n")
        return 1
    [action] = actions
    words = list(given.operands)
    try:
        if action == "update-super":
            if words:
                call.refuse("update-catalog: too many arguments")
            if not quiet:
                call.out("Updating the super catalog...\n")
            _update_super(call, quiet=quiet)
            return 0
        if len(words) != (1 if "super" in given else 2):
            call.refuse("update-catalog: another number of arguments than it takes")
        if "super" in given:
            call.out("update-catalog: Suppressing action on super catalog. Invoking trigger instead.\n")
            triggers.request(call.world, _SGML, call.world.who)
            return 0
        _update_one(call, action, words[0], words[1], quiet=quiet)
    except OSError as error:
        call.complain(f"cannot open {error.filename}: {error.strerror}")
        return error.errno or 255
    return 0


def _is_file(call: Call, path: str) -> bool:
    inode = call.files.find(call.path(path))
    return inode is not None and inode.kind is Kind.FILE


def _lines(call: Call, path: str) -> list[str]:
    text = call.files.read(call.path(path)).decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").split("\n") if text else []


def _write(call: Call, path: str, text: str) -> None:
    call.files.write(call.path(path), text.encode("utf-8", "surrogateescape"), call.umask(0o666))


def _update_one(call: Call, action: str, catalog: str, entry: str, *, quiet: bool) -> None:
    if not quiet:
        doing, where = ("Adding", "to") if action == "add" else ("Removing", "from")
        call.out(f"{doing} entry {entry} {where} catalog {catalog}...\n")
    if re.search(r"[^\w/.+-]", entry):
        call.refuse(f"update-catalog takes {entry!r} as a regular expression of Perl")
    if _is_file(call, catalog):
        pattern = re.compile(entry)
        lines = [line for line in _lines(call, catalog) if not pattern.search(line)]
    else:
        template = _lines(call, f"{_TEMPLATES}/catalog.centralized")
        lines = [line.replace("CATALOG", catalog, 1) for line in template]
    if action == "add":
        lines.append(f"CATALOG {entry}")
    _keep_old(call, catalog)
    _write(call, catalog, "".join(f"{line}\n" for line in lines))


def _keep_old(call: Call, path: str) -> None:
    if _is_file(call, path):
        call.files.rename(call.path(path), call.path(f"{path}.old"))


def _update_super(call: Call, *, quiet: bool) -> None:
    catalogs = [
        f"{_SGML}/{name}"
        for name in call.files.names(_SGML)
        if not name.startswith(".") and name.endswith(".cat") and len(name) > 4
    ]
    kept = [path for path in catalogs if _complete(call, path, quiet=quiet)]
    kept.sort(key=lambda path: path.encode("utf-8", "surrogateescape"))
    _write(call, f"{_SUPER}.new", _SUPER_HEADER + "".join(f"CATALOG {path}\n" for path in kept))
    if call.files.find(_SUPER) is not None:
        call.files.rename(_SUPER, f"{_SUPER}.old")
    call.files.rename(f"{_SUPER}.new", _SUPER)


def _complete(call: Call, catalog: str, *, quiet: bool) -> bool:
    """Whether all catalogs are there that a catalog names."""
    base, before = catalog.rpartition("/")[0], ""
    try:
        text = call.files.read(catalog).decode("utf-8", "surrogateescape")
    except OSError:
        if not quiet:
            call.out(f"Warning: Ignoring unreadable catalog file `{catalog}'.\n")
        return False
    for match in _TOKEN.finditer(text):
        token = match[1]
        if not before:
            before = token.lower() if token.lower() in ("catalog", "base") else ""
            continue
        if re.match(r"\s|--", token):
            continue
        token = re.sub(r"^(['\"])(.*)\1$", r"\2", token)
        if before == "base":
            base = token
        elif not _is_file(call, token if token.startswith("/") else f"{base}/{token}"):
            if not quiet:
                call.out(
                    f"Warning ignoring catalog `{catalog}' which references non-existent catalogs. "
                    "See man update-catalog for details.\n"
                )
            return False
        before = ""
    return True


def update_xmlcatalog(call: Call) -> int:
    """update-xmlcatalog(8). Its entries are sorted; the real one has them by chance without --sort."""
    given = call.options(
        "--add",
        "--del",
        "--file=",
        "--id=",
        "--local=",
        "--package=",
        "--root",
        "--type=",
        "--verbose",
        "--sort",
    )
    if "verbose" in given:
        call.refuse("update-xmlcatalog --verbose is not modelled")
    try:
        _check(call, given)
        return _update_xml(call, given)
    except _Died as error:
        return call.complain(f"error: {error}")
    except OSError as error:
        call.complain(f"cannot open {error.filename}: {error.strerror}")
        return error.errno or 255


def _check(call: Call, given: Given) -> None:
    if "add" not in given and "del" not in given:
        raise _Died("either 'add' or 'del' must be given")
    if "add" in given and "del" in given:
        raise _Died("only one of 'add' and 'del' can be given")
    (_check_add if "add" in given else _check_del)(call, given)
    if "type" not in given:
        raise _Died("type not given")
    if given.value("type").removesuffix("\n") not in ("public", "system", "uri"):
        raise _Died("wrong type")
    if "id" not in given:
        raise _Died("id not given")


def _check_add(call: Call, given: Given) -> None:
    package, local = given.value("package"), given.value("local")
    if "root" in given:
        if "package" not in given:
            raise _Died("package catalog not given")
        if not _is_file(call, f"{_XML}/{package}.xml"):
            raise _Died(f"package catalog {_XML}/{package}.xml not found")
        if "local" in given or "file" in given:
            raise _Died("local catalog and file not for adding to root catalog file")
    elif "package" in given:
        if "local" not in given:
            raise _Died("local catalog not given")
        if not _is_file(call, local):
            raise _Died(f"local catalog {local} not found")
        if "file" in given:
            raise _Died("file not for adding to package catalog file")
    elif "local" not in given:
        raise _Died("catalog not given")
    elif "file" not in given:
        raise _Died("file not given")
    elif not _is_file(call, given.value("file")):
        raise _Died(f"file {given.value('file')} not found")


def _check_del(call: Call, given: Given) -> None:
    others: tuple[str, ...]
    if "root" in given:
        path, what, others = f"{_XML}/catalog", "root", ("package", "local", "file")
        wrong = "package catalog, local catalog or file not for deleting from root catalog file"
    elif "package" in given:
        path, what, others = f"{_XML}/{given.value('package')}.xml", "package", ("local", "file")
        wrong = "local catalog or file not for deleting from package catalog file"
    elif "local" in given:
        path, what, others = given.value("local"), "local", ("file",)
        wrong = "file not for deleting from local catalog file"
    else:
        raise _Died("catalog not given")
    if not _is_file(call, path):
        raise _Died(f"{what} catalog {path} not found")
    if any(other in given for other in others):
        raise _Died(wrong)


def _update_xml(call: Call, given: Given) -> int:
    kind, package, local = given.value("type"), given.value("package"), given.value("local")
    is_uri = kind == "uri"
    start = kind + ("" if is_uri else "Id")
    if "root" in given or "package" in given:
        name = "catalog" if "root" in given else package
        data = f"{_XML_DATA}/{name}"
        catalog = f"{_XML}/{name}" + ("" if "root" in given else ".xml")
        what = f"delegate{kind.upper() if is_uri else kind.capitalize()}"
        key = f'{what} {start}StartString="{given.value("id")}"'
        target = f"{_XML}/{package}.xml" if "root" in given else local
        entry = f'catalog="file://{target}"'
    else:
        data, catalog = f"{_XML_DATA}/{local.replace('/', '_')}", local
        key = f'{kind} {"name" if is_uri else start}="{given.value("id")}"'
        entry = f'uri="{given.value("file")}"'
    entries: dict[str, str] = {}
    if "del" in given or _is_file(call, data):
        for line in _lines(call, data):
            parts = [part.removeprefix("<") for part in line.split(">")]
            entries[parts[0]] = parts[1] if len(parts) > 1 else ""
    if "del" in given:
        if entries.pop(key, None) is None:
            raise _Died("entity not registered")
    elif entries.setdefault(key, entry) != entry:
        call.complain("error: entity already registered with a different value")
        call.machine.stream(2).write(
            f" Entity   : [{key}]\n Old value: [{entries[key]}]\n New value: [{entry}]\n".encode()
        )
        return 1
    _keep_old(call, catalog)
    _write_xml(call, data, catalog, dict(sorted(entries.items())))
    return 0


def _write_xml(call: Call, data: str, catalog: str, entries: Mapping[str, str]) -> None:
    header, footer = (_lines(call, f"{_XML_TEMPLATES}/catalog.{part}") for part in ("header", "footer"))
    body = [f"<{key} {entry}/>" for key, entry in entries.items()]
    texts = {
        data: "".join(f"<{key}><{entry}>\n" for key, entry in entries.items()),
        catalog: "".join(f"{line}\n" for line in (*header, *body, *footer)),
    }
    for path, text in texts.items():
        _write(call, path, text)
        if not entries:
            call.files.unlink(call.path(path))


COMMANDS: Mapping[str, Command] = {
    "update-catalog": update_catalog,
    "update-xmlcatalog": update_xmlcatalog,
}
"""This family's commands by name."""
