"""LockedProgramInfo: a program from locked packages."""

LockedProgramInfo = provider(
    doc = "A program from locked packages.",
    fields = {
        "architecture": "string: of the program, `amd64` or `arm64`.",
        "argv": "list of strings: how to start it, relative to the execution root.",
        "folder": "File: the folder with bin/, lib/ and, if there is data, share/; an input of the action.",
    },
)
