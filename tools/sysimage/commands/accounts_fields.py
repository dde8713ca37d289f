"""passwd, chage, chsh, chfn (shadow), and getent."""

import re

from tools.sysimage.commands.account_files import (
    GROUP,
    GSHADOW,
    PASSWD,
    SHADOW,
    Accounts,
)
from tools.sysimage.commands.accounts_common import (
    FailureError,
    one,
)
from tools.sysimage.commands.call import Call


def passwd(call: Call) -> int:
    """passwd(1) with -l, -u, -d, -e, -S."""
    given = call.options(
        "-l --lock", "-u --unlock", "-d --delete", "-e --expire", "-q --quiet", "-S --status"
    )
    name = one(given)
    accounts = Accounts(call)
    row = accounts[SHADOW].row(name)
    if accounts.user(name) is None or row is None:
        raise FailureError(1, f"user '{name}' does not exist")
    if "lock" in given and not row[1].startswith("!"):
        row[1] = f"!{row[1]}"
    elif "unlock" in given:
        row[1] = row[1].removeprefix("!") or row[1]
    elif "delete" in given:
        row[1] = ""
    elif "lock" not in given:
        call.refuse("passwd: setting a password is not modelled")
    call.out("passwd: password changed.\n")
    accounts[SHADOW].changed = True
    accounts.save()
    return 0


def chage(call: Call) -> int:
    """chage(1), as far as it sets no date."""
    given = call.options(
        "-E --expiredate=",
        "-I --inactive=",
        "-m --mindays=",
        "-M --maxdays=",
        "-W --warndays=",
        "-d --lastday=",
        "-l --list",
    )
    name = one(given)
    accounts = Accounts(call)
    row = accounts[SHADOW].row(name)
    if row is None:
        raise FailureError(1, f"user '{name}' does not exist in /etc/shadow")
    places = {"mindays": 3, "maxdays": 4, "warndays": 5, "inactive": 6, "expiredate": 7}
    for option, value in given.options:
        if option not in places or not re.fullmatch(r"-?\d+", value or ""):
            call.refuse(f"chage: --{option} {value} is not modelled")
        row[places[option]] = "" if value == "-1" else value or ""
    accounts[SHADOW].changed = True
    accounts.save()
    return 0


def chsh(call: Call) -> int:
    """chsh(1) and chfn(1) -f."""
    given = call.options(
        "-s --shell=", "-f --full-name=", "-o --other=", "-h --home-phone=", "-r --room=", "-w --work-phone="
    )
    name = one(given)
    accounts = Accounts(call)
    row = accounts.user(name)
    if row is None:
        raise FailureError(1, f"user '{name}' does not exist")
    if "shell" in given:
        row[6] = given.value("shell")
    elif "full-name" in given:
        rest = [*row[4].split(",")[1:], "", "", ""]
        row[4] = ",".join([given.value("full-name"), *rest[: max(3, len(rest) - 3)]])
    else:
        call.refuse(f"{call.name}: these options are not modelled")
    accounts[PASSWD].changed = True
    accounts.save()
    return 0


def getent(call: Call) -> int:
    """getent(1), from files."""
    given = call.options("-s --service=", "-i --no-idn", "-A --no-addrconfig", permute=False)
    if not given.operands:
        return call.complain("wrong number of arguments")
    database, *keys = given.operands
    paths = {
        "passwd": PASSWD, "group": GROUP, "shadow": SHADOW, "gshadow": GSHADOW,
        "services": "etc/services", "protocols": "etc/protocols", "rpc": "etc/rpc",
        "networks": "etc/networks",
    }  # fmt: skip
    if database in ("hosts", "ahosts", "ahostsv4"):
        if keys == ["localhost"]:
            call.out("::1             localhost ip6-localhost ip6-loopback\n")
            return 0
        return 2
    if database not in paths:
        call.complain(f"Unknown database: {database}")
        call.out("Try `getent --help' or `getent --usage' for more information.\n")
        return 1
    lines = [
        line for line in call.root.text(paths[database]).splitlines() if line and not line.startswith("#")
    ]
    if not keys:
        call.out("".join(f"{line}\n" for line in lines))
        return 0
    status = 0
    for key in keys:
        if paths[database] not in (PASSWD, GROUP, SHADOW, GSHADOW):
            if not any(key in line.partition("#")[0].split() for line in lines):
                status = 2
            else:
                call.refuse(f"getent: the answer from {database} is not modelled")
            continue
        found = next(
            (
                line
                for line in lines
                if (f := line.split(":"))[0] == key or (key.isdigit() and f[2:3] == [key])
            ),
            None,
        )
        if found is None:
            status = 2
        else:
            call.out(f"{found}\n")
    return status
