"""Debian's packages: what dpkg unpacks and records, in which order, and the mirrors that have them."""
