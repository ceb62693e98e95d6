"""Mirrors before a server that tells truth and lies: whatever it says, a mirror is the whole tree of some clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from clients.contract.adapters import Adapter, Session
from clients.contract.scripted import Scene, Scripted, frames, held
from clients.contract.world import DIRECTORY, FILE, World, clock, false_digest, flipped, frame, void_digest
from spec.qtn1 import SERVICE, Batch, encode_batch
from spec.qtn1_mirror import compact, diff
from tests.vectors.implementations import Json

RETRY = "retry: 10\n\n"


def session(adapter: Adapter, server: Scripted, globs: Sequence[str] = (), **options: Any) -> Session:
    options = {"silence_s": 30.0, "retry_max_s": 0.2} | options
    return Session(adapter, do="mirror", url=server.url, query={}, globs=list(globs), options=options)


def a_world(entries: int = 40, *roots: bytes) -> World:
    world = World(*roots)
    for number, root in enumerate(roots or (b"/srv",)):
        world.fill(root, entries, number)
    return world


def holds(mirror: Session, world: World) -> None:
    """Once it is at this clock, it is this world, by digest and by every entry."""
    line = mirror.until_told("applied", world.clock)
    assert line["digest"] == f"{world.mirror.service_digest:032x}"
    assert line["entries"] == len(world.mirror.entries)
    assert mirror.listed() == world.listing()


def reasons(mirror: Session) -> list[str]:
    return mirror.told("rebased")


def test_it_keeps_up_with_batches(adapter: Adapter) -> None:
    world = a_world(200)
    first, opening = world.listing(), world.opening()
    batches = [
        world.batch(world.make(world.id_of(b"/srv"), b"new.rs", FILE, 77)),
        world.batch(world.grow(b"/srv/new.rs", 80), world.make(world.id_of(b"/srv"), b"d", DIRECTORY)),
        world.batch(world.move(b"/srv/new.rs", b"/srv/d", b"moved.rs")),
        world.batch(world.chmod(b"/srv/d", 0o040700)),
        world.batch(world.delete(b"/srv/d")),
    ]
    with Scripted(frames(RETRY, opening, *batches, then=held)) as server:
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()
    assert reasons(mirror) == ["initial"]
    assert [line.rpartition("-")[2] for line in mirror.told("applied")] == ["5", "6", "7", "8", "9", "10"]
    assert world.listing() == first
    query = server.requests[0].query
    assert sorted(",".join(query["events"]).split(",")) == ["quantum", "tree"]
    assert query.get("tree", ["full"]) == ["full"]
    assert query.get("mode", ["quantum"]) == ["quantum"]


def test_several_roots_come_and_go(adapter: Adapter) -> None:
    world = a_world(30, b"/srv/a", b"/srv/b\xff")
    opening = world.opening()
    batches = [
        world.batch(world.make(SERVICE, b"/srv/c", DIRECTORY)),
        world.batch(world.make(world.id_of(b"/srv/c"), b"x", FILE, 1)),
        world.batch(world.delete(b"/srv/a")),
    ]
    with Scripted(frames(opening, *batches, then=held)) as server:
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()


def test_names_that_are_swapped(adapter: Adapter) -> None:
    world = World()
    top = world.id_of(b"/srv")
    world.carry_out(world.make(top, b"a", FILE, 1), world.make(top, b"b", FILE, 2))
    opening = world.opening()
    batch = world.batch(world.move(b"/srv/a", b"/srv", b"b"), world.move(b"/srv/b", b"/srv", b"a"))
    with Scripted(frames(opening, batch, then=held)) as server:
        mirror = session(adapter, server, ["*"])
        holds(mirror, world)
        mirror.stop()
    moves = {(told["type"], told["old_path"], told["path"]) for told in mirror.told("told")}
    a, b = b"/srv/a".hex(), b"/srv/b".hex()
    assert moves == {("renamed", a, b), ("renamed", b, a)}


def test_a_batch_that_comes_twice_is_skipped(adapter: Adapter) -> None:
    world = a_world()
    opening = world.opening()
    batch = world.batch(world.make(world.id_of(b"/srv"), b"x", FILE, 1))
    last = world.batch(world.delete(b"/srv/x"))
    with Scripted(frames(opening, batch, batch, last, batch, last, then=held)) as server:
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()
    assert reasons(mirror) == ["initial"]


def from_earlier(batch: Batch) -> Batch:
    return replace(batch, from_seq=batch.from_seq - 4)


def test_a_batch_may_begin_earlier(adapter: Adapter) -> None:
    """As for a part of the tree, of which nothing changed in between."""
    world = a_world()
    opening = world.opening()
    batch = world.batch(world.make(world.id_of(b"/srv"), b"x"), lie=from_earlier)
    with Scripted(frames(opening, batch, then=held)) as server:
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()
    assert reasons(mirror) == ["initial"]


def test_one_compacted_batch_is_as_good_as_many(adapter: Adapter) -> None:
    world = a_world(100)
    before, opening = world.copy(), world.opening()
    batches = [world.step(world.make(world.id_of(b"/srv"), b"n%d" % n, FILE, n)) for n in range(20)]
    batches += [world.step(world.delete(b"/srv/n%d" % n)) for n in range(0, 20, 2)]
    told = compact(before.mirror, batches)
    assert told.records == diff(before.mirror, world.mirror)
    with Scripted(frames(opening), frames(RETRY, frame(encode_batch(told), world.clock), then=held)) as server:
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()
    assert server.requests[1].last_id == before.clock
    assert reasons(mirror) == ["initial"]


def test_no_digest_is_checked_where_there_is_none(adapter: Adapter) -> None:
    world = a_world()
    opening = world.opening()
    batch = world.batch(world.make(world.id_of(b"/srv"), b"x"), lie=void_digest)
    with Scripted(frames(opening, batch, then=held)) as server:
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()


# ---------------------------------------------------------------- what can't go on


def gap(batch: Batch) -> Batch:
    return replace(batch, from_seq=batch.from_seq + 1, to_seq=batch.to_seq + 1)


def other_epoch(batch: Batch) -> Batch:
    return replace(batch, epoch=batch.epoch ^ 1)


def not_applicable(batch: Batch) -> Batch:
    return replace(batch, records=[replace(record, parent=49_999_999) for record in batch.records])


LIES = {"gap": gap, "epoch": other_epoch, "digest": false_digest, "damaged": not_applicable}


@pytest.mark.parametrize("why", LIES)
def test_what_can_not_go_on_is_fetched_anew(adapter: Adapter, why: str) -> None:
    """With a manifest, as much is held already; without a clock; and the last good tree is shown meanwhile."""
    world = a_world(300)
    before, opening, groups = world.copy(), world.opening(), world.groups()
    record = world.make(world.id_of(b"/srv"), b"x", FILE, 5)
    told = encode_batch(LIES[why](world.copy().step(record)))
    world.step(record)
    with Scripted(
        frames(opening, frame(told, world.clock)), frames(RETRY, world.opening("rebase", manifest=True), then=held)
    ) as server:
        server.answers = {f"/chunk/{address}": group for address, group in world.groups().items()}
        mirror = session(adapter, server)
        mirror.until_told("applied", before.clock)
        holds(mirror, world)
        mirror.stop()
    assert reasons(mirror) == ["initial", why]
    second = server.requests[1]
    assert (second.last_id, second.query.get("since")) == (None, None)
    assert second.query["tree"] == ["manifest"]
    fetched = [request.path.removeprefix("/chunk/") for request in server.asked]
    assert sorted(fetched) == sorted(world.groups().keys() - groups.keys())
    assert [line["fetched"] for line in mirror.lines if "rebased" in line] == [0, len(fetched)]


def test_a_document_that_is_damaged_is_fetched_anew(adapter: Adapter) -> None:
    world = a_world()
    opening = world.opening()
    told = flipped(encode_batch(world.step(world.make(world.id_of(b"/srv"), b"x"))))
    with Scripted(frames(opening, frame(told, world.clock)), frames(world.opening("rebase"), then=held)) as server:
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()
    assert reasons(mirror) == ["initial", "damaged"]


NONSENSE = ["data: {", "data: []", "data: {}", 'data: {"compressed": "QTN1:"}', "data: QTN1:BATCH:"]


@pytest.mark.parametrize("wrong", NONSENSE)
@pytest.mark.parametrize("event", ["tree", "quantum"])
def test_what_is_no_document_is_fetched_anew(adapter: Adapter, event: str, wrong: str) -> None:
    world = a_world()
    nonsense = f"event: {event}\n{wrong}\nid: {clock(world.epoch, world.seq + 1)}\n\n"
    with Scripted(frames(world.opening(), nonsense), frames(RETRY, world.opening("rebase"), then=held)) as server:
        mirror = session(adapter, server)
        mirror.until_told("rebased", "damaged")
        holds(mirror, world)
        mirror.stop()
    assert server.requests[1].last_id is None


def test_trees_that_come_wrong_are_asked_for_again_and_the_good_one_is_shown(adapter: Adapter) -> None:
    world = a_world()
    before = world.copy()
    good = world.opening()
    world.step(world.make(world.id_of(b"/srv"), b"x"))
    wrong: list[Scene] = [frames(RETRY, world.opening("rebase", flipped)) for _ in range(4)]
    with Scripted(frames(RETRY, good), *wrong, frames(world.opening("rebase"), then=held)) as server:
        mirror = session(adapter, server)
        mirror.until_told("applied", before.clock)
        assert mirror.listed() == before.listing()
        holds(mirror, world)
        mirror.stop()
    assert [request.last_id for request in server.requests] == [None, before.clock, None, None, None, None]


def test_a_server_that_rebases_says_so(adapter: Adapter) -> None:
    """Its trees replace everything, also a root that they do not name."""
    old, new = a_world(20, b"/srv/a", b"/srv/b"), World(b"/srv/b", b"/srv/c", epoch=99)
    new.fill(b"/srv/c", 20)
    with Scripted(frames(RETRY, old.opening()), frames(new.opening("rebase"), then=held)) as server:
        mirror = session(adapter, server, ["/**"])
        holds(mirror, new)
        mirror.stop()
    assert reasons(mirror) == ["initial", "server"]
    differences = difference(old, new)
    assert {(told["type"], told["path"]) for told in mirror.told("told")} == differences


def difference(old: World, new: World) -> set[tuple[str, str]]:
    """What one who hears of every path must be told."""
    before = {row[0]: row[1:] for row in old.listing()}
    after = {row[0]: row[1:] for row in new.listing()}
    told = {("created", path) for path in after.keys() - before.keys()}
    told |= {("deleted", path) for path in before.keys() - after.keys()}
    both = before.keys() & after.keys()
    return told | {("modified", path) for path in both if seen(before[path]) != seen(after[path])}


def seen(values: list[Any]) -> Any:
    """A directory's time is no change of it."""
    return values[0] if values[0] & 0o170000 == DIRECTORY & 0o170000 else values


