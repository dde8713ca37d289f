"""Phase rootfs: a package set becomes a root filesystem."""
