"""Mirrors: where an archive can be fetched on this host. They are configuration and never locked."""

_SNAPSHOT = "https://snapshot.debian.org/archive/{archive}/{snapshot}"

def mirrors(rctx, archive, snapshot):
    """The base URLs of an archive, in the order in which they are to be tried.

    `DEBIAN_MIRRORS` (`--repo_env`), a list of `archive=URL` with blanks between, is taken alone where it
    names the archive; else the host's own apt sources, then snapshot.debian.org.

    Args:
      rctx: the repository context.
      archive: the archive's name, such as `debian` or `debian-security`.
      snapshot: time stamp of the lock, such as `20260131T120000Z`.

    Returns:
      A list of URLs without a slash at the end.
    """
    configured = []
    for item in rctx.getenv("DEBIAN_MIRRORS", "").split(" "):
        if not item:
            continue
        name, separator, url = item.partition("=")
        if not separator or "://" not in url:
            fail("DEBIAN_MIRRORS: {} is no archive=URL; write for instance debian=https://mirror.example/debian".format(repr(item)))
        if name == archive:
            configured.append(url.rstrip("/"))
    if configured:
        return configured
    found = [url for url in apt_mirrors(_sources(rctx)) if url.rpartition("/")[2] == archive]
    return found + [_SNAPSHOT.format(archive = archive, snapshot = snapshot)]

def apt_mirrors(texts):
    """The base URLs in apt's sources, after sources.list(5), each once, in order.

    Args:
      texts: list of (name, content): a name that ends in `.sources` is deb822, any other one line a source.

    Returns:
      A list of URLs without a slash at the end. Only http, https and file are known to Bazel's downloader.
    """
    urls = {}
    for name, text in texts:
        words = _deb822(text) if name.endswith(".sources") else _one_line(text)
        for word in words:
            if word.split("://")[0] in ("http", "https", "file"):
                urls[word.rstrip("/")] = True
    return urls.keys()

def _one_line(text):
    words = []
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("deb ") or line.startswith("deb\t"):
            # Options stand in brackets before the URL and hold none themselves.
            words.extend([word for word in line.replace("\t", " ").split(" ") if "://" in word][:1])
    return words

def _deb822(text):
    words = []
    enabled = True
    pending = []
    for line in text.splitlines() + [""]:
        key, _, value = line.partition(":")
        if not line.strip():
            words.extend(pending if enabled else [])
            enabled = True
            pending = []
        elif line.startswith("#"):
            continue
        elif line[0] in (" ", "\t"):
            # A value that goes on; only URIs hold what looks like a URL.
            pending.extend([word for word in line.split(" ") if "://" in word])
        elif key.lower() == "uris":
            pending.extend([word for word in value.split(" ") if word])
        elif key.lower() == "enabled":
            enabled = value.strip().lower() not in ("no", "false", "0", "off")
    return words

def _sources(rctx):
    # The host's mirrors decide where a package comes from, never what it is, so that nothing has to be
    # fetched anew when they change: the files are not watched.
    texts = []
    paths = [rctx.path("/etc/apt/sources.list")]
    folder = rctx.path("/etc/apt/sources.list.d")
    if folder.exists:
        paths.extend(sorted(folder.readdir(watch = "no"), key = lambda path: path.basename))
    for path in paths:
        if path.exists and (path.basename.endswith(".list") or path.basename.endswith(".sources")):
            texts.append((path.basename, rctx.read(path, watch = "no")))
    return texts
