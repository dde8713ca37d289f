"""ImageFactsInfo: what is known of a system image."""

ImageFactsInfo = provider(
    doc = "What is known of a system image.",
    fields = {
        "bases": "list of structs: `label`, a string, and `layout`, a File: the OCI images that it is made of.",
        "effects": "list of Files: what scripts did to its root filesystems, JSON.",
        "facts": "File: packages, paths, users, units and where each is from, JSON; tools/sysimage/evidence/facts.py says how.",
        "image": "SystemImageInfo: the image.",
        "label": "Label: of the image.",
        "locks": "list of Files: the locks that its packages are of.",
    },
)
