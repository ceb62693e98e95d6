"""Who is beside them: streams of several classes that hold a mirror, and one who asks for what is known."""

from __future__ import annotations

import gzip
import json
import threading
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, urlsplit

from tests.clients.plain import Follower, get, get_json
from tests.disk import Listing, difference, listing, mirror_listing

DEADLINE_S: Final = 120.0
TURN_S: Final = 1.0
FOLLOWED: Final = ("", "?path={root}/in", "?include=[0-3]", "?events=tree,quantum,message&exclude=steady")
UNFOLLOWED: Final = ("?mode=json", "?events=change,stats&types=file", "?tree=manifest", "?tree=none&events=message")


class Beside:
    """Streams; those of FOLLOWED hold a mirror, and one of them is compressed."""

    def __init__(self, url: str, root: Path, headers: dict[str, str]) -> None:
        self._root, self._ended = root, threading.Event()
        self._errors: list[str] = []
        queries = [query.format(root=quote(str(root))) for query in FOLLOWED]
        self._followers = [Follower(f"{url}/events{query}", headers=headers) for query in queries]
        self._followers.append(Follower(f"{url}/events", headers={**headers, "Accept-Encoding": "zstd"}))
        self._others = [_Held(f"{url}/events{query}", headers) for query in UNFOLLOWED]
        self._threads = [threading.Thread(target=self._follow, args=(each,)) for each in self._followers]
        self._threads += [threading.Thread(target=self._drain, args=(each,)) for each in self._others]

    @property
    def turns(self) -> int:
        return sum(len(follower.turns) for follower in self._followers)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def _follow(self, follower: Follower) -> None:
        while not self._ended.is_set():
            try:
                follower.turn(DEADLINE_S)
                follower.turns[:-1] = [turn._replace(frames=()) for turn in follower.turns[-1000:-1]]
            except (AssertionError, OSError, ValueError) as error:
                self._errors.append(f"{follower.url}: {type(error).__name__}: {error}")
                return

    def _drain(self, held: _Held) -> None:
        while not self._ended.is_set():
            try:
                held.drain()
            except OSError as error:
                self._errors.append(f"{held.url}: {type(error).__name__}: {error}")
                return

    def look(self, clock: str) -> None:
        """Every mirror is what is on the disk, by the streams that were opened at first. To be called at the end."""
        self._ended.set()
        for thread in self._threads:
            thread.join(DEADLINE_S)
        assert not self._errors, self._errors
        disk = listing(bytes(self._root))
        full, below, *_, compressed = self._followers
        for follower in self._followers:
            follower.until_clock(clock, DEADLINE_S)
        for follower in (full, compressed):
            self._equal(disk, follower)
        top = bytes(self._root / "in")
        self._equal({path: seen for path, seen in disk.items() if path.startswith(top + b"/")}, below)

    @staticmethod
    def _equal(disk: Listing, follower: Follower) -> None:
        wrong = difference(disk, mirror_listing(follower.mirror))
        assert wrong == "", f"{follower.url}: {wrong}"
        assert follower.digests_checked, follower.url

    def close(self) -> None:
        self._ended.set()
        for close in (*(each.close for each in self._followers), *(each.close for each in self._others)):
            close()


class _Held:
    """A stream that is read and not looked at."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self.url = url
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_S)
        self._connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, url

    def drain(self) -> None:
        if not self._answer.read1(1 << 16):
            raise ConnectionError("the stream ended")

    def close(self) -> None:
        self._connection.close()


class Neighbour:
    """Asks for what it knows the answer to."""

    def __init__(self, url: str, root: Path, headers: dict[str, str]) -> None:
        self.url, self.headers, self.asked = url, headers, 0
        self._root, self._turned = root, threading.Event()
        self._content = b"a needle in what is steady\n" * 50
        (root / "steady" / "content.txt").write_bytes(self._content)
        self._path = quote(str(root / "steady"))

    def until_ready(self) -> None:
        deadline = monotonic() + DEADLINE_S
        while get(f"{self.url}/readyz")[0] != 200:
            assert monotonic() < deadline, "it is not ready"
        self._names = {path.name for path in (self._root / "steady").iterdir()}

    def sync(self) -> str:
        return str(get_json(f"{self.url}/clock?sync=1", headers=self.headers)["clock"])

    def _ask(self, target: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        self.asked += 1
        return get(self.url + target, headers=self.headers | {k.replace("_", "-"): v for k, v in headers.items()})

    def turn(self) -> None:
        assert self._ask("/healthz")[0] == 200
        clock = json.loads(self._ask("/clock")[2])["clock"]
        status, _, body = self._ask(f"/tree?mode=json&path={self._path}")
        assert status == 200, body
        assert {each["name"] for each in _children(json.loads(body))} == self._names
        status, _, body = self._ask(f"/compress?format=gzip&path={self._path}/content.txt")
        assert (status, gzip.decompress(body) == self._content) == (200, True), body[:500]
        status, _, body = self._ask(f"/search?q=needle&limit=7&path={self._path}")
        found = json.loads(body)
        if found.get("code") != "too-many-searches":
            assert (status, len(found["matches"]), found["limit_reached"]) == (200, 7, True), body[:2000]
        status, _, body = self._ask(f"/changes?since={clock}")
        assert status == 200, body[:500]
        assert self._ask("/nowhere")[0] == 404
        assert self._ask("/stats")[0] == self._ask("/metrics")[0] == 200
        self._turned.wait(TURN_S)

    def remove_roots(self, roots: list[Path]) -> None:
        """Those that hostile clients have added."""
        for root in roots:
            parts = urlsplit(self.url)
            connection = HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_S)
            connection.request("DELETE", f"/watch?path={quote(str(root))}", headers=self.headers)
            assert connection.getresponse().status in (200, 404)
            connection.close()


def _children(document: Any) -> list[dict[str, Any]]:
    return list(document["tree"]["children"])
