"""The repositories that the extension `debian` makes: one for each package, and one hub for each lock."""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "read_user_netrc", "use_netrc")
load("//system_image/private/core:architecture.bzl", "ARCHITECTURES")
load(":mirrors.bzl", "credentials", "mirrors", "without_credentials")

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
        url = without_credentials(mirror) + "/" + attr.pool_path
        own = credentials(mirror)
        auth = {url: own} if own else use_netrc(read_user_netrc(rctx), [url], {})
        if rctx.download(url, deb, sha256 = attr.sha256, allow_fail = True, auth = auth).success:
            break

        # Bazel has said why in a line of its own, with both digests if they differ.
        failures.append(url)

        # buildifier: disable=print
        print("{} {}: not from {}: down, gone, or not what the lock says".format(attr.package, attr.version, url))
    if not rctx.path(deb).exists:
        fail("{} {} can't be fetched (SHA-256 {}), tried: {}; {}".format(
            attr.package,
            attr.version,
            attr.sha256,
            ", ".join(failures),
            _ways_out(attr),
        ))
    rctx.file("BUILD.bazel", _PACKAGE_BUILD.format(
        architecture = repr(attr.architecture),
        deb = repr(deb),
        package = repr(attr.package),
        rules = repr(str(Label("//system_image/private/lock:packages.bzl"))),
        sha256 = repr(attr.sha256),
        version = repr(attr.version),
    ))
    return _reproducible(rctx)

def _ways_out(attr):
    relock = "`{} -- --update {}`".format(attr.relock, attr.package)
    if attr.owner:
        second = "take a version of the module {} that locks what the mirrors have now (there: {})".format(attr.owner, relock)
    else:
        second = "lock what the mirrors have now with " + relock
    return ("either name a snapshot mirror, which keeps every version, with " +
            "--repo_env=DEBIAN_MIRRORS={}=URL, or {}").format(attr.archive, second)

package_repository = repository_rule(
    implementation = _package_impl,
    doc = "One locked .deb, fetched when it is needed from the first mirror that has it.",
    attrs = {
        "architecture": attr.string(mandatory = True),
        "archive": attr.string(mandatory = True),
        "owner": attr.string(doc = "The module whose lock it is, if not the main one's."),
        "package": attr.string(mandatory = True),
        "pool_path": attr.string(mandatory = True),
        "relock": attr.string(mandatory = True),
        "sha256": attr.string(mandatory = True),
        "snapshot": attr.string(mandatory = True),
        "version": attr.string(mandatory = True),
    },
)

_HUB_HEADER = """\
load({packages}, "debian_packages", "unlocked_packages")
load({compare}, "compare_program")
load({ledger}, "ledger_program")
load({lock}, "lock_program")

package(default_visibility = ["//visibility:public"])
"""

_HUB_LOCK = """
lock_program(
    name = "lock",
    lock = {lock},
    manifest = {manifest},
)
"""

_HUB_LEDGER = """
ledger_program(
    name = "ledger",
    lock = {lock},
)
"""

_HUB_COMPARE = """
compare_program(
    name = "compare",
    lock = {lock},
)
"""

