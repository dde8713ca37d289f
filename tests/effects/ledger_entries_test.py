"""A ledger of a person's: a slip is refused with file, entry, key and remedy, never a traceback."""

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import ledger_entries

SHA = "0" * 64
SCRIPT = f'[[script]]\npackage = "p"\nscript = "postinst"\nsha256 = ["{SHA}"]\n'


def effects(text: str) -> str:
    return f"{SCRIPT}effects = [{text}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[scripts]]\n", r"mine: \[\[scripts\]\] is no kind of entry"),
        ("[script]\nx = 1\n", r"mine: script must be a list of tables; head each entry with \[\[script\]\]"),
        ("script = 1\n", "mine: script must be a list of tables"),
        ("a = " + "[" * 100_000, "mine: not TOML"),
        ("x", "mine: not TOML"),
        (SCRIPT, "mine: p postinst: an entry has package, script, sha256 and either effects or ignore"),
        (
            SCRIPT.replace(f'["{SHA}"]', f'"{SHA}"') + 'ignore = "x"\n',
            "mine: p postinst: sha256 must be a list",
        ),
        (SCRIPT.replace(SHA, "abc") + 'ignore = "x"\n', "sha256 must be a list of digests of 64 digits"),
        (SCRIPT.replace('"postinst"', '"prerm"') + 'ignore = "x"\n', "script is 'prerm'; an entry is about"),
        (SCRIPT.replace('"p"', '["p"]') + 'ignore = "x"\n', r"package is \['p'\]; it must be a text"),
        (SCRIPT + "ignore = 1\n", "mine: p postinst: ignore is 1; it must be a text"),
        (SCRIPT + 'effects = "mkdir"\n', "effects must be a list of tables"),
        (effects('"mkdir"'), "effects must be a list of tables"),
        (effects("{ do = 1 }"), "there is no effect 1; known are"),
        (effects('{ do = "mkdir" }'), "p postinst: mkdir needs the parameter 'path'"),
        (effects('{ do = "mkdir", path = "x", colour = 1 }'), "mkdir has no parameter 'colour'; it has mode"),
        (effects('{ do = "mkdir", path = "x", root = "y" }'), "mkdir has no parameter 'root'"),
        (
            effects('{ do = "mkdir", path = "x", mode = "0755" }'),
            "mkdir: mode is '0755'; write an octal number",
        ),
        (effects('{ do = "mkdir", path = "x", mode = true }'), "mkdir: mode is True; write an octal number"),
        (effects('{ do = "mkdir", path = "x", mode = 0o10000 }'), "mkdir: mode is 4096; write an octal"),
        (effects('{ do = "mkdir", path = "/x" }'), "mkdir: path is '/x'; write it as 'x'"),
        (effects('{ do = "mkdir", path = "../x" }'), r"mkdir: path: entry '../x' leaves the root"),
        (effects('{ do = "mkdir", path = "x", when = 1 }'), "mkdir: when is 1; it must be a text"),
        (effects('{ do = "sysusers", names = "a" }'), "sysusers: names is 'a'; it must be a list of texts"),
        (
            effects('{ do = "sysusers", names = [1] }'),
            r"sysusers: names is \[1\]; it must be a list of texts",
        ),
        (
            effects('{ do = "link", path = "a", target = "b", replace = 1 }'),
            "replace is 1; it must be true or",
        ),
        ('[[command]]\ncommand = ["a"]\nreason = "x"\n', r"command is \['a'\]; it must be a text"),
        (
            '[[command]]\ncommand = "a"\nreason = "x"\nstatus = 256\n',
            "status is 256; a program's is 0 to 255",
        ),
        ('[[command]]\ncommand = "a"\nreason = "x"\nstatus = true\n', "status is a number"),
        ('[[command]]\ncommand = "a"\nreason = "x"\npackage = 1\n', "package is 1; it must be a text"),
        ('[[command]]\ncommand = "a"\nreason = 5\n', "reason is 5; it must be a text"),
    ],
)
def test_slip_would_be_a_traceback_or_silence(text: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        ledger_entries.read(text.encode(), "mine")


def test_ledger_in_another_encoding_would_be_a_traceback() -> None:
    with pytest.raises(ToolError, match="mine: byte 1 is not UTF-8"):
        ledger_entries.read(b"#\xe4\n", "mine")


def test_sound_entry_would_be_refused() -> None:
    text = effects('{ do = "own", path = "etc/x", mode = 0o640, owner = "a:b", when = "usr/bin/x" }')
    [entry], [] = ledger_entries.read(text.encode(), "mine")
    [call] = entry.calls
    assert call.parameters == {"path": "etc/x", "mode": 0o640, "owner": "a:b", "when": "usr/bin/x"}
