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

`bazel run @trixie//:lock` writes the lock, the first time and when the manifest has changed. Without a lock that can be
read, `@trixie` has only this program, and its sets fail with the command to run.
"""

load("//system_image/private/lock:lock_version.bzl", "LOCK_VERSION")
load("//system_image/private/lock:repositories.bzl", "hub_repository", "package_repository", "shown")

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
            _lock(mctx, module, tag)

    # The lock says it all: nothing of this belongs into MODULE.bazel.lock. `bazel mod tidy` writes use_repo.
    root = [tag for module in mctx.modules if module.is_root for tag in module.tags.lock]
    return mctx.extension_metadata(
        reproducible = True,
        root_module_direct_deps = [tag.name for tag in root if not mctx.is_dev_dependency(tag)],
        root_module_direct_dev_deps = [tag.name for tag in root if mctx.is_dev_dependency(tag)],
    )

def _lock(mctx, module, tag):
    relock = tag.relock or "bazel run @{}//:lock".format(tag.name)

    # `bazel run` reaches the files of the main repository, which has no name, and no others.
    writable = not tag.lock.repo_name and not tag.manifest.repo_name
    lock, problem = _read(mctx, tag.lock)
    if problem:
        problem = "{}: {} `{}`".format(shown(tag.lock), problem, relock)
        if not writable:
            fail("{}, in the module {}".format(problem, module.name))

        # buildifier: disable=print
        print(problem)
        hub_repository(
            name = tag.name,
            lock = tag.lock,
            manifest = tag.manifest,
            problem = problem,
            relock = relock,
            writable = True,
        )
        return
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
                owner = "" if writable else module.name,
                relock = relock,
                package = name,
                pool_path = package["path"],
                sha256 = package["sha256"],
                # What was kept when others were brought up to date is found at an older time than they.
                snapshot = package.get("snapshot", lock["snapshot"]),
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
        writable = writable,
    )

def _read(mctx, label):
    """Reads a lock.

    Args:
      mctx: the module context.
      label: label of the lock; its package has to exist, the file need not.

    Returns:
      The lock and "", or None and what is wrong with it, up to the command that mends it.
    """
    path = mctx.path(label)
    if not path.exists:
        # So that the repositories are there as soon as it is written.
        mctx.watch(path)
        return None, "there is no such lock yet; write it with"
    text = mctx.read(path)
    if text.startswith("<<<<<<< ") or "\n<<<<<<< " in text:
        return None, (
            "it has the conflict markers of a merge; take one side whole, with `git checkout --ours` or `--theirs` " +
            "of this file, and then write it anew with"
        )
    lock = json.decode(text, None)
    version = lock.get("version") if type(lock) == "dict" else None
    if version != None and version != LOCK_VERSION:
        return None, "its version is {}, and these rules read {}; remove it and write it anew with".format(
            version,
            LOCK_VERSION,
        )
    if type(lock) == "dict" and version == None and "packages" in lock:
        return None, "its version is null; restore it, or remove it and write it anew with"
    if version == None or [key for key in ("packages", "sets", "snapshot") if key not in lock]:
        return None, "not a lock, or a damaged one; restore it, or remove it and write it anew with"
    return lock, ""

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
                "lock": attr.label(doc = "The lock, which `bazel run @NAME//:lock` writes.", mandatory = True),
                "manifest": attr.label(doc = "The manifest, debian.toml.", mandatory = True),
                "name": attr.string(doc = "Name of the hub repository.", mandatory = True),
                "relock": attr.string(
                    doc = "The command that writes the lock anew, for messages, if it is not `bazel run @NAME//:lock`.",
                ),
            },
        ),
    },
)
