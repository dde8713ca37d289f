"""What macros with `files` have in common."""

# buildifier: disable=unnamed-macro
def content_attributes(files, modes, symlinks, replace):
    """Turns `files`, a dict from path to label, into the attributes that rules have for it.

    Args:
      files: dict, path → label. A label may go to several paths; `select` is for neither of them.
      modes: dict, path → octal mode.
      symlinks: dict, path → target.
      replace: list of paths.

    Returns:
      A dict of attributes of CONTENT_ATTRS.
    """
    paths = {}
    for path, label in files.items():
        # One spelling a label: a rule refuses to have the same file twice.
        paths.setdefault(native.package_relative_label(label), []).append(path)
    return {
        "modes": modes,
        "replace": replace,
        "srcs": {label: json.encode(places) for label, places in paths.items()},
        "symlinks": symlinks,
    }
