"""Mirrors: where an archive can be fetched on this host. They are configuration and never locked.

The stage lock reads the same configuration in tools/sysimage/mirrors.py.
"""

_VARIABLE = "DEBIAN_MIRRORS"
_SNAPSHOT = "https://snapshot.debian.org/archive/{archive}/{snapshot}"

# What Bazel's downloader knows.
_SCHEMES = ("file", "http", "https")

def mirrors(rctx, archive, snapshot):
    """The base URLs of an archive, in the order in which they are tried.

    `DEBIAN_MIRRORS` (`--repo_env`), a list of `archive=URL` with blanks between, is taken alone where it
    names the archive; else the host's own apt sources, and after them snapshot.debian.org, which keeps
    what mirrors have dropped.

    Args:
      rctx: the repository context.
      archive: the archive's name, such as `debian` or `debian-security`.
      snapshot: time stamp of the lock, such as `20260131T120000Z`.

    Returns:
      A list of URLs without a slash at the end.
    """
    configured = []
    for item in _words(rctx.getenv(_VARIABLE, "")):
        name, _, url = item.partition("=")
        if not name or url.split("://")[0] not in _SCHEMES:
            fail("{}: {} is not archive=URL, as in debian=http://mirror.example/debian".format(
                _VARIABLE,
                repr(without_credentials(item)),
            ))
        if name == archive:
            configured.append(url.rstrip("/"))
    if configured:
        return configured
    return serving(_apt_sources(rctx), archive) + [_SNAPSHOT.format(archive = archive, snapshot = snapshot)]

def without_credentials(url):
    """A URL as messages show it.

    Args:
      url: the URL.

    Returns:
      The same without user and password.
    """
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]

def credentials(url):
    """User and password of a URL, as curl and apt take them.

    Args:
      url: the URL.

    Returns:
      None, or an entry of the argument `auth` of repository_ctx.download.
    """
    userinfo = url.partition("://")[2].rpartition("@")[0]
    if not userinfo:
        return None
    login, _, password = userinfo.partition(":")
    return {"login": _decoded(login), "password": _decoded(password), "type": "basic"}

def _decoded(text):
    parts = text.split("%")
    return parts[0] + "".join([_character(part) for part in parts[1:]])

def _character(text):
    # Bytes below 128: what a password holds that a URL can't.
    code = text[:2]
    if len(code) == 2 and all([digit in "0123456789abcdefABCDEF" for digit in code.elems()]) and int(code, 16) in _ASCII:
        return _ASCII[int(code, 16)] + text[2:]
    return "%" + text

_ASCII = {
    32 + index: character
    for index, character in enumerate(" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~".elems())
}

def serving(sources, archive):
    """The base URLs of an archive among apt's sources, each once, in order.

    A URL whose last part is the archive's name serves it. One with security suites alone serves
    `debian-security`, under any path.

    Args:
      sources: list of structs with `urls` and `suites`, from `parse_one_line` and `parse_deb822`.
      archive: the archive's name.

    Returns:
      A list of URLs without a slash at the end.
    """
    found = {}
    for source in sources:
        security = source.suites and all([suite.endswith("-security") or suite.endswith("/updates") for suite in source.suites])
        for url in source.urls:
            url = url.rstrip("/")
            scheme, _, rest = url.partition(":")
            name = rest.rpartition("/")[2]
            if scheme in _SCHEMES and (name == archive or (security and archive == "debian-security")):
                found[url] = True
    return found.keys()

def parse_one_line(text):
    """Reads a `.list` file of apt, after sources.list(5): lines `deb [options] URL suite component…`.

    Args:
      text: the file's content.

    Returns:
      A list of structs with `urls` and `suites`.
    """
    sources = []
    for line in text.splitlines():
        words = _words(line.partition("#")[0])
        if words[:1] != ["deb"]:
            continue
        if len(words) > 1 and words[1].startswith("["):
            ends = [index for index, word in enumerate(words) if word.endswith("]")]
            words = words[:1] + words[ends[0] + 1:] if ends else []
        if len(words) > 2:
            sources.append(struct(suites = [words[2]], urls = [words[1]]))
    return sources

def parse_deb822(text):
    """Reads a `.sources` file of apt, after sources.list(5): stanzas with Types, URIs, Suites, Enabled.

    Args:
      text: the file's content.

    Returns:
      A list of structs with `urls` and `suites`.
    """
    sources = []
    fields = {}
    name = ""
    for line in text.splitlines() + [""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            enabled = fields.get("enabled", "yes").strip().lower()
            if enabled not in ("0", "disable", "false", "no", "off", "without") and "deb" in _words(fields.get("types", "")):
                sources.append(struct(
                    suites = _words(fields.get("suites", "")),
                    urls = _words(fields.get("uris", "")),
                ))
            fields = {}
        elif line[0] in (" ", "\t"):
            fields[name] = fields.get(name, "") + " " + line
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value
    return sources

def _words(text):
    return [word for word in text.replace("\t", " ").replace("\n", " ").split(" ") if word]

def _apt_sources(rctx):
    sources = []
    paths = [rctx.path("/etc/apt/sources.list")]
    folder = rctx.path("/etc/apt/sources.list.d")
    if folder.exists:
        paths.extend(sorted(folder.readdir(watch = "no"), key = lambda path: path.basename))
    for path in paths:
        if path.basename.endswith(".list"):
            sources.extend(parse_one_line(_read(rctx, path)))
        elif path.basename.endswith(".sources"):
            sources.extend(parse_deb822(_read(rctx, path)))
    return [struct(suites = source.suites, urls = _expand(rctx, source.urls)) for source in sources]

def _expand(rctx, urls):
    # mirror+file:LIST, as on Debian's cloud images: a file with a URL a line.
    expanded = []
    for url in urls:
        if url.startswith("mirror+file:"):
            path = rctx.path("/" + url.removeprefix("mirror+file:").lstrip("/"))
            lines = [_words(line) for line in _read(rctx, path).splitlines() if not line.startswith("#")]
            expanded.extend([words[0] for words in lines if words])
        else:
            expanded.append(url)
    return expanded

def _read(rctx, path):
    # The host's mirrors decide where a package comes from, never what it is, so that nothing has to be
    # fetched anew when they change: the files are not watched.
    return rctx.read(path, watch = "no") if path.exists else ""
