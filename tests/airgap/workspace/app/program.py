"""Prints what the tests look at, as JSON."""

import json
import os
import sys

import app.lib

print(
    json.dumps(
        {
            "argv": sys.argv,
            "directory": os.environ.get("BUILD_WORKING_DIRECTORY", ""),
            "env": os.environ.get("FROM_ENV", ""),
            "executable": sys.executable,
            "name": __name__,
            "path": sys.path,
            "value": app.lib.VALUE,
            "workspace": os.environ.get("BUILD_WORKSPACE_DIRECTORY", ""),
        }
    )
)
