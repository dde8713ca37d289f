"""Arguments of macros: a mistake is said in the caller's words, before a part of the macro meets it."""

# What every rule has, and every test (Bazel's Build Encyclopedia, 'Attributes common to all build rules').
_COMMON = [
    "applicable_licenses",
    "args",
    "aspect_hints",
    "compatible_with",
    "data",
    "deprecation",
    "env",
    "env_inherit",
    "exec_compatible_with",
    "exec_group_compatible_with",
    "exec_properties",
    "features",
    "flaky",
    "licenses",
    "local",
    "package_metadata",
    "restricted_to",
    "shard_count",
    "size",
    "tags",
    "target_compatible_with",
    "testonly",
    "timeout",
    "toolchains",
    "visibility",
]

def check_arguments(macro, name, kwargs, *, dicts = {}, lists = {}, others = []):
    """Fails if a macro was given what it does not take.

    Args:
      macro: the macro's name.
      name: the target's name.
      kwargs: dict of the arguments that the macro does not name itself.
      dicts: dict, argument → value, of those that have to be dicts.
      lists: dict, argument → value, of those that have to be lists.
      others: list of the names of its further arguments, for a near miss.
    """
    problem = arguments_problem(macro, name, kwargs, dicts = dicts, lists = lists, others = others)
    if problem:
        fail(problem)

def arguments_problem(macro, name, kwargs, *, dicts = {}, lists = {}, others = []):
    """Says what is wrong with a macro's arguments.

    Args:
      macro: as in `check_arguments`.
      name: as in `check_arguments`.
      kwargs: as in `check_arguments`.
      dicts: as in `check_arguments`.
      lists: as in `check_arguments`.
      others: as in `check_arguments`.

    Returns:
      A string, "" if nothing is wrong.
    """
    where = '{}(name = "{}")'.format(macro, name)
    own = dicts.keys() + lists.keys() + others
    for argument in kwargs:
        if argument not in _COMMON and argument not in own:
            near = _nearest(argument, own + _COMMON)
            return "{}: there is no argument {}{}".format(where, argument, "; did you mean {}?".format(near) if near else "")
    for kind, values in [("dict", dicts), ("list", lists)]:
        for argument, value in values.items():
            if type(value) not in (kind, "select") and value != None:
                return "{}: {} is {} {}; give a {}".format(where, argument, "an" if type(value) == "int" else "a", type(value), kind)
    return ""

def _nearest(word, words):
    """The word of a list that differs from `word` in two letters, or a third of them, at most; None without one."""
    best, least = None, max(2, len(word) // 3) + 1
    for other in words:
        distance = _distance(word, other)
        if distance < least:
            best, least = other, distance
    return best

def _distance(one, other):
    """How many letters have to be changed, added or taken away (Levenshtein)."""
    row = list(range(len(other) + 1))
    for at in range(len(one)):
        last, row = row, [at + 1]
        for to in range(len(other)):
            row.append(min(
                last[to] + (0 if one[at] == other[to] else 1),
                last[to + 1] + 1,
                row[to] + 1,
            ))
    return row[-1]
