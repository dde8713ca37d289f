"""Stage package_facts: what the .debs of a set say of themselves, and images don't carry."""

load("//system_image/private/core:manifest.bzl", "package_inputs", "write_manifest")

def package_facts(ctx, packages):
    """Declares the action that reads the packages of a set.

    Args:
      ctx: the context of a rule with the tool as its attribute `_package_facts`.
      packages: a DebianPackagesInfo.

    Returns:
      The File.
    """
    name = "{}.{}.packages".format(ctx.label.name, packages.set)
    read = package_inputs([packages])
    manifest = write_manifest(ctx, {"packages": read.fields}, name + ".in")
    output = ctx.actions.declare_file(name + ".json")
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._package_facts,
        arguments = [args],
        inputs = [manifest] + read.inputs,
        outputs = [output],
        mnemonic = "SystemImagePackageFacts",
        progress_message = "Reading what packages say of themselves for %{label}",
        toolchain = None,
    )
    return output
