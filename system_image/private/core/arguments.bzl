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

# The default of an argument that has none. With a real one missing, Starlark names it alone, and not the misspelt one
# that stands in its place.
MANDATORY = "MANDATORY"

def check_arguments(macro, name, kwargs, *, mandatory = {}, dicts = {}, lists = {}, numbers = {}, switches = {}, others = []):
    """Fails if a macro was given what it does not take, or was not given what it needs.

    Args:
      macro: the macro's name.
      name: the target's name.
      kwargs: dict of the arguments that the macro does not name itself.
      mandatory: dict, argument → value, of those that must be given; their default is MANDATORY.
      dicts: dict, argument → value, of those that have to be dicts.
      lists: dict, argument → value, of those that have to be lists.
      numbers: dict, argument → value, of those that have to be integers.
      switches: dict, argument → value, of those that have to be True or False.
      others: list of the names of its further arguments, for a near miss.
    """
    problem = arguments_problem(macro, name, kwargs, mandatory = mandatory, dicts = dicts, lists = lists, numbers = numbers, switches = switches, others = others)
    if problem:
        fail(problem)

def arguments_problem(macro, name, kwargs, *, mandatory = {}, dicts = {}, lists = {}, numbers = {}, switches = {}, others = []):
    """Says what is wrong with a macro's arguments.

    Args:
      macro: as in `check_arguments`.
      name: as in `check_arguments`.
      kwargs: as in `check_arguments`.
      mandatory: as in `check_arguments`.
      dicts: as in `check_arguments`.
      lists: as in `check_arguments`.
      numbers: as in `check_arguments`.
      switches: as in `check_arguments`.
      others: as in `check_arguments`.

    Returns:
      A string, "" if nothing is wrong.
    """
    where = '{}(name = "{}")'.format(macro, name)
    own = mandatory.keys() + dicts.keys() + lists.keys() + numbers.keys() + switches.keys() + others
    for argument in kwargs:
        if argument not in _COMMON and argument not in own:
            near = _nearest(argument, own + _COMMON)
            return "{}: there is no argument {}{}".format(where, argument, "; did you mean {}?".format(near) if near else "")
    for argument, value in mandatory.items():
        if value == MANDATORY:
            return "{}: the argument {} is missing".format(where, argument)
    for kind, wanted, values in [
        ("dict", "a dict", dicts),
        ("list", "a list", lists),
        ("int", "an integer", numbers),
        ("bool", "True or False", switches),
    ]:
        for argument, value in values.items():
            if type(value) not in (kind, "select") and value != None:
                return "{}: {} is {} {}; give {}".format(where, argument, "an" if type(value) == "int" else "a", type(value), wanted)
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
