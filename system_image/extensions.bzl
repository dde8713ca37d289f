"""The module extension `debian`: a lock becomes repositories.

```starlark
debian = use_extension("@rules_system_image//system_image:extensions.bzl", "debian")
debian.lock(
    name = "trixie",
    lock = "//:debian.lock.json",
    manifest = "//:debian.toml",
)
use_repo(debian, "trixie")
```

makes `@trixie//:SET` for each package set of the lock, for the architecture of the target platform.
Packages are fetched when a build needs them, each from the first mirror that has it.
"""

load("//system_image/private:repositories.bzl", "hub_repository", "package_repository")

_VERSION = 2

# A consumer has no target that locks; a checkout of the rules has one that takes any files.
_RELOCK = "bazel run //system_image:lock -- --manifest=FILE --lock=FILE, in a checkout of rules_system_image"

def _debian_impl(mctx):
    owners = {}
    for module in mctx.modules:
        for tag in module.tags.lock:
            if tag.name in owners:
                fail("debian.lock: the name {} is used by both {} and {}; choose another one".format(
                    repr(tag.name),
                    owners[tag.name],
                    module.name,
                ))
            owners[tag.name] = module.name
            _lock(mctx, tag)

    # The lock says it all: nothing of this belongs into MODULE.bazel.lock.
    return mctx.extension_metadata(reproducible = True)

def _lock(mctx, tag):
    relock = tag.relock or _RELOCK
    lock = json.decode(mctx.read(tag.lock), None)
    if type(lock) != "dict" or lock.get("version") != _VERSION:
        fail("{}: not a lock of version {}; write it anew with `{}`".format(tag.lock, _VERSION, relock))
    repositories = {}
    for architecture, packages in lock["packages"].items():
        for name, package in packages.items():
            # An `all` package is the same file for every architecture, unless their versions differ.
            repository = _repository(tag.name, package["architecture"], name, package["version"])
            repositories[(architecture, name)] = repository
    made = {}
    for architecture, packages in lock["packages"].items():
        for name, package in packages.items():
            repository = repositories[(architecture, name)]
            if repository in made:
                continue
            made[repository] = True
            package_repository(
                name = repository,
                architecture = package["architecture"],
                archive = package["archive"],
                relock = relock,
                package = name,
                pool_path = package["path"],
                sha256 = package["sha256"],
                snapshot = lock["snapshot"],
                version = package["version"],
            )
    hub_repository(
        name = tag.name,
        relock = relock,
        lock = tag.lock,
        manifest = tag.manifest,
        sets = json.encode({
            name: {
                architecture: [repositories[(architecture, package)] for package in packages]
                for architecture, packages in entry["packages"].items()
            }
            for name, entry in lock["sets"].items()
        }),
    )

def _repository(hub, architecture, name, version):
    # Debian's names and versions hold characters that a repository's name must not hold. None of them
    # holds an underscore, so that what replaces one is unambiguous.
    words = [hub, architecture, name, version]
    return "__".join(words).replace("+", "_p").replace("~", "_t").replace(":", "_c")

debian = module_extension(
    implementation = _debian_impl,
    doc = "Makes repositories of locked Debian packages.",
    tag_classes = {
        "lock": tag_class(
            doc = "A lock and the manifest that it was made from.",
            attrs = {
                "lock": attr.label(doc = "The lock, written by the stage lock.", mandatory = True),
                "manifest": attr.label(doc = "The manifest, debian.toml.", mandatory = True),
                "name": attr.string(doc = "Name of the hub repository.", mandatory = True),
                "relock": attr.string(doc = "The command that writes the lock anew, for messages."),
            },
        ),
    },
)
