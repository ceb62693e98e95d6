"""A manifest and its chunks are the snapshot, byte for byte; who has chunks already fetches only what is new."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from smarttree.clock import Clock
from smarttree.http import groups as groups_module
from smarttree.http.groups import PINNED_S, Groups
from smarttree.modes import View
from spec.qtn1 import from_text
from spec.qtn1_parts import address, assemble, decode_manifest
from tests.clients.plain import Stream
from tests.http.server import Server
from tests.trees import ROOT, pair

QTN1 = "application/vnd.smarttree.qtn1"


class Client:
    """Holds the groups that it has fetched, by address."""

    def __init__(self, server: Server) -> None:
        self.server, self.groups, self.fetched = server, dict[int, bytes](), 0

    def snapshot(self, manifest: bytes) -> bytes:
        """Fetches what it lacks."""
        named = [reference for _, references in decode_manifest(manifest).chunks for reference in references]
        for wanted, size in named:
            if wanted not in self.groups:
                status, headers, group = self.server.get(f"/chunk/{wanted:032x}")
                assert (status, len(group), address(group)) == (200, size, wanted)
                assert headers["cache-control"] == "private, max-age=31536000, immutable"
                self.groups[wanted] = group
                self.fetched += 1
        return assemble(manifest, [self.groups[wanted] for wanted, _ in named])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several chunks of entries."""
    top = tmp_path_factory.mktemp("large")
    (top / "0").touch()
    for directory in range(9):
        (top / f"d{directory}").mkdir()
        for number in range(4000):
            os.link(top / "0", top / f"d{directory}" / f"{number:x}")
    (top / "d4" / "alone").touch()
    return top


def whole(server: Server) -> bytes:
    return server.get("/tree", Accept=QTN1)[2]


def test_a_manifest_and_its_chunks_are_the_snapshot(large: Path) -> None:
    with Server(large) as server:
        client = Client(server)
        bare = server.get("/tree?tree=manifest", Accept=QTN1)
        assert (bare[0], bare[1]["content-type"]) == (200, QTN1)
        assert client.snapshot(bare[2]) == whole(server)
        first = client.fetched
        assert first >= 5
        known, group = next(iter(client.groups.items()))
        assert server.get(f"/chunk/{known:032x}", **{"If-None-Match": f'"{known:032x}"'})[0] == 304
        assert server.get(f"/chunk/{known:032x}", Range="bytes=2-5")[::2] == (206, group[2:6])
        told = server.json("/tree?tree=manifest&mode=quantum")
        assert from_text(told["manifest"]) == bare[2]
        assert {"path", "stats", "clock", "digest"} < told.keys()
        assert "compressed" not in told
        with (large / "d4" / "alone").open("ab") as file:
            file.write(b"more")
        server.sync()
        assert client.snapshot(server.get("/tree?tree=manifest", Accept=QTN1)[2]) == whole(server)
        assert client.fetched - first == 1
        part = server.get("/tree?tree=manifest&path=d3", Accept=QTN1)[2]
        assert client.snapshot(part) == server.get("/tree?path=d3", Accept=QTN1)[2]


@pytest.mark.parametrize("query", ["", "&exclude=1*", f"&path=d2&since={Clock(255, 1)}"])
def test_an_opening_tells_the_manifest_alone(large: Path, query: str) -> None:
    with Server(large) as server:
        trees = []
        for kind in ("manifest", "full"):
            stream = Stream(f"{server.url}/events?events=tree&tree={kind}{query}")
            frame = stream.frame()
            assert frame is not None
            trees.append(json.loads(frame.data or ""))
            stream.close()
        manifest, full = trees
        assert Client(server).snapshot(from_text(manifest.pop("manifest"))) == from_text(full.pop("compressed"))
        assert manifest == full


def test_what_is_asked_for_wrongly_is_refused(server: Server) -> None:
    for target in ("/events?tree=manifest&mode=json", "/tree?tree=manifest&mode=classic", "/tree?tree=none"):
        status, _, body = server.get(target)
        assert (status, json.loads(body)["code"]) == (400, "bad-parameter")
    for name in (f"{7:032x}", "7", "x" * 32, "A" * 32, "0x" + "0" * 30):
        status, _, body = server.get(f"/chunk/{name}")
        assert (status, json.loads(body)["code"]) == (404, "no-such-chunk")


def test_where_there_is_no_room_the_tree_is_told_whole(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_module, "GROUPS_BYTES", 0)
    assert "compressed" in server.json("/tree?tree=manifest")
    assert server.get("/tree?tree=manifest", Accept=QTN1)[2] == whole(server)


def test_groups_are_kept_for_a_minute_after_the_manifest_was_given_last() -> None:
    before, after, ids = pair(25, size=20)  # both have groups of their own, and one in common
    now = 0.0
    groups = Groups(lambda: now)
    views = [View(Clock(1, seq), forest.tree(ids), 0) for seq, forest in enumerate((before, after))]
    first, second = (groups.name(view, ROOT) for view in views)
    assert first is not None
    assert second is not None
    only_first = next(iter(first.groups.keys() - second.groups.keys()))
    assert groups.get(only_first) is None
    groups.pin(first)
    assert groups.name(views[0], ROOT) is first
    now = 50.0
    groups.pin(second)
    groups.pin(first)
    now = 50.0 + PINNED_S
    assert all(groups.get(each) == stored for named in (first, second) for each, stored in named.groups.items())
    assert groups.nbytes == sum(map(len, (first.groups | second.groups).values()))
    groups.pin(second)
    now += 1
    assert groups.get(only_first) is None
    assert all(groups.get(each) == stored for each, stored in second.groups.items())
    now += PINNED_S
    groups.retire()
    assert groups.nbytes == 0
    assert groups.get(next(iter(second.groups))) is None
