"""update-perl-sax-parsers(8): which parsers of XML Perl programs find."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command

_PARTS = "/var/lib/libxml-sax-perl/ParserDetails.d"
_FILE = "/etc/perl/XML/SAX/ParserDetails.ini"
_SUMS = "/var/lib/libxml-sax-perl/ParserDetails.ini.md5sum"
_NEW = "/tmp/ParserDetails.0000000001"
_NAMESPACES = "http://xml.org/sax/features/namespaces"


def update_perl_sax_parsers(call: Call) -> int:
    """update-perl-sax-parsers(8): a file for each parser, and one of all, which ucf puts in place."""
    given = call.options("--add=", "--remove=", "--update", "--priority=", "--quiet")
    priority = given.value("priority", "50")
    if given.operands or not priority.isdecimal():
        call.refuse(f"update-perl-sax-parsers {' '.join(call.arguments)} is not modelled")
    name = given.value("add") or given.value("remove")
    path = f"{_PARTS}/{f'{int(priority)}-' if int(priority) else ''}{name}"
    quiet = "quiet" in given
    if given.value("add"):
        _say(call, f"Registering Perl SAX parser {name} with priority {priority}", quiet=quiet)
        features = "".join(f"{feature} = 1\n" for feature in sorted(_features(call, name)))
        call.files.write(path, f"[{name}]\n{features}\n\n".encode(), call.umask(0o666))
    elif given.value("remove"):
        _say(call, f"Unregistering Perl SAX parser {name} with priority {priority}", quiet=quiet)
        if call.files.find(path, follow=False) is not None:
            call.files.unlink(path)
    elif "update" in given:
        _say(call, "Updating overall Perl SAX parser modules info file", quiet=quiet)
        parts = sorted(call.files.names(_PARTS), key=lambda part: part.encode("utf-8", "surrogateescape"))
        call.files.write(_NEW, b"".join(call.input(f"{_PARTS}/{part}") for part in parts), 0o644)
        call.execute(["ucf", "--debconf-ok", "--sum-file", _SUMS, _NEW, _FILE])
        call.files.unlink(_NEW)
    return 0


def _say(call: Call, text: str, *, quiet: bool) -> None:
    if not quiet:
        call.out(f"{call.name}: {text}...\n")


def _features(call: Call, name: str) -> set[str]:
    """The features that a parser's module says it has, or else those of XML::SAX::Base."""
    below = f"{name.replace('::', '/')}.pm"
    folders = ["/usr/share/perl5"]
    for folder in ("/usr/lib", *(f"/usr/lib/{name}" for name in call.files.names("/usr/lib"))):
        folders.append(f"{folder}/perl5")
        if call.files.find(f"{folder}/perl5") is not None:
            folders += [f"{folder}/perl5/{version}" for version in call.files.names(f"{folder}/perl5")]
    path = next((f"{folder}/{below}" for folder in folders if call.files.find(f"{folder}/{below}")), "")
    if not path:
        call.refuse(f"update-perl-sax-parsers: the tree has no module {name}")
    text = re.sub(r"(?m)^\s*#.*$", "", call.input(path).decode("utf-8", "surrogateescape"))
    found = re.search(r"(?s)\bsub\s+supported_features\b\s*\{(.*?)^\}", text, re.MULTILINE)
    if found is None:
        return {_NAMESPACES}
    features = set(re.findall(r"'(https?://[^']+)'", found[1]))
    return features | {_NAMESPACES} if "SUPER::supported_features" in found[1] else features


COMMANDS: Mapping[str, Command] = {"update-perl-sax-parsers": update_perl_sax_parsers}
"""This family's commands by name."""
