"""Which of Debian's keys sign which suite: what an imported manifest pins.

As the InRelease files say; the certificates are in debian-archive.asc.
"""

AUTOMATIC = "Archive Automatic Signing"
SECURITY = "Security Archive Automatic Signing"
STABLE = "Stable Release"

KEYS = {
    "11/bullseye": {
        AUTOMATIC: "1F89983E0081FDE018F3CC9673A4F27B8DD47936",
        SECURITY: "AC530D520F2F3269F5E98313A48449044AAD5C5D",
        STABLE: "A4285295FC7B1A81600062A9605C66F00D6C9793",
    },
    "12/bookworm": {
        AUTOMATIC: "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
        SECURITY: "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
        STABLE: "4D64FEC119C2029067D6E791F8D2585B8783D481",
    },
    "13/trixie": {
        AUTOMATIC: "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
        SECURITY: "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
        STABLE: "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
    },
}
"""Release → kind of key → fingerprint of its certificate, which is that of `Debian KIND Key (RELEASE)`."""

_OWN = {release.partition("/")[2]: release for release in KEYS}
# They have no keys of their own yet, and are signed by those of the two releases before.
_BORROWED = dict.fromkeys(("forky", "sid", "unstable"), ("12/bookworm", "13/trixie"))

CODENAMES = (*_OWN, *_BORROWED)


def signers(archive: str, suite: str) -> dict[str, str]:
    """The keys to pin for a suite of Debian: fingerprint → name; none if the suite is not known.

    A suite is signed by keys of the release before it, too; they are left out where it has its own.
    """
    codename, _, rest = suite.partition("-")
    if archive == "debian" and rest in ("", "updates", "proposed-updates"):
        kinds = [AUTOMATIC, STABLE] if codename in _OWN and not rest else [AUTOMATIC]
    elif archive == "debian-security" and rest == "security":
        kinds = [SECURITY]
    else:
        return {}
    releases = (_OWN[codename],) if codename in _OWN else _BORROWED.get(codename, ())
    return {KEYS[release][kind]: f"Debian {kind} Key ({release})" for release in releases for kind in kinds}
