"""Readers and writers of file formats: tar, cpio, xz, ELF, ar, mtree, OCI. They know nothing of Debian."""
