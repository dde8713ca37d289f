"""Entry point of the stage `lock`; see `tools.sysimage.lock.main`."""

from tools.sysimage.core.errors import run
from tools.sysimage.lock.main import main

if __name__ == "__main__":
    run(main)
