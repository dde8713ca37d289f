"""Programs and maintainer scripts in Perl that are told one by one; here, other texts stand for them."""

import hashlib

import pytest

from tests.commands import debconf_world
from tests.commands.rooted import package, rooted
from tests.commands.world import run
from tools.sysimage.commands import maintainer, perl_scripts, told_programs
from tools.sysimage.commands.postfix_questions import postfix_questions
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import file

_POSTINST = debconf_world.POSTINST[1:]
_KRB5 = "usr/share/kerberos-configs/krb5.conf.template"
_TEMPLATES = b"""
Template: krb5-config/title
Type: title
Description: t

Template: krb5-config/default_realm
Type: string
Description: r

Template: krb5-config/add_servers
Type: boolean
Default: false
Description: ${dns}

Template: krb5-config/add_servers_realm
Type: string
Description: i

Template: krb5-config/kerberos_servers
Type: string
Description: s

Template: krb5-config/admin_server
Type: string
Description: a

Template: krb5-config/read_conf
Type: boolean
Default: true
Description: i

Template: krb5-config/no_dns
Type: text
Description: n
"""


# Of Perl itself, with the programs of privoxy 4.0.0.
@pytest.mark.parametrize(
    ("name", "words", "text", "output"),
    [
        (
            "_privoxy_listens",
            "",
            "listen-address a:1 b\n listen-address\tc\nlisten-addresses d\n",
            "a:1 c\n\n",
        ),
        ("_privoxy_listens", "", "", "\n\n"),
        (
            "_privoxy_configuration",
            "x y",
            "a\nlisten-address a:1\n#listen-address b\nlisten-address c",
            "a\nlisten-address  x\nlisten-address  y\n#listen-address b\n",
        ),
        ("_privoxy_configuration", "", "listen-address a\nb", "b\n"),
    ],
)
def test_a_told_program_would_write_something_else(
    name: str, words: str, text: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(b"a program").hexdigest()
    monkeypatch.setattr(told_programs, "_PROGRAMS", {digest: getattr(told_programs, name)})
    made = rooted({"in": text})
    assert run(made, f"perl -le 'a program' {words} < /in".encode())[:2] == (0, output.encode())


def _kerberos(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], template: str) -> str:
    scripts = {b"#!/usr/bin/perl\n1": "_krb5_questions", b"#!/usr/bin/perl\n2": "_krb5_configuration"}
    monkeypatch.setattr(
        perl_scripts,
        "_SCRIPTS",
        {hashlib.sha256(text).hexdigest(): getattr(perl_scripts, name) for text, name in scripts.items()},
    )
    made = debconf_world.make({_KRB5: template.encode(), "etc/hosts": b""})
    made.answers = answers
    control = {
        "config": "#!/usr/bin/perl\n1",
        "postinst": "#!/usr/bin/perl\n2",
        "templates": _TEMPLATES.decode(),
    }
    told = package("Package: krb5-config\nVersion: 1\nArchitecture: all\n", control, [])
    maintainer.run(made, told, "postinst", ["configure", ""])
    return made.root.tree["etc/krb5.conf"].read().decode()


def test_kerberos_would_have_no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[libdefaults]\n\tdefault_realm = A\n[realms]\n\tA = {\n\t}\n"
    assert _kerberos(monkeypatch, {}, text) == text


def test_kerberos_would_have_another_realm_than_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[libdefaults]\n# default_realm = C\n\tdefault_realm = A\n[realms]\n\tA = {\n\t}\n"
    answers = {
        "krb5-config/default_realm": "B.X",
        "krb5-config/add_servers": "true",
        "krb5-config/kerberos_servers": "k1 k2",
        "krb5-config/admin_server": "k1",
    }
    assert _kerberos(monkeypatch, answers, text) == text.replace(
        "\tdefault_realm = A", "\tdefault_realm = B.X"
    ).replace("[realms]", "[realms]\n\tB.X = {\n\t\tkdc = k1\n\t\tkdc = k2\n\t\tadmin_server = k1\n\t}")


_POSTFIX = {
    "main_mailer_type": "Internet Site",
    "mailname": "/etc/mailname",
    **dict.fromkeys(("relayhost", "destinations", "root_address", "mynetworks", "protocols"), ""),
    "procmail": "",
    "mailbox_limit": "0",
    "recipient_delim": "+",
    "newaliases": "false",
}
_OF_POSTFIX = ("mailname", "relayhost", "destinations", "protocols")


