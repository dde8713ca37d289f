"""The repositories that the extension `debian` makes: one for each package, and one hub for each lock."""

load(":mirrors.bzl", "mirrors")

_PACKAGE_BUILD = """\
load({rules}, "debian_package")

debian_package(
    name = "package",
    architecture = {architecture},
    deb = {deb},
    package = {package},
    sha256 = {sha256},
    version = {version},
    visibility = ["//visibility:public"],
)
"""

def _package_impl(rctx):
    attr = rctx.attr
    deb = "package.deb"
    failures = []
    for mirror in mirrors(rctx, attr.archive, attr.snapshot):
        url = mirror + "/" + attr.pool_path
        if rctx.download(url, deb, sha256 = attr.sha256, allow_fail = True).success:
            break

        # Bazel has said why in a line of its own, with both digests if they differ.
        failures.append(url)

        # buildifier: disable=print
        print("{} {}: not from {}: down, gone, or not what the lock says".format(attr.package, attr.version, url))
    if not rctx.path(deb).exists:
        fail(("{package} {version} can't be fetched (SHA-256 {sha256}), tried: {failures}; either add a mirror that has it, with " +
              "--repo_env=DEBIAN_MIRRORS={archive}=URL (a snapshot mirror keeps every version), or lock what " +
              "the mirrors have now with `{relock}`").format(
            archive = attr.archive,
            failures = ", ".join(failures),
            relock = attr.relock,
            package = attr.package,
            sha256 = attr.sha256,
            version = attr.version,
        ))
    rctx.file("BUILD.bazel", _PACKAGE_BUILD.format(
        architecture = repr(attr.architecture),
        deb = repr(deb),
        package = repr(attr.package),
        rules = repr(str(Label("//system_image/private:packages.bzl"))),
        sha256 = repr(attr.sha256),
        version = repr(attr.version),
    ))
    return _reproducible(rctx)

package_repository = repository_rule(
    implementation = _package_impl,
    doc = "One locked .deb, fetched when it is needed from the first mirror that has it.",
    attrs = {
        "architecture": attr.string(mandatory = True),
        "archive": attr.string(mandatory = True),
        "package": attr.string(mandatory = True),
        "pool_path": attr.string(mandatory = True),
        "relock": attr.string(mandatory = True),
        "sha256": attr.string(mandatory = True),
        "snapshot": attr.string(mandatory = True),
        "version": attr.string(mandatory = True),
    },
)

_HUB_HEADER = """\
load({rules}, "debian_packages")

package(default_visibility = ["//visibility:public"])
"""

_HUB_SET = """
debian_packages(
    name = {name},
    architecture = {architecture},
    relock = {relock},
    lock = "debian.lock.json",
    lock_label = {lock_label},
    manifest = "debian.toml",
    manifest_label = {manifest_label},
    packages = {packages},
    set = {set},
)
"""

_HUB_ALIAS = """
alias(
    name = {name},
    actual = select(
        {actual},
        no_match_error = {error},
    ),
)
"""

_CPUS = {"amd64": "x86_64", "arm64": "aarch64"}

def _hub_impl(rctx):
    sets = json.decode(rctx.attr.sets)
    parts = [_HUB_HEADER.format(rules = repr(str(Label("//system_image/private:packages.bzl"))))]
    for name in sorted(sets):
        actual = {}
        for architecture in sorted(sets[name]):
            target = "{}_{}".format(name, architecture)
            parts.append(_HUB_SET.format(
                name = repr(target),
                architecture = repr(architecture),
                relock = repr(rctx.attr.relock),
                lock_label = repr(_shown(rctx.attr.lock)),
                manifest_label = repr(_shown(rctx.attr.manifest)),
                packages = repr(["@{}//:package".format(repository) for repository in sets[name][architecture]]),
                set = repr(name),
            ))
            actual["@platforms//cpu:" + _CPUS[architecture]] = ":" + target
        parts.append(_HUB_ALIAS.format(
            actual = repr(actual),
            error = repr("set {} is locked for {} only".format(name, ", ".join(sorted(sets[name])))),
            name = repr(name),
        ))
    rctx.file("BUILD.bazel", "".join(parts))

    # Copies, so that users need not export the two files from their package.
    # rctx.read gives bytes as Latin-1, which must not be encoded once more (Bazel 7 would).
    for name, label in (("debian.lock.json", rctx.attr.lock), ("debian.toml", rctx.attr.manifest)):
        rctx.file(name, rctx.read(label), executable = False, legacy_utf8 = False)
    return _reproducible(rctx)

hub_repository = repository_rule(
    implementation = _hub_impl,
    doc = "A target for each package set of a lock: `@HUB//:SET`, and `@HUB//:SET_ARCHITECTURE`.",
    attrs = {
        "lock": attr.label(mandatory = True),
        "manifest": attr.label(mandatory = True),
        "relock": attr.string(mandatory = True),
        "sets": attr.string(doc = "JSON: set → architecture → list of repository names.", mandatory = True),
    },
)

def _reproducible(rctx):
    # Bazel 8.3 and later may share what says so of itself; Bazel 7.7 does not know the word.
    return rctx.repo_metadata(reproducible = True) if hasattr(rctx, "repo_metadata") else None

def _shown(label):
    # As the user writes it: the main repository has no name on the command line.
    return str(label).removeprefix("@@") if str(label).startswith("@@//") else str(label)
