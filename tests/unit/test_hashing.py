"""The law of a hash: it is that of a regular file's content, in the state asked for before it was read and after."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import xxhash

from smarttree._hashes import Hashes
from smarttree._stat import look
from smarttree.hashing import CHUNK_BYTES, UNDONE, Background, File, hash_file, outlast, stamp_ns
from smarttree.row import Row
from smarttree.tree import SERVICE_ID, Tree
from tests.plain_trees import DIRECTORY, FILE, LINK
from tests.running import DEADLINE_S
from tests.trees import row

NOW_NS = 1_700_000_000 * 10**9
QUIET_NS = 10**9


def never() -> bool:
    return False


def seen(path: Path) -> File:
    """A file in the state it is in."""
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = look(fd, [os.fsencode(path.name)])[0]
    finally:
        os.close(fd)
    assert isinstance(found, Row)
    return File(1, os.fsencode(path), found)


def of(path: Path) -> bytes | None:
    return hash_file(seen(path), never).digest


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7])
def test_it_is_the_xxh3_of_all_bytes(tmp_path: Path, size: int) -> None:
    (tmp_path / "f").write_bytes(content := os.urandom(size))
    assert of(tmp_path / "f") == xxhash.xxh3_128(content).digest()


def test_what_is_no_regular_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("f")
    os.mkfifo(tmp_path / "pipe")
    assert [of(tmp_path / name) for name in ("d", "link", "pipe")] == [None] * 3


def test_a_file_in_another_state_has_none(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"content")
    file = seen(path)
    assert hash_file(file, never).digest
    for other in (file.row.size + 1, file.row.ino + 1):
        for field in ("size", "ino", "mtime_ns", "ctime_ns"):
            assert hash_file(file._replace(row=file.row._replace(**{field: other})), never).digest is None
    path.unlink()
    assert hash_file(file, never).digest is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_has_none(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    (tmp_path / "f").chmod(0)
    assert of(tmp_path / "f") is None


@pytest.mark.parametrize("change", [b"longer than it was", b"same size", b""])
def test_a_file_that_changes_while_it_is_read_has_none(tmp_path: Path, change: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"size same")
    file = seen(path)
    outlast(file.row.ctime_ns)
    asked: list[None] = []

    def meddle() -> bool:
        asked.append(None)
        if len(asked) == 2:  # it is open by then
            path.write_bytes(change)
        return False

    assert hash_file(file, meddle).digest is None
    assert len(asked) >= 2
    assert of(path) == xxhash.xxh3_128(change).digest()


def test_giving_up_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    answers = iter([False, True])
    for give_up in (lambda: True, lambda: next(answers)):
        assert hash_file(seen(tmp_path / "f"), give_up).digest == UNDONE


def test_what_changes_after_a_tick_has_a_later_time(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for content in (b"one", b"two", b"six"):
        path.write_bytes(content)
        before = seen(path).row.ctime_ns
        assert outlast(before) > before
        path.write_bytes(content)
        assert seen(path).row.ctime_ns > before


def test_a_time_in_the_future_is_not_waited_for() -> None:
    far = stamp_ns() + 10**15
    assert outlast(far) < far


# ---------------------------------------------------------------- in the background


def hashed(background: Background, woken: threading.Event, files: list[File]) -> dict[int, bytes | None]:
    background.begin(files)
    assert woken.wait(DEADLINE_S)
    assert not background.is_busy()
    return {file.eid: digest for file, digest in background.take()}


def test_all_is_hashed_and_handed_out_once(tmp_path: Path) -> None:
    woken = threading.Event()
    background = Background(woken.set)
    assert not background.is_busy()
    files = []
    for n in range(50):
        (tmp_path / str(n)).write_bytes(b"%d" % n)
        files.append(seen(tmp_path / str(n))._replace(eid=n))
    wanted = {n: xxhash.xxh3_128(b"%d" % n).digest() for n in range(50)}
    assert hashed(background, woken, files) == wanted
    assert not list(background.take())
    woken.clear()
    assert hashed(background, woken, files[:1]) == {0: wanted[0]}
    background.close()


def test_it_ends_in_the_middle(tmp_path: Path) -> None:
    woken, threads = threading.Event(), threading.active_count()
    background = Background(woken.set)
    (tmp_path / "f").write_bytes(b"x" * 10_000)
    background.begin([seen(tmp_path / "f")] * 1_000_000)
    background.close()
    assert threading.active_count() == threads
    assert len(list(background.take())) < 1_000_000


def test_a_defect_is_not_lost() -> None:
    woken = threading.Event()
    background = Background(woken.set)
    background.begin([None])  # type: ignore[list-item]
    assert woken.wait(DEADLINE_S)
    with pytest.raises(AttributeError):
        background.is_busy()
    background.close()


# ---------------------------------------------------------------- what is known


@pytest.fixture
def tree() -> Tree:
    """Ids 2, 3, 4 and 7 are files of 2, 3, 4 and 7 bytes; 5 is a link, 6 a directory."""
    tree = Tree()
    for eid in range(1, 8):
        assert tree.issue() == eid
        mode = {1: DIRECTORY, 5: LINK, 6: DIRECTORY}.get(eid, FILE)
        values = row(mode, 0 if mode == DIRECTORY else eid, NOW_NS - 3 * QUIET_NS, ino=100 + eid)
        name = b"/r" if eid == 1 else b"%d" % eid
        tree.insert(eid, SERVICE_ID if eid == 1 else 1, name, values._replace(ctime_ns=NOW_NS - 2 * QUIET_NS))
    return tree


HASH = bytes(range(16))


def test_a_hash_counts_while_the_state_is_the_trees(tree: Tree) -> None:
    hashes = Hashes()
    assert hashes.known(tree, 3) is None
    before = tree.row(3)
    hashes.put(3, before, HASH, 12.34)
    assert hashes.known(tree, 3) == (HASH, 12.3)
    assert hashes.known(tree, 2) is None
    for field in ("size", "mtime_ns", "ctime_ns", "ino"):
        tree.update(3, before._replace(**{field: getattr(before, field) + 1}))
        assert hashes.known(tree, 3) is None
    tree.update(3, before._replace(mode=before.mode ^ 0o111))
    assert hashes.known(tree, 3) == (HASH, 12.3)
    hashes.forget(3)
    hashes.forget(1000)
    assert hashes.known(tree, 3) is None


def test_what_is_due_is_each_file_whose_state_is_not_known(tree: Tree) -> None:
    hashes = Hashes()

    def due(*, start: int = 0, limit: int = 9, max_bytes: int = 9, now_ns: int = NOW_NS) -> object:
        return hashes.stale(tree, start, limit=limit, max_bytes=max_bytes, now_ns=now_ns, quiet_ns=QUIET_NS)

    assert due() == ([2, 3, 4, 7], None, False)
    assert due(max_bytes=3) == ([2, 3], None, False)
    assert due(limit=2) == ([2, 3], 4, False)
    assert due(start=4) == ([4, 7], None, False)
    assert hashes.survey(tree, 9) == (0, 4)
    hashes.put(2, tree.row(2), HASH, 0)
    hashes.put(3, tree.row(3), None, 0)
    assert due() == ([4, 7], None, False)
    assert hashes.survey(tree, 9) == (1, 2)
    assert hashes.known(tree, 3) is None
    tree.update(3, tree.row(3)._replace(ctime_ns=NOW_NS))
    assert due() == ([4, 7], None, True)
    assert due(now_ns=NOW_NS + 2 * QUIET_NS) == ([3, 4, 7], None, False)
    tree.remove(4)
    assert hashes.survey(tree, 9) == (1, 2)


def test_a_time_in_the_future_is_due_at_once(tree: Tree) -> None:
    tree.update(2, tree.row(2)._replace(ctime_ns=NOW_NS + 10**18))
    assert Hashes().stale(tree, 0, limit=1, max_bytes=9, now_ns=NOW_NS, quiet_ns=QUIET_NS) == ([2], 3, False)


def test_a_hash_of_another_length_is_refused(tree: Tree) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        Hashes().put(2, tree.row(2), bytes(8), 0)
