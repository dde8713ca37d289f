"""Stage vex: what is known of vulnerabilities of an image's packages, as OpenVEX."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/providers:image_facts_info.bzl", "ImageFactsInfo")
load(":image_facts.bzl", "FACTS", "facts_of")

def _vex_impl(ctx):
    facts = ctx.attr.facts[ImageFactsInfo].facts
    output = ctx.actions.declare_file(ctx.label.name + ".vex.json")
    args = ctx.actions.args()
    args.add("--facts", facts)
    args.add("--statements", ctx.file.statements)
    args.add("--author", ctx.attr.author)
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._vex,
        arguments = [target_args(ctx), args],
        inputs = [facts, ctx.file.statements],
        outputs = [output],
        mnemonic = "SystemImageVex",
        progress_message = "Writing what is known of vulnerabilities, %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([output]))]

_vex = rule(
    implementation = _vex_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `image_vex`.",
    attrs = {
        "author": attr.string(doc = "Who says so.", mandatory = True),
        "facts": FACTS,
        "statements": attr.label(doc = "What was reviewed.", mandatory = True, allow_single_file = [".toml"]),
        "_vex": tool_attr(Label("//tools/sysimage/evidence:vex")),
    },
)

def image_vex(*, name, image = MANDATORY, statements = MANDATORY, author = MANDATORY, **kwargs):
    """Makes `NAME.vex.json`, an OpenVEX 0.2.0 document that says which vulnerabilities matter to an image, and why not.

    `statements` is a reviewed TOML file with an entry `[[statement]]` for each vulnerability: `vulnerability`,
    `packages` (of the image, or source packages), `status`, and `justification`, `impact` or `action` where the status
    asks for it. A package that the image does not have is an error, so no statement outlives its package.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      statements: label of that file.
      author: who says so, such as "Example Ltd <security@example.com>".
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "image_vex",
        name,
        kwargs,
        mandatory = {"author": author, "image": image, "statements": statements},
    )
    _vex(
        name = name,
        author = author,
        facts = facts_of(image),
        statements = statements,
        **kwargs
    )
