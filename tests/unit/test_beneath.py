"""Nothing but a regular file below the root is ever opened, whatever the path says and whatever is put in its way."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smarttree._beneath import open_beneath, refusal
from smarttree.errors import NotAFile, PathError, SystemLimit, Unreadable

SECRET = b"what no one may see"
BOTH = pytest.mark.parametrize("by_names", [False, True], ids=["openat2", "by-names"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """root/{a, d/{b, e/c}}, and a secret beside it."""
    top = tmp_path / "root"
    (top / "d" / "e").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(SECRET)
    for name in ("a", "d/b", "d/e/c"):
        (top / name).write_bytes(name.encode())
    return top


def content(root: Path, path: str, *, by_names: bool) -> bytes:
    fd = open_beneath(bytes(root), os.fsencode(path), by_names)
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


@BOTH
def test_a_file_below_is_opened(root: Path, by_names: bool) -> None:
    for path in ("a", "d/b", "d/e/c"):
        assert content(root, path, by_names=by_names) == path.encode()


@BOTH
@pytest.mark.parametrize(
    "path",
    ["", "/", ".", "..", "../secret", "d/../../secret", "d/..", "./a", "d//b", "/a", "a/", "a\0", "d/./b", "nothing"],
)
def test_what_is_no_path_below_is_refused(root: Path, path: str, by_names: bool) -> None:
    with pytest.raises(PathError):
        open_beneath(bytes(root), path.encode(), by_names)


@BOTH
@pytest.mark.parametrize(
    ("link", "target", "path"),
    [
        ("out", "../secret", "out"),
        ("in", "a", "in"),
        ("up", "..", "up/secret"),
        ("d/far", "{root}/..", "d/far/secret"),
        ("here", "d", "here/b"),
        ("magic", "/proc/self/cwd", "magic/secret"),
        ("fds", "/proc/self/fd/0", "fds"),
    ],
)
def test_no_link_is_followed(root: Path, link: str, target: str, path: str, by_names: bool) -> None:
    (root / link).symlink_to(target.format(root=root))
    with pytest.raises(PathError):
        open_beneath(bytes(root), path.encode(), by_names)


@BOTH
def test_links_of_proc_lead_nowhere(by_names: bool) -> None:
    """They are resolved by the kernel, not by their text: a root could be in /proc."""
    directory = os.open("/etc", os.O_RDONLY)
    try:
        with pytest.raises(PathError):
            open_beneath(b"/proc/self/fd", b"%d/hostname" % directory, by_names)
    finally:
        os.close(directory)


@BOTH
def test_what_is_no_regular_file_is_not_opened(root: Path, by_names: bool) -> None:
    os.mkfifo(root / "pipe")
    opened = threading.Event()

    def write() -> None:
        os.close(os.open(root / "pipe", os.O_WRONLY))  # waits until someone opens it to read
        opened.set()

    waiting = threading.Thread(target=write)
    waiting.start()
    for path in ("pipe", "d"):
        with pytest.raises(NotAFile):
            open_beneath(bytes(root), path.encode(), by_names)
    with pytest.raises(NotAFile):
        open_beneath(b"/dev", b"null", by_names)
    assert not opened.is_set()
    reader = os.open(root / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    waiting.join()  # which may come to its opening only now
    os.close(reader)


@BOTH
def test_a_file_that_may_not_be_read_is_told_as_such(root: Path, by_names: bool) -> None:
    (root / "closed").write_bytes(SECRET)
    (root / "closed").chmod(0)
    if os.geteuid():
        with pytest.raises(Unreadable):
            open_beneath(bytes(root), b"closed", by_names)
    with pytest.raises(PathError):
        open_beneath(bytes(root / "gone"), b"a", by_names)


def test_what_the_system_lacks_is_told_as_such() -> None:
    assert isinstance(refusal(errno.EMFILE, b"/a"), SystemLimit)
    assert isinstance(refusal(errno.EACCES, b"/a"), Unreadable)


def swapped(root: Path, ended: threading.Event) -> Iterator[None]:
    """`d` is in turn the directory and a link out of the root, as fast as that goes."""
    (root / "way").symlink_to("..")
    while not ended.is_set():
        (root / "d").rename(root / "aside")
        (root / "way").rename(root / "d")
        (root / "d").rename(root / "way")
        (root / "aside").rename(root / "d")
        yield


@BOTH
def test_a_link_that_is_put_in_the_way_leads_nowhere(root: Path, by_names: bool) -> None:
    """`d/b` is a file below the root, and, while `d` is a link, one beside it."""
    (root.parent / "b").write_bytes(SECRET)
    ended = threading.Event()
    swapping = threading.Thread(target=lambda: list(swapped(root, ended)))
    swapping.start()
    try:
        seen = 0
        for _ in range(20_000):
            try:
                assert content(root, "d/b", by_names=by_names) == b"d/b"
                seen += 1
            except PathError:
                continue
        assert seen
    finally:
        ended.set()
        swapping.join()
