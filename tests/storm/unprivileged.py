"""`python unprivileged.py …` is `st …`, run by nobody in particular: a directory may be closed to it.

Law: for tests only. Everything is imported first, as nobody may not read the program either.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

import smarttree
from smarttree.cli import main

NOBODY = 65534

if __name__ == "__main__":
    for module in pkgutil.walk_packages(smarttree.__path__, "smarttree."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    sys.exit(main(sys.argv[1:]))
