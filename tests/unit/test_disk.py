"""The listing by `find` says what `lstat` says, for every kind of entry and every odd name and time."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.disk import Seen, difference, listing, nanoseconds


def by_lstat(root: Path) -> dict[bytes, Seen]:
    """The same listing, by Python."""
    result = {}
    for directory, subdirectories, files in os.walk(os.fsencode(root)):
        for name in subdirectories + files:
            path = os.path.join(directory, name)
            s = os.lstat(path)
            kind = {0x8000: "file", 0x4000: "dir", 0xA000: "symlink"}.get(s.st_mode & 0xF000, "other")
            result[path] = Seen(kind, 0 if kind == "dir" else s.st_size, s.st_mode & 0o7777, s.st_mtime_ns)
    return result


def test_listing_is_what_lstat_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.makedirs(b"sub/new\nline/\xff\xfe")
    Path("sub/file").write_bytes(b"x" * 1000)
    Path("sub/-leading").touch(mode=0o4751)
    os.chmod("sub/-leading", 0o4751)
    os.symlink("nowhere", "sub/link")
    os.symlink("sub", "directory-link")
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("socket")
    for name, mtime_ns in [("file", -1), ("-leading", -1_500_000_000), ("link", 1_700_000_000_123_456_789)]:
        os.utime(f"sub/{name}", ns=(0, mtime_ns), follow_symlinks=False)
    seen = listing(str(tmp_path))
    assert difference(by_lstat(tmp_path), seen) == ""
    assert len(seen) == 9
    assert seen[os.fsencode(tmp_path / "sub/-leading")] == Seen("file", 0, 0o4751, -1_500_000_000)


def test_difference_names_the_paths() -> None:
    one, other = Seen("file", 1, 0o644, 5), Seen("file", 2, 0o644, 5)
    assert difference({b"/a": one}, {b"/a": one}) == ""
    told = difference({b"/a": one, b"/b": one}, {b"/a": other, b"/c": one}, limit=2)
    assert "b'/a'" in told
    assert "b'/b'" in told
    assert told.endswith("3 paths differ")


def test_nanoseconds_before_1970() -> None:
    assert nanoseconds("12.0000000030") == 12_000_000_003
    assert nanoseconds("-2.5000000000") == -1_500_000_000
