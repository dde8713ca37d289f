#!/usr/bin/python3 -I
# Written by the adapter of rules_python: finds the runfiles and becomes the main module. -I keeps the
# environment, the working directory and the user's packages away from sys.path.
import os
import sys
import types

_IMPORTS = {{imports}}
_MAIN = {{main}}


def _runfiles():
    """The runfiles of this program: beside it, or around it, or where the caller says."""
    seen = os.path.abspath(sys.argv[0])
    candidates = []
    for path in (seen, os.path.realpath(seen)):
        candidates.append(path + ".runfiles")
        at = path.rfind(".runfiles/")
        if at >= 0:
            candidates.append(path[: at + len(".runfiles")])
    candidates.append(os.environ.get("RUNFILES_DIR", ""))
    for folder in candidates:
        if folder and os.path.exists(os.path.join(folder, _MAIN)):
            return os.path.abspath(folder)
    sys.exit("%s: can't find its runfiles (build them: --build_runfile_links)" % seen)


def _start():
    root = _runfiles()
    # What this program starts, and the runfiles library, look here; a manifest may be the caller's.
    os.environ["RUNFILES_DIR"] = root
    os.environ.pop("RUNFILES_MANIFEST_FILE", None)
    sys.path[:] = [path for path in sys.path if not path.endswith("-packages")]
    sys.path.extend(os.path.join(root, path) for path in _IMPORTS)
    sys.dont_write_bytecode = True  # runfiles are for reading
    main = os.path.join(root, _MAIN)
    sys.argv[0] = main
    module = types.ModuleType("__main__")
    module.__file__ = main
    sys.modules["__main__"] = module
    with open(main, "rb") as source:
        code = compile(source.read(), main, "exec")
    return code, module


_code, _module = _start()
exec(_code, _module.__dict__)
