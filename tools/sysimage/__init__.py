"""The tools behind the rules: one stage a module, and what the stages share (tree, tar, deb, oci, xz)."""
