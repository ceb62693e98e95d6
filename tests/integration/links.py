"""Edits of files with several names (see `edits`): a write through one of them is a change of all.

Law of THROUGH_LINKS: `file` and `known/link` are one file, and everything is done before anyone looks.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path


def hard_links(root: Path, _: Path) -> Iterator[None]:
    (root / "one").write_bytes(b"1")
    (root / "directory").mkdir()
    yield
    (root / "directory" / "two").hardlink_to(root / "one")
    yield
    with (root / "directory" / "two").open("ab") as file:
        file.write(b"written through the other name")
    yield
    (root / "one").chmod(0o600)
    yield
    (root / "one").rename(root / "three")
    (root / "directory" / "two").write_bytes(b"")
    yield
    (root / "three").unlink()
    (root / "directory" / "two").write_bytes(b"alone")
    yield


def _link_and_write(root: Path, _: Path) -> None:
    (root / "other").hardlink_to(root / "file")
    (root / "other").write_bytes(b"written through the other name")


def _write_and_unlink(root: Path, _: Path) -> None:
    (root / "known" / "link").write_bytes(b"written through a name that is gone")
    (root / "known" / "link").unlink()


def _write_and_rename(root: Path, _: Path) -> None:
    (root / "known" / "link").write_bytes(b"written through a name that has moved")
    (root / "known" / "link").rename(root / "elsewhere")


def _write_and_remove_all(root: Path, _: Path) -> None:
    (root / "known" / "link").write_bytes(b"written in a directory that is gone")
    shutil.rmtree(root / "known")


def _write_and_move_out(root: Path, outside: Path) -> None:
    (root / "known" / "link").write_bytes(b"written in a directory that has moved out")
    (root / "known").rename(outside / "known")


def _write_below_what_moved(root: Path, _: Path) -> None:
    (root / "known").rename(root / "moved")
    (root / "moved" / "link").write_bytes(b"written in a directory that has moved")


def _link_in_new_directory(root: Path, _: Path) -> None:
    (root / "new" / "newer").mkdir(parents=True)
    (root / "new" / "newer" / "link").hardlink_to(root / "file")
    (root / "new" / "newer" / "link").write_bytes(b"written in a new directory")


def _replace_first_name(root: Path, _: Path) -> None:
    (root / "known" / "link").write_bytes(b"both")
    (root / "file").unlink()
    (root / "file").write_bytes(b"another file")


THROUGH_LINKS = (
    *(_link_and_write, _write_and_unlink, _write_and_rename, _write_and_remove_all, _write_and_move_out),
    *(_write_below_what_moved, _link_in_new_directory, _replace_first_name),
)
