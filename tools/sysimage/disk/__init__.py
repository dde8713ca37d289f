"""Phase disk: disks of which every block is checked: a file system and its hash tree, a UKI, partitions."""