# Of postfix 3.10.13 in a chroot whose host has the name localhost and no domain.
@pytest.mark.parametrize(
    ("kind", "mailname", "values"),
    [
        (
            "Internet Site",
            "",
            ("localhost", "", "$myhostname, localhost, localhost.localdomain, , localhost", "all"),
        ),
        (
            "Internet Site",
            "a.example",
            ("a.example", "", "$myhostname, a.example, localhost, localhost.localdomain, localhost", "all"),
        ),
        (
            "Satellite system",
            "b",
            ("b", "smtp.localdomain", "b, $myhostname, localhost, localhost.localdomain, localhost", "all"),
        ),
        ("No configuration", "b", ("/etc/mailname", "", "", "")),
    ],
)
def test_postfix_would_take_mail_for_nobody(
    kind: str, mailname: str, values: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"#!/usr/bin/perl\n1"
    digest = hashlib.sha256(text).hexdigest()
    monkeypatch.setattr(perl_scripts, "_SCRIPTS", {digest: postfix_questions})
    made = debconf_world.make({"etc/mailname": f"{mailname}\n".encode()})
    made.answers = {"postfix/main_mailer_type": kind}
    templates = "\n".join(
        f"Template: postfix/{name}\nType: string\nDefault: {default}\nDescription: x\n"
        for name, default in _POSTFIX.items()
    )
    show = "".join(f'db_get postfix/{name}; echo "${{RET#0}}" >>/out\n' for name in _OF_POSTFIX)
    control = {
        "config": text.decode(),
        "postinst": f"#!/bin/sh\n. /usr/share/debconf/confmodule\n{show}",
        "templates": templates,
    }
    told = package("Package: postfix\nVersion: 1\nArchitecture: all\n", control, [])
    maintainer.run(made, told, "postinst", ["configure", ""])
    assert tuple(made.root.tree["out"].read().decode().split("\n")[:-1]) == values


def test_a_program_that_nobody_told_would_do_nothing() -> None:
    with pytest.raises(ToolError, match="not modelled"):
        run(rooted({}), b"perl -le 'print 2'")


_QUESTIONS = {
    "frontend": ("select\nChoices: pager, mail, none", "pager"),
    "which": ("select\nChoices: news, changelogs, both", "news"),
    "no-network": ("boolean", "false"),
    "email-address": ("string", "root"),
    "email-format": ("select\nChoices: text, html", "text"),
    **dict.fromkeys(("confirm", "headers", "reverse"), ("boolean", "false")),
    "save-seen": ("boolean", "true"),
}


# Of apt-listchanges 4.8 in a chroot, with these answers.
@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (
            {},
            "frontend=pager which=news email_address=root email_format=text confirm=false headers=false"
            " reverse=false save_seen=/var/lib/apt/listchanges",
        ),
        (
            {"frontend": "mail", "which": "both", "email-address": "", "save-seen": "false"},
            "frontend=mail which=both no_network=false email_address=none headers=false reverse=false"
            " save_seen=none",
        ),
        ({"frontend": "none"}, "frontend=none"),
    ],
)
def test_listchanges_would_have_another_configuration(
    answers: dict[str, str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(b"a program").hexdigest()
    monkeypatch.setattr(told_programs, "_PROGRAMS", {digest: told_programs._listchanges})
    templates = "\n".join(
        f"Template: apt-listchanges/{name}\nType: {kind}\nDefault: {default}\nDescription: x\n"
        for name, kind, default in (
            (name, kind, answers.get(name, default)) for name, (kind, default) in _QUESTIONS.items()
        )
    )
    script = b"#!/bin/sh\n. /usr/share/debconf/confmodule\npython3 -B /p.py config /etc/l.conf configure ''\n"
    script += b"python3 -B /p.py postinst /etc/l.conf ''\n"
    made = debconf_world.make({"p.py": b"a program", "etc/hosts": b"", _POSTINST: script})
    made.root.tree.add("var/lib/dpkg/info/p.templates", file(templates.encode()))
    assert debconf_world.configure(made, script)[0] == 0
    assert made.root.tree["etc/l.conf.new"].read().decode() == "\n".join(["[apt]", *text.split(), "", ""])
