"""`python -m tests.hostile.serve …`: `st --serve …`, which keeps less of each stream for who comes back.

What is kept for reuse grows up to its bounds, 16 MiB a class of streams, which takes a quarter of an hour; with these
bounds it takes seconds, and what grows after that is a leak.
"""

from __future__ import annotations

import sys

from smarttree.cli import main
from smarttree.stream import lanes

LANE_BYTES = 256 << 10

if __name__ == "__main__":
    lanes.LANE_BYTES = LANE_BYTES  # type: ignore[misc]
    sys.exit(main(["--serve", *sys.argv[1:]]))
