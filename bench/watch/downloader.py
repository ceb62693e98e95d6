"""A client that takes the whole tree in mode quantum, again and again, until it is killed.

python -m bench.watch.downloader PORT  ->  a line for each tree that it has taken
"""

from __future__ import annotations

import sys

from bench.watchers.ours import Connection


def main(port: int) -> None:
    connection = Connection(port)
    while True:
        print(len(connection.get("/tree?mode=quantum")), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
