"""/etc/shells, as debianutils' update-shells(8) keeps it from /usr/share/debianutils/shells.d."""

from tools.sysimage.effects.root import Root

_STATE = "var/lib/shells.state"


def update_shells(root: Root, who: str) -> None:
    """Adds the shells that packages declare, each also under its real path, and records them."""
    template = "usr/share/debianutils/shells"
    declared: dict[str, None] = {}
    sources = [template] + [
        f"usr/share/debianutils/shells.d/{name}" for name in root.names("usr/share/debianutils/shells.d")
    ]
    for source in sources:
        for line in root.text(source).splitlines():
            shell = line.partition("#")[0]
            if shell:
                folder, _, name = shell.rpartition("/")
                declared[shell] = None
                declared[f"/{root.tree.resolve(folder.strip('/'))}/{name}"] = None
    before = set(root.text(_STATE).splitlines())
    lines: list[str] = []
    present: set[str] = set()
    for line in root.text("etc/shells" if root.tree.find("etc/shells") else template).splitlines():
        shell = line.partition("#")[0]
        if not shell:
            lines.append(line)
        elif (shell in declared or shell not in before) and shell not in present:
            lines.append(line)
            present.add(shell)
    lines += [shell for shell in declared if shell not in present and shell not in before]
    root.write("etc/shells", "".join(f"{line}\n" for line in lines), origin=who)
    root.write(_STATE, "".join(f"{shell}\n" for shell in declared), origin=who)
