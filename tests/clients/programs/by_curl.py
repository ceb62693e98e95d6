"""`python by_curl.py URL`: what `curl -N` is sent, one JSON object a line for each event.

Law: curl never comes back by itself, so this calls it again, with the last id in a header: what README.md shows people.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from tests.clients.sse import Parser

PAUSE_S = 0.1


def call(url: str, parser: Parser) -> str:
    """One connection, to its end: what curl says of that."""
    header = ["-H", f"Last-Event-ID: {parser.last_id}"] if parser.last_id else []
    with subprocess.Popen(["curl", "-q", "-sS", "-N", *header, url], stdout=subprocess.PIPE, bufsize=0) as curl:
        assert curl.stdout is not None
        while data := curl.stdout.read(1 << 16):
            for frame in parser.feed(data):
                print(json.dumps({"event": frame.event, "data": frame.data, "id": frame.last_id}), flush=True)
    return f"curl ended with {curl.returncode}"


def main() -> None:
    last_id = ""
    while True:
        parser = Parser(last_id)
        print(json.dumps({"lost": call(sys.argv[1], parser)}), flush=True)
        last_id = parser.last_id
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
