"""RootfsInfo: a root filesystem, for another one that extends it."""

RootfsInfo = provider(
    doc = "A root filesystem, for another one that extends it.",
    fields = {
        "fields": "dict: the fields of its manifest except the packages, with those of its own base.",
        "inputs": "depset of Files: the files that these fields name, except `policies`.",
        "packages": "DebianPackagesInfo: its packages, those of its own base included.",
        "policies": "depset of Files: the policies and ledgers that these fields name.",
        "whole": "File: the whole tree as a tar, that of its own base included.",
    },
)
