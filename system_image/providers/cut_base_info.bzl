"""CutBaseInfo: a flat base, cut into blocks."""

CutBaseInfo = provider(
    doc = "A flat base, cut into blocks.",
    fields = {
        "index": "File: where each block is and what is in it, JSON.",
        "slots": "list of Files with the blocks; some may be empty.",
    },
)
