"""Phase image: a base and what is laid on it become a system image."""
