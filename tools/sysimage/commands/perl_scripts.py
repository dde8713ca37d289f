"""Maintainer scripts in Perl, told one by one: their SHA-256 tells them apart.

They speak debconf's protocol with the frontend that has started them, as Debconf::Client::ConfModule does.
"""

import hashlib
import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.postfix_questions import postfix_questions
from tools.sysimage.commands.told_programs import talk
from tools.sysimage.core.tree import Kind

_KRB5 = "/etc/krb5.conf"
_TEMPLATE = "/usr/share/kerberos-configs/krb5.conf.template"


def find(script: bytes) -> Command | None:
    """Returns what stands for a script, whose frontend is its input and its output."""
    return _SCRIPTS.get(hashlib.sha256(script).hexdigest())


def _krb5_questions(call: Call) -> int:
    """krb5-config's config script, where no configuration is there yet and no name server answers."""
    if call.files.find(_KRB5) is not None:
        call.refuse(f"krb5-config: reading {_KRB5} of another package is not modelled")
    talk(call, "VERSION 2.0")
    talk(call, "SETTITLE krb5-config/title")
    talk(call, "GET krb5-config/read_conf")
    if talk(call, "GET krb5-config/default_realm"):
        if call.files.find("/usr/bin/host") is not None:
            call.refuse("krb5-config: asking a name server for a realm's servers is not modelled")
        return 0
    talk(call, "INPUT critical krb5-config/default_realm")
    talk(call, "GO")
    realm = talk(call, "GET krb5-config/default_realm")
    if realm or talk(call, "GET krb5-config/add_servers_realm"):
        call.refuse("krb5-config: a realm that is there at once is not modelled")
    text = talk(call, "METAGET krb5-config/no_dns Extended_description")
    talk(call, f"SUBST krb5-config/add_servers dns {text}")
    talk(call, "INPUT low krb5-config/add_servers")
    talk(call, "SET krb5-config/add_servers_realm ")
    talk(call, "GO")
    if talk(call, "GET krb5-config/add_servers") == "true":
        call.refuse("krb5-config: servers without a realm are not modelled")
    talk(call, "SET krb5-config/read_conf false")
    return 0


def _krb5_configuration(call: Call) -> int:
    """krb5-config's postinst: the template, with the realm and its servers."""
    talk(call, "VERSION 2.0")
    talk(call, "SET krb5-config/read_conf true")
    realm = talk(call, "GET krb5-config/default_realm")
    there = call.files.find(_KRB5, follow=False)
    if there is not None and there.kind is Kind.SYMLINK:
        return 0
    data = call.files.read(_TEMPLATE if there is None else _KRB5)
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    section = ""
    known = False
    for at, line in enumerate(lines):
        if heading := re.match(r"\s*\[(\w+)", line):
            section = heading[1].lower()
        if section == "libdefaults" and not re.match(r"\s*[#;]", line) and realm:
            lines[at] = re.sub(r"(?i)(?<=default_realm)(\s*)=.*$", lambda found: f"{found[1]}= {realm}", line)
        known |= section == "realms" and re.match(rf"\s*{re.escape(realm)}\s*=\s*\{{", line) is not None
    text = "".join(f"{line}\n" for line in lines)
    if talk(call, "GET krb5-config/add_servers") == "true" and not known:
        servers = talk(call, "GET krb5-config/kerberos_servers")
        talk(call, "RESET krb5-config/kerberos_servers")
        if servers.split():
            admin = talk(call, "GET krb5-config/admin_server")
            talk(call, "RESET krb5-config/admin_server")
            entry = f"\t{realm} = {{\n" + "".join(f"\t\tkdc = {server}\n" for server in servers.split())
            entry += (f"\t\tadmin_server = {admin}\n" if admin else "") + "\t}"
            text = text.replace("[realms]", f"[realms]\n{entry}", 1)
    if there is not None:
        call.files.unlink(_KRB5)
    call.files.write(_KRB5, text.encode("utf-8", "surrogateescape"))
    return 0


_SCRIPTS: Mapping[str, Command] = {
    "243d72775b3a800c8bf8f4692b22279ff629f2ae501f85624c5d7892a46bf5f8": postfix_questions,
    "2b484985e7a3bf9f38bfe807fd195d7a2f55f2869f0e05bc587bf7606d022688": _krb5_questions,
    "a5735bd836a35cee23fc122908a81db91624d612f0f011a3007591759dca91d6": _krb5_configuration,
}
