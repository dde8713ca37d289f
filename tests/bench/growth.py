"""Measures how time and memory of the stages install and rootfs grow with the number of packages.

    tools/bazel run //tests/bench:growth -- [NUMBER…]        (default: 75 150 300 600)

The packages are made up: each has the size and the number of files of an average one of vanilla, depends on
some others, and has a service and a user, as debhelper's sections make them. Says the seconds and the MiB for
each number, and what one package takes. The exit status is 0 if the growth is linear at most: of the largest
number, a package takes no more than one and a half times what it takes of the smallest.
"""

import json
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measure import Cost, measure
from tests.testing.debs import Deb, File, Node
from tools.sysimage.core import errors

_FILES, _SIZE = 60, 30 << 10  # of one package: files, bytes of each
_CONFIGURE = "".join(
    f'{"if" if word == "configure" else " ||"} [ "$1" = "{word}" ]'
    for word in ("configure", "abort-upgrade", "abort-deconfigure", "abort-remove")
)
_POSTINST = (
    f"#!/bin/sh\nset -e\n# Automatically added by dh_installsysusers/13\n{_CONFIGURE} ; then\n"
    '   systemd-sysusers ${{DPKG_ROOT:+--root="$DPKG_ROOT"}} {name}.conf\n'
    "fi\n# End automatically added section\n"
)


def package(number: int, chance: random.Random) -> Deb:
    """One package of many."""
    name = f"package-{number}"
    half = chance.randbytes(_SIZE // 2)
    paths: dict[str, Node] = {
        f"usr/lib/{name}/{at}": half + f"{name} {at} ".encode() * (_SIZE // 40) for at in range(_FILES)
    }
    if not number:
        # What postinst scripts call has to be there.
        paths["usr/bin/systemd-sysusers"] = File(b"", mode=0o755)
    # More than that there are no numbers for.
    if number % 10 == 0:
        paths[f"usr/lib/sysusers.d/{name}.conf"] = f"u user-{number} -\n"
    some = {"package-0", *(f"package-{chance.randrange(number)}" for _ in range(3))} if number else set()
    needs = ", ".join(sorted(some))
    return Deb(
        name,
        paths,
        {"Depends": needs} if needs else {},
        {"postinst": _POSTINST.format(name=name)} if number % 10 == 0 else {},
    )


def cost(manifest: Path) -> Cost:
    """What the stages cost, in a process of their own."""
    out = Path(f"{manifest}.tar")
    words = [sys.executable, "-m", "tests.testing.filesystems"]
    words += ["--manifest", str(manifest), "--output", str(out)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    found = measure(words, environ=environ)
    out.unlink()
    return found


def main(argv: Sequence[str]) -> int:
    """Makes packages, measures, prints."""
    counts = sorted(map(int, argv)) or [75, 150, 300, 600]
    costs = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        chance = random.Random(1)
        base = Deb(
            "base",
            {
                "etc/passwd": "root:*:0:0::/:/bin/sh\n",
                "etc/group": "root:*:0:\n",
                "usr/bin/x": File("", 0o755),
            },
            {"Essential": "yes"},
        )
        listed = [{"name": "base", "deb": str(base.write(Path(folder)))}]
        for count in counts:
            for number in range(len(listed) - 1, count - 1):
                deb = package(number, chance)
                listed.append({"name": deb.name, "deb": str(deb.write(Path(folder)))})
            manifest = Path(folder) / "manifest.json"
            manifest.write_text(json.dumps({"architecture": "amd64", "packages": listed}))
            best = min((cost(manifest) for _ in range(3)), key=lambda found: found.wall)
            seconds, memory = best.wall, best.memory
            costs.append(seconds / count)
            print(
                f"{count} packages: {seconds:.2f} s, {memory:.0f} MiB; one {1000 * seconds / count:.1f} ms",
                flush=True,
            )
    return 0 if costs[-1] <= 1.5 * costs[0] else 1


if __name__ == "__main__":
    errors.run(main)