_HUB_UNLOCKED = """
unlocked_packages(
    name = {name},
    problem = {problem},
)
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

def _hub_impl(rctx):
    parts = [_HUB_HEADER.format(
        compare = repr(str(Label("//system_image/private/rootfs:compare.bzl"))),
        ledger = repr(str(Label("//system_image/private/rootfs:ledger_report.bzl"))),
        lock = repr(str(Label("//system_image/private/lock:lock.bzl"))),
        packages = repr(str(Label("//system_image/private/lock:packages.bzl"))),
    )]
    if rctx.attr.writable:
        parts.append(_HUB_LOCK.format(
            lock = repr(_path(rctx.attr.lock)),
            manifest = repr(_path(rctx.attr.manifest)),
        ))
    parts.extend(_unlocked(_manifest_sets(rctx), rctx.attr.problem) if rctx.attr.problem else _locked(rctx))
    rctx.file("BUILD.bazel", "".join(parts))
    return _reproducible(rctx)

def _manifest_sets(rctx):
    # For the message alone, so this need not be TOML's whole grammar: a set that is missed here is one of
    # which Bazel says that it does not exist.
    names = {}
    manifest = rctx.path(rctx.attr.manifest)

    # There is none before `--import` has written it.
    for line in rctx.read(manifest).splitlines() if manifest.exists else []:
        name = line.removeprefix("[set.").partition("]")[0]
        if line.startswith("[set.") and name.replace("-", "").replace("_", "").isalnum() and name != "lock":
            names[name] = True
    return names.keys()

def _unlocked(names, problem):
    return [_HUB_UNLOCKED.format(name = repr(name), problem = repr(problem)) for name in names]

def _locked(rctx):
    parts = []
    if not rctx.path(rctx.attr.manifest).exists:
        fail("{}: there is no such manifest, as debian.lock names for {}; mend its manifest, or restore the file".format(
            shown(rctx.attr.manifest),
            shown(rctx.attr.lock),
        ))
    sets = json.decode(rctx.attr.sets)

    # A set of this name goes before the program.
    if "ledger" not in sets and rctx.attr.writable:
        parts.append(_HUB_LEDGER.format(lock = repr(_path(rctx.attr.lock))))
    if "compare" not in sets and rctx.attr.writable:
        parts.append(_HUB_COMPARE.format(lock = repr(_path(rctx.attr.lock))))
    if "lock" in sets and rctx.attr.writable:
        fail(("{}: a set can't be called lock, as the program that locks is; rename it, " +
              "remove {} and write it anew with `{}`").format(
            shown(rctx.attr.manifest),
            shown(rctx.attr.lock),
            rctx.attr.relock,
        ))
    for name in sorted(sets):
        actual = {}
        for architecture in sorted(sets[name]):
            target = "{}_{}".format(name, architecture)
            parts.append(_HUB_SET.format(
                name = repr(target),
                architecture = repr(architecture),
                relock = repr(rctx.attr.relock),
                lock_label = repr(shown(rctx.attr.lock)),
                manifest_label = repr(shown(rctx.attr.manifest)),
                packages = repr(["@{}//:package".format(repository) for repository in sets[name][architecture]]),
                set = repr(name),
            ))
            actual["@platforms//cpu:" + ARCHITECTURES[architecture].cpu] = ":" + target
        parts.append(_HUB_ALIAS.format(
            actual = repr(actual),
            error = repr("set {} is locked for {} only".format(name, ", ".join(sorted(sets[name])))),
            name = repr(name),
        ))

    taken = ["compare", "ledger"] + ["{}_{}".format(name, architecture) for name in sets for architecture in sets[name]]
    for name in _manifest_sets(rctx):
        if name not in sets and name not in taken:
            parts.extend(_unlocked([name], "{}: has the set {}, which {} does not have yet; write it with `{}`".format(
                shown(rctx.attr.manifest),
                name,
                shown(rctx.attr.lock),
                rctx.attr.relock,
            )))

    # Copies, so that users need not export the two files from their package.
    # rctx.read gives bytes as Latin-1, which must not be encoded once more (Bazel 7 would).
    for name, label in (("debian.lock.json", rctx.attr.lock), ("debian.toml", rctx.attr.manifest)):
        rctx.file(name, rctx.read(label), executable = False, legacy_utf8 = False)
    return parts

hub_repository = repository_rule(
    implementation = _hub_impl,
    doc = "Targets for the sets of a lock, `@HUB//:SET` and `@HUB//:SET_ARCHITECTURE`, and programs: " +
          "`@HUB//:lock`, which writes it, and `@HUB//:ledger`.",
    attrs = {
        "lock": attr.label(mandatory = True),
        "manifest": attr.label(mandatory = True),
        "problem": attr.string(doc = "Why there are no packages, if there are none, with the remedy."),
        "relock": attr.string(mandatory = True),
        "sets": attr.string(doc = "JSON: set → architecture → list of repository names."),
        "writable": attr.bool(doc = "Whether both files are in the main repository, so that `:lock` can be run."),
    },
)

def shown(label):
    """A label as the user writes it: the main repository has no name on the command line.

    Args:
      label: the label.

    Returns:
      A string.
    """
    return str(label).removeprefix("@@") if str(label).startswith("@@//") else str(label)

def _path(label):
    # Relative to its repository.
    return label.package + "/" + label.name if label.package else label.name

def _reproducible(rctx):
    # Bazel 8.3 and later may share what says so of itself; Bazel 7.7 does not know the word.
    return rctx.repo_metadata(reproducible = True) if hasattr(rctx, "repo_metadata") else None
