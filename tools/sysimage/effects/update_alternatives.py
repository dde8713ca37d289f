"""update-alternatives(1), as dpkg 1.22 has it: modes, slaves, links that are renamed, repaired or kept.

Its log, /var/log/alternatives.log, holds times and is not written.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sysimage.effects.alternative_groups import TEMPORARY, Choice, Database, Disk, Failure, Group

type Say = Callable[[int, str], None]
"""Takes a descriptor and a line for it."""


@dataclass(slots=True)
class Alternatives:
    """What a call of update-alternatives works on. Its actions raise Failure."""

    disk: Disk
    database: Database
    folder: str  # "/etc/alternatives"
    say: Say
    verbosity: int = 0  # -1: --quiet, 1: --verbose, 2: --debug
    force: bool = False
    _moves: list[tuple[str, str]] = field(default_factory=list)  # what to rename, or with "" to remove
    _current: dict[str, str | None] = field(default_factory=dict)

    def warn(self, message: str) -> None:
        """Says a warning."""
        if self.verbosity >= 0:
            self.say(2, f"update-alternatives: warning: {message}")

    def info(self, message: str) -> None:
        """Says what is done."""
        if self.verbosity >= 0:
            self.say(1, f"update-alternatives: {message}")

    def verbose(self, message: str) -> None:
        """Says what --verbose is for."""
        if self.verbosity >= 1:
            self.say(1, f"update-alternatives: {message}")

    def load(self, name: str) -> Group | None:
        """Reads a group; None if there is none."""
        return self.database.load(self.disk, name, self.warn)

    def all(self) -> list[Group]:
        """Reads all groups, without those that are broken."""
        loaded = (self.database.load(self.disk, name, None) for name in self.database.names())
        return [group for group in loaded if group is not None]

    def current(self, name: str) -> str | None:
        """Returns what the link of a group in the folder points to, None if there is none."""
        if name not in self._current:
            path = f"{self.folder}/{name}"
            if self.disk.classify(path) == "other":
                raise Failure(f"cannot stat file '{self.disk.instdir}{path}': Invalid argument")
            self._current[name] = self.disk.target(path)
        return self._current[name]

    def best(self, group: Group) -> Choice | None:
        """Returns the choice with the highest priority: of several the current one, or the first."""
        found = group.choices.get(self.current(group.name) or "")
        for choice in group.choices.values():
            if found is None or choice.priority > found.priority:
                found = choice
        return found

    def select_mode(self, group: Group) -> None:
        """Finds out whether a person has changed the link."""
        current = self.current(group.name)
        where = f"{self.disk.instdir}{self.folder}/{group.name}"
        if current is None:
            self.verbose(f"setting up automatic selection of {group.name}")
            group.set_status("auto")
        elif current not in group.choices:
            if self.disk.missing(current):
                self.warn(f"{where} is dangling; it will be updated with best choice")
                group.set_status("auto")
            elif group.status != "manual":
                self.warn(
                    f"{where} has been changed (manually or by a script); switching to manual updates only"
                )
                group.set_status("manual")

    def install(self, group: Group | None, new: Group, choice: Choice) -> tuple[Group, str | None]:
        """Adds a choice. Returns the group and the choice that is wanted."""
        if group is None:
            group = new
        else:
            self._evolve(group, new, choice)
        group.choices[choice.path] = choice
        group.modified = True
        if group.status == "auto":
            best = self.best(group)
            return group, best.path if best else None
        self.verbose(f"automatic updates of {self.folder}/{group.name} are disabled; leaving it alone")
        self.verbose(f"to return to automatic updates use 'update-alternatives --auto {group.name}'")
        return group, None

    def _evolve(self, group: Group, new: Group, choice: Choice) -> None:
        if group.link != new.link and self.disk.classify(group.link) == "link":
            before, after = self.disk.instdir + group.link, self.disk.instdir + new.link
            self.info(f"renaming {new.name} link from {before} to {after}")
            self.disk.rename(group.link, new.link)
        group.set_link(new.link)
        for name, link in new.slaves.items():
            updated = name not in group.slaves
            old = group.slaves.get(name, link)
            if old != link and self.disk.classify(old) == "link":
                if self.current(group.name) == choice.path:
                    target = choice.slaves.get(name)
                else:
                    target = self.disk.target(f"{self.folder}/{name}")
                if target and not self.disk.missing(target):
                    before, after = self.disk.instdir + old, self.disk.instdir + link
                    self.info(f"renaming {name} slave link from {before} to {after}")
                    self.disk.rename(old, link)
                else:
                    self.disk.remove(old)
                updated = True
            group.slaves[name] = link
            group.updated.discard(name)
            if updated:
                group.updated.add(name)

    def remove(self, group: Group, path: str) -> str | None:
        """Removes a choice. Returns the choice that is wanted in its place, None if nothing is."""
        if group.choices.pop(path, None) is None:
            self.verbose(f"alternative {path} for {group.name} not registered; not removing")
        else:
            group.modified = True
        if self.current(group.name) != path:
            return None
        if group.status == "manual":
            self.info(f"removing manually selected alternative - switching {group.name} to auto mode")
            group.set_status("auto")
        best = self.best(group)
        return best.path if best else None

    def set_manual(self, group: Group, path: str) -> str:
        """Chooses by hand. Returns the choice."""
        if path not in group.choices:
            raise Failure(f"alternative {path} for {group.name} not registered; not setting")
        group.set_status("manual")
        return path

    def set_auto(self, group: Group) -> str | None:
        """Goes back to automatic mode. Returns the choice."""
        group.set_status("auto")
        if not group.choices:
            self.info(f"there is no program which provides {group.name}")
            return None
        best = self.best(group)
        return best.path if best else None

    def update(self, group: Group, wanted: str | None) -> None:
        """Carries out what an action has decided: links, then the database, then the links' names."""
        if not group.choices:
            self._remove_all(group)
            return
        current = self.current(group.name)
        if wanted and wanted != current:
            self.info(f"using {wanted} to provide {group.link} ({group.name}) in {group.status} mode")
            self._prepare(group, wanted)
        elif reason := self._needs_update(group):
            if reason == "slaves":
                self.info(
                    f"updating alternative {current} because link group {group.name} has changed slave links"
                )
            else:
                self.warn(
                    f"forcing reinstallation of alternative {current or '(null)'} because link group "
                    f"{group.name} is broken"
                )
            best = self.best(group)
            if current and current not in group.choices and best:
                self.warn(
                    f"current alternative {current} is unknown, switching to {best.path} for link group "
                    f"{group.name}"
                )
                current = best.path
                group.set_status("auto")
            if current:
                self._prepare(group, current)
        if group.modified:
            self.database.save(group, self.verbose)
        for old, new in self._moves:
            if new:
                self.disk.rename(old, new)
            else:
                self.disk.remove(old)
        self._moves.clear()

    def _needs_update(self, group: Group) -> str:
        """Returns why links have to be made anew: "broken", "slaves"; "" if they don't."""
        if self.disk.target(group.link) != f"{self.folder}/{group.name}":
            return "broken"
        current = self.current(group.name)
        if current is None:
            return "broken"
        choice = group.choices.get(current)
        reason = ""
        for name in group.slaves if choice else ():
            if choice and self._broken(group, choice, name):
                if name not in group.updated:
                    return "broken"
                reason = "slaves"
        return reason

    def _broken(self, group: Group, choice: Choice, name: str) -> bool:
        link, inner = group.slaves[name], f"{self.folder}/{name}"
        if self._can_install(choice, name):
            return self.disk.target(link) != inner or self.disk.target(inner) != choice.slaves[name]
        return self.disk.classify(link) != "missing" or self.disk.classify(inner) != "missing"

    def _can_install(self, choice: Choice, name: str) -> bool:
        path = choice.slaves.get(name)
        return bool(path) and not self.disk.missing(path or "")

    def _can_remove(self, path: str) -> bool:
        return self.force or self.disk.classify(path) != "other"

    def _prepare(self, group: Group, path: str) -> None:
        choice = group.choices.get(path)
        if choice is None:
            raise Failure(f"can't install unknown choice {path}")
        self._prepare_one(group.name, group.link, path)
        for name, link in group.slaves.items():
            target = choice.slaves.get(name)
            if target and self._can_install(choice, name):
                self._prepare_one(name, link, target)
                continue
            if target:
                self.warn(
                    f"skip creation of {link} because associated file {target} (of link group {group.name})"
                    " doesn't exist"
                )
            if self._can_remove(link):
                self._moves.append((link, ""))
            else:
                self.warn(f"not removing {link} since it's not a symlink")
            self._moves.append((f"{self.folder}/{name}", ""))

    def _prepare_one(self, name: str, link: str, target: str) -> None:
        if self.disk.missing(self.folder):
            self.disk.make_directory(self.folder)
        inner = f"{self.folder}/{name}"
        self.disk.symlink(target, inner + TEMPORARY)
        self._moves.append((inner + TEMPORARY, inner))
        if not self.force:
            kind = self.disk.classify(link)
            if kind == "other":
                self.warn(f"not replacing {link} with a link")
                return
            if kind == "link" and self.disk.target(link) == inner:
                return
        self.disk.symlink(inner, link + TEMPORARY)
        self._moves.append((link + TEMPORARY, link))

    def _remove_all(self, group: Group) -> None:
        for name, link in ((group.name, group.link), *group.slaves.items()):
            self.disk.remove(link + TEMPORARY)
            if self._can_remove(link):
                self.disk.remove(link)
            self.disk.remove(f"{self.folder}/{name}{TEMPORARY}")
            self.disk.remove(f"{self.folder}/{name}")
        self.database.remove(group.name)
