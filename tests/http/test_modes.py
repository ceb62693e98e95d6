"""The output modes over HTTP: in the envelope, by their own types, in the stream; and the figures of `/stats`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from smarttree import modes
from smarttree.http.documents import EVENT_ENTRIES_MAX
from smarttree.wire import MEDIA_TYPE_QTN
from tests.clients.plain import Stream
from tests.golden.project import plant, view_of
from tests.http.server import Server

TEXTS = [name for name in modes.MODES if name not in ("json", "quantum")]


@pytest.mark.parametrize("name", TEXTS)
def test_a_mode_is_the_same_in_the_envelope_and_by_its_own_type(tmp_path: Path, name: str) -> None:
    """Whatever the names are."""
    plant(tmp_path)
    mode = modes.find(name)
    view, top = view_of(tmp_path, bytes(tmp_path))
    document = b"".join(mode.render(view, top, depth=None))
    with Server(tmp_path) as server:
        data = server.json(f"/tree?mode={name}")
        assert (data["mode"], data["text"]) == (name, document.decode())
        status, headers, body = server.get(f"/tree?mode={name}", Accept=mode.CONTENT_TYPE.partition(";")[0])
        assert (status, headers["content-type"], body) == (200, mode.CONTENT_TYPE, document)
        assert server.get(f"/tree?mode={name}", Accept=MEDIA_TYPE_QTN)[0] == 406
        assert server.get(f"/tree?mode={name}&depth=1")[0] == (200 if mode.CUTS else 400)


@pytest.mark.parametrize("name", modes.MODES)
def test_the_streams_tree_is_small(tmp_path: Path, name: str) -> None:
    """Whatever the mode is: but for quantum, which is whole."""
    for directory in range(30):
        (tmp_path / f"{directory}").mkdir()
        for number in range(100):
            (tmp_path / f"{directory}" / f"{number}").touch()
    with Server(tmp_path) as server:
        stream = Stream(f"{server.url}/events?mode={name}&events=tree")
        frame = stream.frame()
        stream.close()
    assert frame is not None
    data = json.loads(frame.data or "")
    mode = modes.find(name)
    assert data.get("depth") == (1 if mode.CUTS and not mode.SMALL else None)
    document = data.get("text") or json.dumps(data.get("tree"))
    assert document.count("\n") <= EVENT_ENTRIES_MAX


def test_stats_rank_directories_and_what_is_new(server: Server, project: Path) -> None:
    os.utime(project / "README.md", ns=(0, 2**62))
    server.sync()
    data = server.json("/stats")
    assert data["newest"][0] == {"path": str(project / "README.md"), "mtime_ns": str(2**62)}
    assert len(data["newest"]) == 4
    assert data["by_directory"] == [
        {"path": str(project / "src"), "files": 2, "dirs": 0, "size": 313},
        {"path": str(project / "empty"), "files": 0, "dirs": 0, "size": 0},
    ]


def test_stats_of_all_roots_rank_the_roots(tmp_path: Path) -> None:
    for name, size in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.c").write_bytes(bytes(size))
    with Server(tmp_path / "one", tmp_path / "two") as server:
        data = server.json("/stats")
    assert [each["path"] for each in data["by_directory"]] == [str(tmp_path / "two"), str(tmp_path / "one")]
    assert data["by_extension"] == [{"extension": ".c", "files": 2, "size": 3}]
