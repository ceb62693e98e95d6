"""Writes one more byte into each of the files whose relative paths stand on standard input, parted by NUL, in order.

python -m bench.watch.modifier DIRECTORY
"""

from __future__ import annotations

import os
import sys


def main(top: str) -> None:
    at = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for path in sys.stdin.buffer.read().split(b"\0"):
        fd = os.open(path, os.O_WRONLY | os.O_APPEND, dir_fd=at)
        os.write(fd, b"x")
        os.close(fd)


if __name__ == "__main__":
    main(sys.argv[1])
