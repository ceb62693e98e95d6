"""The client before a real server: its mirror, its stream and its calls."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable

import pytest

from clients.python.tests.serving import DEADLINE_S, Serving
from smart_tree_sse import (
    ConnectionLostError,
    Lookup,
    Options,
    ProblemError,
    SmartTreeSSE,
    StreamEndedError,
    Subscription,
    TreeChange,
)

QUICK = Options(retry_max_s=0.2)


async def until(law: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not law():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_mirror_is_the_tree_through_restarts(serving: Serving) -> None:
    (serving.top / "d").mkdir()
    (serving.top / "d" / "x.py").write_text("1")
    await asyncio.to_thread(serving.sync)
    async with SmartTreeSSE(serving.url, options=QUICK) as client, client.mirror() as mirror:
        heard = mirror.subscribe("*.py")
        for number in range(3):
            (serving.top / "d" / f"{number}.py").write_text("1")
            (serving.top / "d" / f"{number}.c").write_text("1")
            await asyncio.to_thread(serving.stop, signal.SIGKILL if number == 1 else signal.SIGTERM)
            (serving.top / f"{number}\udcff").mkdir()
            await asyncio.to_thread(serving.start)
            told = await client.tree(sync=True)
            await until(lambda: mirror.clock == told["clock"])  # noqa: B023 - asked at once
            found = {entry.path: entry.size for entry in mirror if entry.kind == "file"}
            files = [os.path.join(at, name) for at, _, names in os.walk(serving.top) for name in names]
            assert found == {path: os.lstat(path).st_size for path in files}
            assert mirror[os.fsencode(serving.top) + b"/%d\xff" % number].kind == "dir"
            snapshot = await client.snapshot()
            assert [*Lookup(snapshot)] == [*mirror]
            assert {*map(os.fsdecode, snapshot.paths())} | {str(serving.top)} == {entry.path for entry in mirror}
        assert [entry.path for entry in mirror.glob("/d/*.py")] == sorted(map(str, serving.top.glob("d/*.py")))
        created = list[str]()
        while len(created) < 3:
            change = await anext(heard)
            created += [change.path.rpartition("/")[2]] if change.type == "created" else []
        assert created == ["0.py", "1.py", "2.py"]


async def test_nothing_is_left_over(serving: Serving) -> None:
    before = asyncio.all_tasks()
    async with SmartTreeSSE(serving.url) as client:
        mirror, stream = client.mirror(), client.stream()
        async with mirror:
            heard = mirror.subscribe()
            assert (await anext(stream)).type == "tree"
        assert [change async for change in heard] == []
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert asyncio.all_tasks() == before


async def test_who_does_not_read_is_waited_for_and_who_is_gone_is_not(serving: Serving) -> None:
    def offered(subscription: Subscription[TreeChange, TreeChange], change: TreeChange) -> int:
        return sum(subscription.offer([change]) for _ in range(100))

    async with SmartTreeSSE(serving.url) as client, client.mirror() as mirror:
        change = TreeChange("created", "/x", mirror.roots()[0])
        lazy = Subscription[TreeChange, TreeChange](lambda told: told)
        assert offered(lazy, change) == 64
        room = lazy.room
        assert not room.is_set()
        assert await anext(lazy) == change
        assert room.is_set()
        assert not (offered(lazy, change), room.is_set())[1]
        del lazy
        assert room.is_set()


async def test_the_shape_of_the_seed(serving: Serving) -> None:
    async with SmartTreeSSE(serving.url) as tree_sse:
        async for event in tree_sse.stream():
            if event.type == "message":
                (serving.top / "new").touch()
            if event.type == "change":
                break
    assert (event.path, event.change) == (str(serving.top / "new"), "created")
    (record,) = SmartTreeSSE.decompress(event.delta).records  # type: ignore[arg-type, union-attr]
    assert record.name == b"new"


async def test_errors(serving: Serving) -> None:
    async with SmartTreeSSE(serving.url, token="a-secret-of-ours") as client:
        assert "a-secret-of-ours" not in repr(client)
        with pytest.raises(ProblemError) as problem:
            await client.tree("/nowhere")
        assert (problem.value.status, problem.value.code) == (404, "no-such-path")
        with pytest.raises(StreamEndedError) as ended:
            await anext(client.stream(mode="nonsense"))
        assert ended.value.code == "http-400"
        with pytest.raises(StreamEndedError):
            async with client.mirror(types=["nonsense"]):
                pass
        await asyncio.to_thread(serving.stop)
        with pytest.raises(ConnectionLostError):
            await client.clock()
    for url in ("localhost", "ftp://x", "http://u:p@x", "http://x?y"):
        with pytest.raises(ValueError):
            SmartTreeSSE(url)
    with pytest.raises(ValueError):
        SmartTreeSSE("http://x", token="two\nlines")


async def test_a_search_a_root_and_a_directory_that_goes(serving: Serving) -> None:
    (serving.top / "d").mkdir()
    (serving.top / "d" / "x").write_text("find me\n")
    async with SmartTreeSSE(serving.url) as client, client.mirror() as mirror:
        clock = (await client.clock(sync=True))["clock"]
        kinds = [message["type"] async for message in client.search("find me")]
        assert kinds == ["begin", "match", "end", "summary"]
        assert [root["path"] for root in (await client.roots())["roots"]] == [str(serving.top)]
        shutil.rmtree(serving.top / "d")
        told = await client.changes(clock, sync=True)
        assert [change["type"] for change in told["changes"]] == ["deleted"]
        await until(lambda: f"{serving.top}/d" not in mirror)
        with pytest.raises(KeyError):
            mirror.children(f"{serving.top}/d")
