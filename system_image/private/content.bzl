"""What macros with `files` have in common."""

def content_attributes(files, modes, symlinks, replace):
    """Turns `files`, a dict from path to label, into the attributes that rules have for it.

    Args:
      files: dict, path → label.
      modes: dict, path → octal mode.
      symlinks: dict, path → target.
      replace: list of paths.

    Returns:
      A dict of attributes of CONTENT_ATTRS.
    """
    return {
        "modes": modes,
        "paths": files.keys(),
        "replace": replace,
        "srcs": files.values(),
        "symlinks": symlinks,
    }
