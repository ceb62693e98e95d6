"""The engine without HTTP, to ask its Tree how much memory it has taken.

python -m bench.watch.held WATCHER DIRECTORY SCRATCH CHANGES
    ->  one line: bytes and names' bytes after the scan, the same after so many creations and deletions, and entries
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from smarttree.config import ServiceConfig
from smarttree.service import Service

AT_ONCE, DIRECTORIES = 5_000, 50


def main(watcher: str, top: str, scratch: str, changes: int) -> None:
    service = Service(
        ServiceConfig(roots=(os.path.realpath(os.fsencode(top)),), watcher=watcher, retention_bytes=1 << 20)
    )
    ready = threading.Event()
    service.add_listener(ready.set)
    service.start()
    while service.state == "scanning":
        ready.wait()
        ready.clear()
    service.sync().result()
    fresh = service.memory()
    dirs = [Path(scratch) / f"churn-{number}" for number in range(DIRECTORIES)]
    for directory in dirs:
        directory.mkdir()
    paths = [dirs[number % DIRECTORIES] / f"file-{number}" for number in range(AT_ONCE)]
    for _ in range(max(1, changes // (2 * AT_ONCE))):
        for path in paths:
            path.touch()
        service.sync().result()
        for path in paths:
            path.unlink()
        service.sync().result()
    after = service.memory()
    service.stop()
    print(fresh.tree_bytes, fresh.names_bytes, after.tree_bytes, after.names_bytes, fresh.entries)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
