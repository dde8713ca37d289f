"""RootfsInfo: a root filesystem, for another one that extends it."""

RootfsInfo = provider(
    doc = "A root filesystem, for another one that extends it.",
    fields = {
        "fields": "dict: what its manifest says beside its packages, that of its own base included.",
        "inputs": "depset of Files: what these fields name, beside `policies`.",
        "packages": "DebianPackagesInfo: its packages, those of its own base included.",
        "policies": "depset of Files: the policies and ledgers that these fields name.",
        "whole": "File: the whole tree as a tar, that of its own base included.",
    },
)
