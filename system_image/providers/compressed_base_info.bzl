"""CompressedBaseInfo: a flat base, compressed in blocks."""

CompressedBaseInfo = provider(
    doc = "A flat base, compressed in blocks.",
    fields = {
        "compression": "string: `xz`, `zstd` or `none`.",
        "index": "File: where each block is and what is in it, JSON.",
        "slots": "list of Files with the compressed blocks; some may be empty.",
    },
)
