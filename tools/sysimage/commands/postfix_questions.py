"""postfix's config script, where no configuration is there yet and nobody answers."""

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.told_programs import talk

_HOST, _DOMAIN = "localhost", "localdomain"  # an image has no name of its own
_MAIN = "/etc/postfix/main.cf"


def postfix_questions(call: Call) -> int:
    """Asks, gets no answer, and sets what follows from the kind of mail system and the host's name."""
    if call.files.find(_MAIN) is not None:
        call.refuse(f"postfix: reading {_MAIN} of before is not modelled")
    talk(call, "VERSION 2.0")
    talk(call, "CAPB backup")
    talk(call, "TITLE Postfix Configuration")
    talk(call, "INPUT high postfix/main_mailer_type")
    mailer = talk(call, "GET postfix/main_mailer_type")
    if mailer == "No configuration":
        talk(call, "FSET postfix/newaliases run false")
        return 0
    if _is_default(call, "mailname"):
        _set(call, "mailname", _mail_name(call))
    talk(call, "INPUT high postfix/mailname")
    if mailer in ("Internet with smarthost", "Satellite system"):
        if _is_default(call, "relayhost"):
            _set(call, "relayhost", f"smtp.{_DOMAIN}")
        talk(call, "INPUT high postfix/relayhost")
    talk(call, "INPUT medium postfix/root_address")
    if talk(call, "FGET postfix/destinations set") != "true":
        _set(call, "destinations", _destinations(mailer, talk(call, "GET postfix/mailname") or _HOST))
        talk(call, "FSET postfix/destinations set true")
    talk(call, f"INPUT {'low' if mailer == 'Local only' else 'medium'} postfix/destinations")
    talk(call, "INPUT low postfix/mynetworks")
    has_procmail = call.files.find("/usr/bin/procmail") is not None
    if _is_default(call, "procmail"):
        _set(call, "procmail", "true" if has_procmail else "false")
    if has_procmail:
        talk(call, "INPUT low postfix/procmail")
    talk(call, "INPUT low postfix/mailbox_limit")
    talk(call, "INPUT low postfix/recipient_delim")
    if _is_default(call, "protocols"):
        _set(call, "protocols", "all")
    talk(call, "INPUT low postfix/protocols")
    return 0


def _is_default(call: Call, name: str) -> bool:
    return talk(call, f"FGET postfix/{name} isdefault") == "true"


def _set(call: Call, name: str, value: str) -> None:
    talk(call, f"SET postfix/{name} {value}")


def _mail_name(call: Call) -> str:
    inode = call.files.find("/etc/mailname")
    name = inode.read().decode("utf-8", "surrogateescape").partition("\n")[0] if inode else ""
    return _HOST if name.lower() in ("", "debian.org", "ubuntu.com") else name


def _destinations(mailer: str, name: str) -> str:
    rest = f"localhost.{_DOMAIN}, localhost"
    if mailer == "Internet Site":
        if name == _HOST:
            return f"$myhostname, {name}, localhost.{_DOMAIN}, , localhost"
        return f"$myhostname, {name}, {_HOST}, {rest}"
    listed = f"$myhostname, {_HOST}, {rest}"
    return listed if f".{_HOST}".endswith(f".{name}") else f"{name}, {listed}"
