"""SysrootInfo: a sysroot, or the compiler of one."""

SysrootInfo = provider(
    doc = "A sysroot, or the compiler of one.",
    fields = {
        "gcc": "string: version of gcc, as in the names of its folders.",
        "headers": "list of Files: folders with headers; none if it is a compiler only.",
        "libraries": "list of Files: folders with libraries and start files; none if it is a compiler only.",
        "path": "string: where the sysroot is, relative to the execution root.",
        "programs": "File: the folder with the programs that the launchers start, and their libraries.",
        "tools": "dict: name of a program, such as `gcc` or `ld` → File, its launcher.",
        "triplet": "string: the target of the compiler, such as `x86_64-linux-gnu`.",
    },
)
