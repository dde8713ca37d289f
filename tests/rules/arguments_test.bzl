"""What macros say of arguments that they do not take."""

load("@bazel_skylib//lib:unittest.bzl", "asserts", "unittest")

# buildifier: disable=bzl-visibility
load("//system_image/private/core:arguments.bzl", "MANDATORY", "arguments_problem")

def _arguments_test_impl(ctx):
    env = unittest.begin(ctx)
    where = 'image(name = "x"): '
    for kwargs, files, enable, message in [
        ({}, {}, [], ""),
        ({"tags": ["manual"], "visibility": []}, {}, [], ""),
        ({}, None, select({"//conditions:default": []}), ""),
        ({"flies": {}}, {}, [], where + "there is no argument flies; did you mean files?"),
        ({"compresion": "xz"}, {}, [], where + "there is no argument compresion; did you mean compression?"),
        ({"visiblity": []}, {}, [], where + "there is no argument visiblity; did you mean visibility?"),
        ({"zzz": 1}, {}, [], where + "there is no argument zzz"),
        ({}, ["etc/x"], [], where + "files is a list; give a dict"),
        ({}, {}, "x.service", where + "enable is a string; give a list"),
        ({}, {}, 1, where + "enable is an int; give a list"),
        ({}, {}, {"x": "y"}, where + "enable is a dict; give a list"),
    ]:
        asserts.equals(env, message, arguments_problem(
            "image",
            "x",
            kwargs,
            dicts = {"files": files},
            lists = {"enable": enable},
            others = ["compression"],
        ))
    for kwargs, base, message in [
        ({}, "//:base", ""),
        ({}, MANDATORY, where + "the argument base is missing"),
        # The misspelt one is what the user has to look for.
        ({"bsae": "//:base"}, MANDATORY, where + "there is no argument bsae; did you mean base?"),
    ]:
        asserts.equals(env, message, arguments_problem("image", "x", kwargs, mandatory = {"base": base}))
    for numbers, switches, message in [
        ({"memory": 1024, "status": None}, {"lean": False}, ""),
        ({"memory": "2G"}, {}, where + "memory is a string; give an integer"),
        ({}, {"lean": "no"}, where + "lean is a string; give True or False"),
    ]:
        asserts.equals(env, message, arguments_problem("image", "x", {}, numbers = numbers, switches = switches))
    return unittest.end(env)

_arguments_test = unittest.make(_arguments_test_impl)

def arguments_test_suite(name):
    """Makes the tests.

    Args:
      name: name of the suite.
    """
    unittest.suite(name, _arguments_test)
