"""`python by_browser.py CHROMIUM URL`: what the browser's own EventSource is told, one JSON object a line.

A page of this program's own origin is opened in Chromium without a window; the page sends here, in their order, what it
is told. Law: the browser reaches this machine alone. Whoever starts this ends both by the process group.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = """<!doctype html><script type="module">
import {{ follow }} from '/following.mjs';
let told = Promise.resolve();
const say = (line) => {{ told = told.then(() => fetch('/told', {{ method: 'POST', body: line }})); }};
follow(EventSource, {url}, say);
</script>"""
SCRIPT = Path(__file__).parents[1] / "following.mjs"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-extensions"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        pages = {
            "/": (PAGE.format(url=json.dumps(sys.argv[2])).encode(), "text/html"),
            "/following.mjs": (SCRIPT.read_bytes(), "text/javascript"),
        }
        body, kind = pages.get(self.path, (b"", "text/plain"))
        self._answer(200 if body else 404, body, kind)

    def do_POST(self) -> None:
        line = self.rfile.read(int(self.headers["Content-Length"]))
        print(line.decode(), flush=True)
        self._answer(204, b"", "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: what is told is all that is printed."""


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server, tempfile.TemporaryDirectory() as profile:
        page = f"http://127.0.0.1:{server.server_port}/"
        subprocess.Popen([sys.argv[1], *FLAGS, f"--user-data-dir={profile}", page])
        server.serve_forever()


if __name__ == "__main__":
    main()
