"""SystemImageInfo: a system image."""

SystemImageInfo = provider(
    doc = "A system image.",
    fields = {
        "compression": "string: `xz`, `zstd` or `none`.",
        "contents": "File: sizes, packages, and the size and origin of each path; tools/sysimage/image/contents.py has the format.",
        "digest": "File: SHA-256 of the image, in the format of sha256sum(1).",
        "image": "File: the tarball.",
        "layers": "list of Files: flat tars, each laid over those before it, that the image is made of.",
        "mtree": "File: what is in it, after mtree(5).",
        "sha384": "File: SHA-384 of the image, in the format of sha384sum(1).",
    },
)