@pytest.mark.parametrize("wrong", ["gone", "other", "damaged"])
def test_a_group_that_can_not_be_had_makes_it_ask_for_the_whole(adapter: Adapter, wrong: str) -> None:
    world = a_world(300)
    opening = world.opening()
    world.step(world.make(world.id_of(b"/srv"), b"x"))
    manifest = world.opening("rebase", manifest=True)
    with Scripted(
        frames(RETRY, opening), frames(RETRY, manifest), frames(world.opening("rebase"), then=held)
    ) as server:
        for address, group in world.groups().items():
            other = world.groups().popitem()[1][:-1] + b"\0"
            lie = {"gone": None, "other": other, "damaged": group[:-1] + b"\xff"}[wrong]
            if lie is not None:
                server.answers[f"/chunk/{address}"] = lie
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()
    assert [request.query.get("tree", ["full"]) for request in server.requests] == [["full"], ["manifest"], ["full"]]


def test_a_batch_without_a_tree_is_a_reason_to_ask_for_one(adapter: Adapter) -> None:
    world = a_world()
    stray = world.batch(world.make(world.id_of(b"/srv"), b"x"))
    with Scripted(frames(RETRY, stray), frames(world.opening(), then=held)) as server:
        mirror = session(adapter, server)
        holds(mirror, world)
        mirror.stop()
    assert server.requests[1].last_id is None


