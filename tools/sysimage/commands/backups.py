"""Backups of files that cp, install, ln and mv are about to replace (--backup, --suffix)."""

from dataclasses import dataclass

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.coreutils_words import exists, not_modelled
from tools.sysimage.commands.options import Given

OPTIONS = ("-b", "--backup[=]", "-S --suffix=")
_KINDS = {
    "none": "",
    "off": "",
    "numbered": "numbered",
    "t": "numbered",
    "existing": "existing",
    "nil": "existing",
    "simple": "simple",
    "never": "simple",
}


@dataclass(frozen=True, slots=True)
class Backups:
    """How backups are named; `kind` is "" if none are made."""

    kind: str
    suffix: str

    def name(self, call: Call, path: str) -> str:
        """Returns the name of a backup."""
        path = path.rstrip("/")
        number = 0
        if self.kind != "simple":
            folder, slash, base = path.rpartition("/")
            try:
                names = call.files.names(call.path(folder or (slash or ".")))
            except OSError:
                names = ()
            for name in names:
                middle = name.removeprefix(f"{base}.~").removesuffix("~")
                if name == f"{base}.~{middle}~" and middle.isdigit() and middle[0] != "0":
                    number = max(number, int(middle))
        if self.kind == "numbered" or number:
            return f"{path}.~{number + 1}~"
        return path + self.suffix

    def make(self, call: Call, path: str) -> str:
        """Renames what will be replaced. Returns its new name, "" if it has none. Raises OSError."""
        if not self.kind or not exists(call, path, follow=False):
            return ""
        name = self.name(call, path)
        call.files.rename(call.path(path.rstrip("/")), call.path(name))
        return name


def backups(call: Call, given: Given) -> Backups:
    """Returns what the options and the environment ask for."""
    suffix = given.value("suffix") or call.variable("SIMPLE_BACKUP_SUFFIX") or "~"
    if not {"b", "backup", "suffix"} & {name for name, _ in given.options}:
        return Backups("", suffix)
    text = given.value("backup") or call.variable("VERSION_CONTROL") or "existing"
    if text not in _KINDS:
        not_modelled(call, f"--backup={text}")
    return Backups(_KINDS[text], suffix)
