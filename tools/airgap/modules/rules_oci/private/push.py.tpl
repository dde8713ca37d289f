#!/usr/bin/python3 -IS
# Written by the adapter of rules_oci: pushes the image by its digest, then tags it, with crane.
import json
import os
import subprocess
import sys

_SETTINGS = {{settings}}


def _runfiles():
    seen = os.path.abspath(sys.argv[0])
    at = seen.rfind(".runfiles/")
    for folder in (seen + ".runfiles", seen[:at] + ".runfiles", os.environ.get("RUNFILES_DIR", "")):
        if os.path.exists(os.path.join(folder, _SETTINGS["image"], "index.json")):
            return folder
    sys.exit("oci_push: can't find the image; start this with bazel run")


def _options(arguments):
    """Repository, tags and what is left for crane, from the command line."""
    repository, tags, rest = _SETTINGS["repository"], [], []
    arguments = list(arguments)
    while arguments:
        argument = arguments.pop(0)
        name, equals, value = argument.partition("=")
        if name not in ("-t", "--tag", "-r", "--repository"):
            rest.append(argument)
            continue
        if not equals:
            if not arguments:
                sys.exit("oci_push: %s needs a value" % argument)
            value = arguments.pop(0)
        if name in ("-t", "--tag"):
            tags.append(value)
        else:
            repository = value
    if not repository:
        sys.exit("oci_push: where to? give the attribute repository, or -- --repository NAME")
    return repository, tags, rest


def _crane(*arguments):
    status = subprocess.run(["/usr/bin/crane", *arguments]).returncode
    if status:
        sys.exit(status)


def main():
    root = _runfiles()
    repository, tags, rest = _options(sys.argv[1:])
    image = os.path.join(root, _SETTINGS["image"])
    with open(os.path.join(image, "index.json")) as file:
        reference = "%s@%s" % (repository, json.load(file)["manifests"][0]["digest"])
    if "tags" in _SETTINGS:
        with open(os.path.join(root, _SETTINGS["tags"])) as file:
            tags += file.read().split()
    _crane("push", image, reference, *rest)
    for tag in tags:
        _crane("tag", reference, tag, *rest)


main()