# ---------------------------------------------------------------- subscriptions


def test_a_subscription_hears_what_matches_one_by_one(adapter: Adapter) -> None:
    world = World()
    top = world.id_of(b"/srv")
    world.carry_out(*(source := [world.make(top, b"src", DIRECTORY), world.make(top, b"main.rs", FILE, 1)]))
    below = [world.make(source[0].id, name, FILE, 1) for name in (b"a.rs", b"b.c", b"\xff.rs")]
    world.carry_out(*below)
    opening = world.opening()
    new = world.make(top, b"new", DIRECTORY)
    batches = [
        world.batch(world.grow(b"/srv/main.rs", 9), world.grow(b"/srv/src/b.c", 9)),
        world.batch(world.move(b"/srv/src", b"/srv", b"lib")),
        world.batch(world.move(b"/srv/lib/b.c", b"/srv/lib", b"b.rs")),
        world.batch(new, world.make(new.id, b"x.rs")),
        world.batch(world.delete(b"/srv/lib")),
        world.batch(world.delete(b"/srv/new")),
    ]
    with Scripted(frames(opening, *batches, then=held)) as server:
        mirror = session(adapter, server, ["*.rs"])
        holds(mirror, world)
        mirror.stop()
    expected = [
        [("modified", "main.rs", "")],
        [("renamed", "lib/a.rs", "src/a.rs"), ("renamed", "lib/\udcff.rs", "src/\udcff.rs")],
        [("renamed", "lib/b.rs", "lib/b.c")],
        [("created", "new/x.rs", "")],
        [("deleted", "lib/a.rs", ""), ("deleted", "lib/b.rs", ""), ("deleted", "lib/\udcff.rs", "")],
        [("deleted", "new/x.rs", "")],
    ]
    assert told_by_batch(mirror.lines) == [set(batch) for batch in expected]


