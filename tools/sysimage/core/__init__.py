"""What every phase uses: the tree, errors, whole-or-absent files, architectures. It imports no phase."""
