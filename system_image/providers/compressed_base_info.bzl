"""CompressedBaseInfo: a flat base, compressed in blocks."""

CompressedBaseInfo = provider(
    doc = "A flat base, compressed in blocks.",
    fields = {
        "compressed": "File: the base as an image of its own.",
        "compression": "string: `xz`, `zstd` or `none`.",
        "index": "File: where each block is and what is in it, JSON.",
    },
)