def told_by_batch(lines: list[Json]) -> list[set[tuple[str, str, str]]]:
    """What was told before each `applied` but the opening's, by paths below the root."""
    batches, told = [], set[tuple[str, str, str]]()
    for line in lines:
        if "told" in line:
            change = line["told"]
            told.add((change["type"], below_srv(change["path"]), below_srv(change.get("old_path", ""))))
        elif "applied" in line:
            batches.append(told)
            told = set()
    assert not told, "it is told of a batch before that is `applied`"
    return batches[1:]


def below_srv(path: str) -> str:
    return bytes.fromhex(path).removeprefix(b"/srv/").decode("utf-8", "surrogateescape")


def test_a_directory_that_only_got_newer_is_not_told(adapter: Adapter) -> None:
    world = a_world(0)
    world.carry_out(world.make(world.id_of(b"/srv"), b"d", DIRECTORY))
    opening = world.opening()
    touched = replace(world.grow(b"/srv/d", 0), mask=16)
    batches = [world.batch(touched), world.batch(world.chmod(b"/srv/d", 0o040711))]
    with Scripted(frames(opening, *batches, then=held)) as server:
        mirror = session(adapter, server, ["*"])
        holds(mirror, world)
        mirror.stop()
    assert [told["type"] for told in mirror.told("told")] == ["modified"]
