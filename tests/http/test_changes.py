"""The law of `GET /changes`: from any clock on, nothing is left out, also of a part and across a restart; what can't be
told is a 410 with the clock to go on from, and who waits is answered when there is something, and else in time.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from smarttree.config import StateConfig
from smarttree.http.waiting import WAITING
from smarttree.wire import MEDIA_TYPE_QTN
from spec.qtn1 import decode_batch
from tests.clients.plain import Follower
from tests.http.server import Server
from tests.http.test_only_content import comparing as comparing
from tests.http.test_only_content import learn
from tests.http.test_rest import problem

NDJSON = "application/x-ndjson"


def asked(server: Server, since: str, query: str = "") -> Any:
    return server.json(f"/changes?since={since}{query}")


def told(answer: Any) -> list[tuple[str, str]]:
    return [(change["type"], change["path"].rpartition("/")[2]) for change in answer["changes"]]


def on_disk(top: Path) -> set[str]:
    return {str(path) for path in top.rglob("*")}


def applied(held: set[str], changes: list[dict[str, str]]) -> set[str]:
    """What is held by someone who goes by paths alone."""
    for change in changes:
        path, old = change["path"], change.get("old_path")
        assert (path in held) == (change["type"] in ("modified", "deleted"))
        if change["type"] == "deleted":
            held = {each for each in held if each != path and not each.startswith(path + "/")}
        elif old is not None:
            held = {path + each[len(old) :] if each == old or each.startswith(old + "/") else each for each in held}
        else:
            held = held | {path}
    return held


def edit(dice: Random, top: Path) -> None:
    """One thing that people do to files."""
    directories = [top, *(path for path in top.rglob("*") if path.is_dir() and not path.is_symlink())]
    path, other = (dice.choice(directories) / dice.choice(["a", "b", "c.rs", "d.rs"]) for _ in range(2))
    coin = dice.random() < 0.5
    if not path.exists():
        path.mkdir() if coin else path.touch()
    elif not other.exists() and path not in other.parents:
        path.rename(other)
    elif path.is_dir():
        shutil.rmtree(path)
    elif coin:
        path.unlink()
    else:
        path.write_bytes(dice.randbytes(9))


def test_what_has_changed_since_a_clock(server: Server, project: Path) -> None:
    first = server.json("/clock")["clock"]
    assert asked(server, first) == {"clock": first, "from": first, "complete": True, "changes": []}
    (project / "new.txt").write_bytes(b"new")
    (project / "README.md").write_bytes(b"more\n")
    answer = asked(server, first, "&sync=1")
    assert sorted(told(answer)) == [("created", "new.txt"), ("modified", "README.md")]
    (created,) = (change for change in answer["changes"] if change["type"] == "created")
    assert created.keys() == {"type", "path", "kind", "size", "timestamp"}
    assert (created["path"], created["kind"], created["size"]) == (str(project / "new.txt"), "file", 3)
    assert answer["from"] == first
    assert server.get(f"/changes?since={first}")[1]["x-smarttree-clock"] == answer["clock"] == server.sync()
    (project / "new.txt").unlink()
    assert told(asked(server, answer["clock"], "&sync=1")) == [("deleted", "new.txt")]
    assert told(asked(server, first)) == [("modified", "README.md")]


def test_answers_one_after_the_other_have_the_effect_of_one(server: Server, project: Path) -> None:
    dice, clock, held = Random(7), server.json("/clock")["clock"], on_disk(project)
    first, at_first = clock, set(held)
    for _ in range(25):
        for _ in range(dice.randrange(1, 6)):
            edit(dice, project)
        answer = asked(server, clock, "&sync=1")
        held, clock = applied(held, answer["changes"]), answer["clock"]
        assert held == on_disk(project)
    assert applied(at_first, asked(server, first)["changes"]) == held


@pytest.mark.parametrize("query", ["&path=/src", "&include=*.rs", "&exclude=src&types=file", "&include=[a-c]&path=src"])
def test_a_part_is_as_exact(server: Server, project: Path, query: str) -> None:
    dice, first = Random(query), server.json("/clock")["clock"]
    held = seen(server, query)
    for _ in range(8):
        (project / "src" / "x.rs").write_bytes(dice.randbytes(3))
        for _ in range(dice.randrange(1, 6)):
            edit(dice, project / dice.choice(["src", "empty", "."]))
        server.sync()
        assert applied(held, asked(server, first, query)["changes"]) == seen(server, query)


def seen(server: Server, query: str) -> set[str]:
    """What a stream that is asked for the same shows."""
    with Follower(f"{server.url}/events?events=tree,quantum{query}") as follower:
        follower.turn()
        return {os.fsdecode(path) for path, entry in follower.mirror.paths() if entry.parent}


def test_the_other_forms_say_the_same(server: Server, project: Path) -> None:
    first = server.json("/clock")["clock"]
    for number in range(1200):
        (project / "empty" / f"{number}\n\u00e4").touch()
    answer = asked(server, first, "&sync=1")
    _, headers, body = server.get(f"/changes?since={first}", Accept=NDJSON)
    assert headers["content-type"] == NDJSON
    *changes, ending = map(json.loads, body.decode().split("\n")[:-1])
    assert changes == answer.pop("changes")
    assert ending == {"changes": len(changes), **answer}
    _, headers, body = server.get(f"/changes?since={first}", Accept=MEDIA_TYPE_QTN)
    batch = decode_batch(body)
    assert (f"{batch.epoch:016x}-{batch.from_seq}", f"{batch.epoch:016x}-{batch.to_seq}") == (first, answer["clock"])
    status, headers, body = server.get(f"/changes?since={answer['clock']}", Accept=MEDIA_TYPE_QTN)
    assert (status, body, headers["x-smarttree-clock"]) == (204, b"", answer["clock"])
    _, headers, body = server.get(f"/changes?since={first}", Accept_Encoding="gzip")
    assert headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(body))["changes"] == changes
    assert problem(server.get(f"/changes?since={first}", Accept="image/png"))[:2] == (406, "not-acceptable")


def test_a_clock_that_is_not_known_is_said_to_be(server: Server) -> None:
    clock = server.json("/clock")["clock"]
    epoch, _, seq = clock.partition("-")
    for other in (f"{epoch}-{int(seq) + 1}", "0123456789abcdef-1", f"{epoch}-999999999999999999"):
        for query in ("", "&include=*.rs", "&wait=5"):
            status, code, data = problem(server.get(f"/changes?since={other}{query}"))
            assert (status, code, data["clock"]) == (410, "unknown-clock", clock)
    for bad in ("", "?since=", "?since=yesterday", f"?since={clock}&since={clock}", f"?since={clock}&wait=301",
                f"?since={clock}&wait=-1", f"?since={clock}&what=1", f"?since={clock}&only=content",
                f"?since={clock}&types=house"):  # fmt: skip
        assert problem(server.get(f"/changes{bad}"))[:2] == (400, "bad-parameter"), bad
    assert problem(server.get(f"/changes?since={clock}&path=README.md"))[:2] == (400, "not-a-directory")


def test_who_waits_is_answered_when_there_is_something(server: Server, project: Path) -> None:
    clock = server.json("/clock")["clock"]
    queries = ["", "&include=*.rs", "&path=/src", "&types=file"]
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(asked, server, clock, f"&wait=60{query}") for query in queries]
        until_waiting(server, len(queries))
        (project / "empty" / "directory").mkdir()
        answer = waiting[0].result(20)
        assert told(answer) == [("created", "directory")]
        assert not any(each.done() for each in waiting[1:])
        (project / "src" / "new.rs").write_bytes(b"1")
        assert [told(each.result(20))[-1] for each in waiting[1:]] == [("created", "new.rs")] * 3


def until_waiting(server: Server, count: int) -> None:
    """So many requests are there that wait."""
    deadline = time.monotonic() + 20
    while server.app[WAITING].count != count:
        assert time.monotonic() < deadline
        server.sync()


def test_who_waits_in_vain_is_answered_in_time(server: Server, project: Path) -> None:
    clock, done = server.json("/clock")["clock"], threading.Event()

    def write() -> None:
        while not done.is_set():
            (project / "README.md").write_bytes(b"x")
            server.sync()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answer = asked(server, clock, "&include=*.rs&wait=1")
    finally:
        done.set()
        writer.join()
    assert (told(answer), answer["from"], answer["complete"]) == ([], clock, True)
    assert int(answer["clock"].partition("-")[2]) > int(clock.partition("-")[2])


def test_who_gives_up_while_a_part_is_made_leaves_no_user_of_it(server: Server) -> None:
    """A selection that nobody ever leaves is one of few that there may be."""
    clock, selections = server.json("/clock")["clock"], server.service.selections
    with selections._making:  # so that it takes longer than anyone waits
        assert told(asked(server, clock, "&include=*.rs&wait=1")) == []
    deadline = time.monotonic() + 20
    while not selections._kept or any(kept.users for kept in selections._kept.values()):
        assert time.monotonic() < deadline


def test_the_end_of_the_server_is_an_answer(project: Path) -> None:
    with ThreadPoolExecutor() as pool:
        with Server(project) as server:
            clock = server.json("/clock")["clock"]
            waiting = pool.submit(asked, server, clock, "&wait=60")
            until_waiting(server, 1)
        assert told(waiting.result(20)) == []


def test_across_a_restart_nothing_is_missed(project: Path, tmp_path: Path) -> None:
    state = StateConfig(directory=bytes(tmp_path / "state"))
    with Server(project, state=state) as server:
        first, held = server.json("/clock")["clock"], on_disk(project)
        rust = {path for path in held if path.endswith(".rs")}
        (project / "src" / "lib.rs").rename(project / "empty" / "other.rs")
        (project / "src" / "more").mkdir()
        (project / "src" / "more" / "one.rs").touch()
        server.sync()
        shutil.rmtree(project / "src" / "more")
        (project / "two.rs").touch()
        server.sync()
    (project / "README.md").unlink()
    with Server(project, state=state) as server:
        assert applied(held, asked(server, first)["changes"]) == on_disk(project)
        changes = asked(server, first, "&include=*.rs")["changes"]
        assert applied(rust | {str(project / "src")}, changes) == {
            str(project / name) for name in ("src", "src/main.rs", "empty", "empty/other.rs", "two.rs")
        }


def test_what_left_its_content_as_it_was_may_be_left_out(comparing: Server, project: Path) -> None:
    learn(comparing)
    clock = comparing.json("/clock")["clock"]
    (project / "README.md").touch()
    comparing.sync()
    assert told(asked(comparing, clock)) == [("modified", "README.md")]
    assert told(asked(comparing, clock, "&only=content")) == []
    (project / "src" / "lib.rs").touch()
    (project / "two").touch()
    comparing.sync()
    (project / "two").unlink()
    comparing.sync()
    assert told(asked(comparing, clock, "&only=content")) == []
    (project / "src" / "main.rs").write_bytes(b"other")
    assert told(asked(comparing, clock, "&only=content&sync=1")) == [("modified", "main.rs")]
