"""An image layout that lies in a source folder, as the one folder that oci_image gives, too."""

def _layout_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    index = [file for file in ctx.files.srcs if file.basename == "index.json"][0]
    ctx.actions.run(
        executable = "/usr/bin/cp",
        arguments = ["-rLT", "--no-preserve=all", index.dirname, output.path],
        inputs = ctx.files.srcs,
        outputs = [output],
        mnemonic = "OCILayout",
        progress_message = "OCI layout %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([output]))]

oci_layout = rule(
    implementation = _layout_impl,
    doc = "A folder with an OCI image layout.",
    attrs = {"srcs": attr.label_list(allow_files = True, mandatory = True)},
)
