"""What every phase uses: the tree, errors, files that are whole or absent, architectures. Imports no other phase."""
