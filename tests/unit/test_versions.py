"""Versions: a hash is of one state of a file, and a content is the one that was hashed, or there is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

from smarttree.errors import ChangedWhileRead, NotAFile, PathError, TooLarge
from smarttree.hashing import CHUNK_BYTES
from smarttree.versions import LOOKS_MAX, Place, Version, Versions, content

ANY = 1 << 40


def no_check() -> None:
    pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    file = tmp_path / "d" / "file"
    file.write_bytes(b"content")
    return file


def place(file: Path) -> Place:
    return Place(bytes(file.parents[1]), bytes(file.relative_to(file.parents[1])))


def now(file: Path, check: Callable[[], None] = no_check) -> Version:
    return Versions().now(place(file), ANY, check)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 1])
def test_a_content_is_told_and_read(file: Path, size: int) -> None:
    data = os.urandom(size)
    file.write_bytes(data)
    version = now(file)
    assert version == (place(file), xxhash.xxh3_128_digest(data), size, file.stat().st_mtime_ns)
    assert b"".join(content(version)) == data


def test_it_is_read_once_for_each_state(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions, reads = Versions(), []
    read = os.read

    def counted(fd: int, size: int) -> bytes:
        reads.append(size)
        return read(fd, size)

    monkeypatch.setattr(os, "read", counted)
    first = versions.now(place(file), ANY, no_check)
    assert (versions.now(place(file), ANY, no_check), len(reads)) == (first, 1)
    file.write_bytes(b"another")
    assert versions.now(place(file), ANY, no_check).digest == xxhash.xxh3_128_digest(b"another")
    assert len(reads) == 2


def test_a_file_that_never_rests_is_told(file: Path) -> None:
    looks = 0

    def write() -> None:
        nonlocal looks
        looks += 1
        with file.open("ab") as more:
            more.write(b"more")

    with pytest.raises(ChangedWhileRead, match="written while it is read"):
        now(file, write)
    assert looks == LOOKS_MAX


def test_what_is_written_between_hash_and_reading_is_not_taken_for_it(file: Path) -> None:
    for other in (b"CONTENT", b"cont", b"content, and more"):
        file.write_bytes(b"content")
        version = now(file)
        file.write_bytes(other)
        if other.startswith(b"content"):
            assert b"".join(content(version)) == b"content"
        else:
            with pytest.raises(ChangedWhileRead):
                list(content(version))


def test_what_is_too_large_is_not_read(file: Path) -> None:
    os.truncate(file, 10 << 30)
    with pytest.raises(TooLarge, match="10,737,418,240 bytes"):
        Versions().now(place(file), 1 << 20, lambda: pytest.fail("it was read"))


def test_what_has_gone_and_what_has_taken_its_place(file: Path, tmp_path: Path) -> None:
    version = now(file)
    file.unlink()
    for look in (lambda: now(file), lambda: list(content(version))):
        with pytest.raises(PathError):
            look()
    os.mkfifo(file)
    with pytest.raises(NotAFile):
        now(file)
    file.unlink()
    (tmp_path / "elsewhere").write_bytes(b"content")
    file.symlink_to("../elsewhere")
    with pytest.raises(PathError, match=r"no regular file|link"):
        now(file)
    file.unlink()
    file.parent.rmdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_bytes(b"content")
    file.parent.symlink_to("other")
    for look in (lambda: now(file), lambda: list(content(version))):
        with pytest.raises(PathError, match="link"):
            look()


def test_nothing_stays_open(file: Path) -> None:
    before = os.listdir("/proc/self/fd")
    test_a_file_that_never_rests_is_told(file)
    reading = content(now(file))
    next(reading)
    reading.close()
    assert len(os.listdir("/proc/self/fd")) == len(before)
