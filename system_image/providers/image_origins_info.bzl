"""ImageOriginsInfo: who put what into an image."""

ImageOriginsInfo = provider(
    doc = "Who put what into an image.",
    fields = {
        "bases": "list of structs: `label`, a string, and `layout`, a File: the OCI images that it is made of.",
        "effects": "list of Files: what scripts did to its root filesystems, JSON.",
        "labels": "dict, path → string: the label of the target that is laid there.",
        "layers": "list of structs: `label`, a string, and `tar`, a File: layers that are no root filesystem.",
        "packages": "dict, name of a set → DebianPackagesInfo.",
        "program": "Label: of a program built for the guest, the one that it is built of; else None.",
        "stages": "dict, string → File: what each target made on the way to the image, in the order of the pipeline.",
    },
)
