"""The server as it is on a system without our system calls: `python elsewhere.py --serve DIR…`, on any system.

Law: the kernels that need Linux can't be imported, and the platform calls itself something else; all the rest is real.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

import watchdog.observers  # noqa: F401 - it and all of the below must choose by the real platform

KERNELS = ("_exchange", "_fanotify", "_rulefile", "_scan", "_stat", "_walk", "_watch")
LINUX_ONLY = {f"smarttree.{kernel}" for kernel in KERNELS}


class Missing(MetaPathFinder):
    """Finds none of LINUX_ONLY, before anyone else finds them."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if name in LINUX_ONLY:
            raise ModuleNotFoundError(f"{name} is for Linux", name=name)
        return None


if __name__ == "__main__":
    import smarttree.http.app  # noqa: F401

    loaded = LINUX_ONLY & sys.modules.keys()
    assert not loaded, f"{loaded}: imported before anyone has chosen a disk or a watcher"
    sys.meta_path.insert(0, Missing())
    sys.platform = "elsewhere"
    from smarttree.cli import main

    sys.exit(main())
