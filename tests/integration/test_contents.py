"""`--content-hash` as a user switches it on: a touch is told as what it is, and left out where that is asked for."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from time import monotonic

from tests.clients.plain import Turn, get, get_json
from tests.integration.process import DEADLINE_S, Process


def told(turns: list[Turn]) -> list[str | None]:
    return [change.get("content") for turn in turns for change in turn.named("change")]


def test_a_touch_is_told_as_one(tmp_path: Path) -> None:
    """Not in the first two seconds after the file was read: two heartbeats are longer apart."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    arguments = "--content-hash", "--content-max-bytes", "1MiB", "--heartbeat-s", "2.5"
    with (
        Process(tmp_path, *arguments) as server,
        closing(server.follow("?only=content&events=change")) as only,
        closing(server.follow("?events=change")) as whole,
    ):
        deadline = monotonic() + DEADLINE_S
        while (extent := get_json(f"{server.url}/stats")["contents"]) != {"hashed": 1, "waiting": 0}:
            assert monotonic() < deadline, extent
            server.sync()
        for _ in range(2):
            only.turn()
        path.touch()
        clock = server.sync()
        for each in (only, whole):
            each.until_clock(clock)
        assert (told(only.turns), told(whole.turns)) == ([], ["same"])
        os.truncate(path, 3)
        clock = server.sync()
        for each in (only, whole):
            each.until_clock(clock)
        assert (told(only.turns), told(whole.turns)) == (["changed"], ["same", "changed"])


def test_without_it_the_way_to_it_is_said(tmp_path: Path) -> None:
    with Process(tmp_path) as server:
        server.await_ready()
        status, _, body = get(f"{server.url}/events?only=content")
        assert status == 400
        assert b"--content-hash" in body
