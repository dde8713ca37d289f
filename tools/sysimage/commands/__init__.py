"""What maintainer scripts call: commands over a tree, by family, and how dpkg starts a script."""
