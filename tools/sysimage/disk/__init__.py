"""Phase disk: measured disks, whose every block is checked: file system, hash tree, UKI, disk image."""
