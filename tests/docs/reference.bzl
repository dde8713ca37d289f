"""Which pages the API reference has."""

# The page's name → the library that it is on.
PAGES = {
    "defs": "//system_image:defs",
    "extensions": "//system_image:extensions",
    "nvidia_defs": "//system_image/nvidia:defs",
    "providers": "//system_image:providers",
    "toolchains_defs": "//toolchains:defs",
}

def arguments(function):
    """The arguments of reference.py.

    Args:
      function: string, the function that gives the path of a label.

    Returns:
      A list of strings.
    """
    words = []
    for page, library in PAGES.items():
        words += [
            "@rules_system_image{}.bzl".format(library),
            "$({} {}.bzl)".format(function, library),
            "$({} :doc_of_{}.textproto)".format(function, page),
        ]
    return words
