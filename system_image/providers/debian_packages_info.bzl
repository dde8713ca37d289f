"""DebianPackagesInfo: a package set of the lock, resolved for one architecture."""

DebianPackagesInfo = provider(
    doc = "A package set of the lock, resolved for one architecture.",
    fields = {
        "architecture": "string: the architecture that the set is resolved for, `amd64` or `arm64`.",
        "checked": "File: made only if the lock fits its manifest; an input of every action that uses the set.",
        "lock": "File: the lock that the set is in.",
        "packages": "list of DebianPackageInfo, sorted by name: the whole closure.",
        "set": "string: the set's name in the manifest.",
    },
)
