"""One worker of a storm, a process of its own: `python worker.py ROOT LOG SEED WORKER`, then a count of steps a line.

Law: it does the same for the same seed and counts; each step is written to its log, with the time, before it is done.
When a round is over it says how many of its steps could be done, and waits.
"""

from __future__ import annotations

import os
import sys
import time

from tests.storm.perform import perform
from tests.storm.steps import Storm

KNOWN_MAX = 20_000  # of a large tree, the first entries are enough to work on


def known(top: bytes) -> list[bytes]:
    """What is below `top`, directories ended by a slash, in an order that depends on nothing but the names."""
    found: list[bytes] = []
    pending = [b""]
    while pending and len(found) < KNOWN_MAX:
        above = pending.pop(0)
        for name in sorted(os.listdir(top + b"/" + above)):
            path = above + name
            is_directory = os.path.isdir(top + b"/" + path) and not os.path.islink(top + b"/" + path)
            found.append(path + b"/" if is_directory else path)
            if is_directory:
                pending.append(path + b"/")
    return found


def main(root: str, log: str, seed: int, worker: int) -> None:
    os.chdir(root)
    storm = Storm(seed, worker, known(b"."))
    print("here", flush=True)
    with open(log, "w", encoding="utf-8", buffering=1 << 16) as lines:
        for order in sys.stdin:
            done = count = 0
            for step in storm.round(int(order)):
                count += 1
                lines.write(f"{time.monotonic_ns()} {step.line()}\n")
                done += perform(step)
            lines.flush()
            print(count, done, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
