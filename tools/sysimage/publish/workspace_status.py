"""What a workspace status command says of the source: its commit, and where it can be read."""

from urllib.parse import urlsplit, urlunsplit


def status_values(text: str) -> dict[str, str]:
    """The output of a workspace status command: on each line, a key and its value."""
    pairs = (line.partition(" ") for line in text.splitlines())
    return {key: value for key, _, value in pairs if value}


def public(url: str) -> str:
    """The public URL of a Git remote: HTTPS, without user, password and suffix; "" for a local one."""
    if "://" not in url and ":" in url.partition("/")[0]:
        host, _, path = url.partition(":")  # scp's way: git@host:path
        url = f"ssh://{host}/{path.lstrip('/')}"
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http", "ssh", "git"):
        return ""  # a folder of this machine
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port and parts.scheme in ("https", "http") else ""
    scheme = "http" if parts.scheme == "http" else "https"
    return urlunsplit((scheme, host + port, parts.path.removesuffix("/").removesuffix(".git"), "", ""))
