"""DebianPackageInfo: one locked Debian package."""

DebianPackageInfo = provider(
    doc = "One locked Debian package.",
    fields = {
        "architecture": "string: the package's architecture, `amd64`, `arm64` or `all`.",
        "deb": "File: the .deb, verified by its SHA-256.",
        "package": "string: the package's name.",
        "sha256": "string: SHA-256 of the .deb, hexadecimal.",
        "version": "string: the package's version.",
    },
)
