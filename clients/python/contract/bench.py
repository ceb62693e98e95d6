"""`bench TREE.qtn TREE.json ROUNDS`: decodes both in turn, and tells how long each took, as a line of JSON.

Law: decoding is all checks, and every entry's columns ready to be read; files are read before.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from smart_tree_sse.qtn import decode_snapshot


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    made = work()
    taken = time.perf_counter() - started
    del made
    return taken


def main(qtn: str, document: str, rounds: str) -> None:
    packed, text = Path(qtn).read_bytes(), Path(document).read_bytes()
    times: dict[str, list[float]] = {"qtn_s": [], "json_s": []}
    for _ in range(int(rounds)):
        times["qtn_s"].append(seconds(lambda: decode_snapshot(packed)))
        times["json_s"].append(seconds(lambda: json.loads(text)))
    print(json.dumps({"entries": len(decode_snapshot(packed)), **times}))


if __name__ == "__main__":
    main(*sys.argv[1:])
