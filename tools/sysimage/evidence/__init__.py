"""Phase evidence: what is in an image, where it is from, and what changed."""
