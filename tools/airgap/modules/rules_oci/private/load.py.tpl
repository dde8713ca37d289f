#!/usr/bin/python3 -IS
# Written by the adapter of rules_oci: hands the image to a loader, as docker and podman take it.
import os
import shutil
import subprocess
import sys

_SETTINGS = {{settings}}


def main():
    seen = os.path.abspath(sys.argv[0])
    root = seen + ".runfiles"
    if not os.path.isdir(root):
        root = seen[: seen.rfind(".runfiles/")] + ".runfiles"
    loader = _SETTINGS["loader"] and os.path.join(root, _SETTINGS["loader"])
    loader = loader or shutil.which("docker") or shutil.which("podman")
    if not loader:
        sys.exit(
            "oci_load: %s: there is neither docker nor podman in the toolbox; name a program in 'loader', push the "
            "image to a registry with oci_push, or run this with a Bazel of the host" % _SETTINGS["label"]
        )
    files = [os.path.join(root, _SETTINGS[name]) for name in ("archive", "image", "tags")]
    writer = subprocess.Popen(["/usr/bin/python3", "-IS", *files, "/dev/stdout"], stdout=subprocess.PIPE)
    status = subprocess.run([loader, "load", "--input", "/dev/stdin"], stdin=writer.stdout).returncode
    writer.stdout.close()
    sys.exit(status or writer.wait())


main()
