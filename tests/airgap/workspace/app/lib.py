"""Imported by its path from the repository's root."""

VALUE = "lib"
