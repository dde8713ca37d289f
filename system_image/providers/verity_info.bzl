"""VerityInfo: a file system with its hash tree."""

VerityInfo = provider(
    doc = "A file system with its hash tree, as dm-verity checks it: SHA-256, blocks of 4096 bytes.",
    fields = {
        "data": "File: the file system, an erofs; a multiple of 4096 bytes.",
        "hash_tree": "File: superblock and hash tree, as veritysetup(8) writes them; a multiple of 4096 bytes.",
        "root_hash": "File: 64 hexadecimal digits and a newline.",
    },
)
