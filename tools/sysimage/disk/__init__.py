"""Phase disk: measured disks, of which every block is checked: file system with its hash tree, UKI, disk image."""
