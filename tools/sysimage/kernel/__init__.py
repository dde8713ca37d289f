"""Phase kernel: a kernel, modules that are built for it, and the first-stage loader."""
