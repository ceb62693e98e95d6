"""Two clients that live on `change` events alone: one by the paths and types told, one by the deltas.

Law: they take the changes in the order told, believe each, and refuse one that does not fit what the ones before left:
only then is "applied in order, they give the next tree" more than a phrase.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from spec.qtn1 import decode_delta, from_text
from spec.qtn1_mirror import Mirror
from tests.disk import Listing, mirror_listing

Change = dict[str, Any]
Shape = dict[bytes, tuple[str, int]]  # path -> kind, size


def shape_of(listing: Listing) -> Shape:
    """What changes tell of each entry by words: its kind and its size."""
    return {path: (seen.kind, seen.size) for path, seen in listing.items()}


def without_times_of_directories(listing: Listing) -> Listing:
    """Deltas leave out what a directory's mtime became by the change itself."""
    return {path: seen._replace(mtime_ns=0) if seen.kind == "dir" else seen for path, seen in listing.items()}


def told_path(change: Change, field: str = "path") -> bytes:
    """The exact bytes of a path that was told."""
    encoded = change.get(f"{field}_b64")
    return b64decode(encoded) if encoded else str(change[field]).encode()


class ByWords:
    """Holds paths, kinds and sizes, from each change's `type`, `path`, `old_path`, `kind` and `size`."""

    def __init__(self, shape: Shape, roots: list[bytes]) -> None:
        self.shape, self.roots = dict(shape), set(roots)

    def take(self, change: Change) -> None:
        path, told = told_path(change), (change["kind"], change["size"])
        match change["type"]:
            case "created":
                self._appear(path, {path: told})
            case "deleted":
                assert self._take_out(path)[path][0] == change["kind"], change
            case "renamed":
                old = told_path(change, "old_path")
                moved = self._take_out(old)
                assert moved[old][0] == change["kind"], change
                self._appear(path, {path + at[len(old) :]: what for at, what in moved.items()} | {path: told})
            case "modified":
                assert self.shape[path][0] == change["kind"], change
                self.shape[path] = told
            case other:
                raise AssertionError(f"no type of a change: {other!r}")

    def _appear(self, path: bytes, what: Shape) -> None:
        parent = path.rpartition(b"/")[0]
        assert path not in self.shape, f"it is there already: {path!r}"
        assert parent in self.roots or self.shape[parent][0] == "dir", f"there is no such directory: {parent!r}"
        self.shape |= what

    def _take_out(self, path: bytes) -> Shape:
        gone = {at: what for at, what in self.shape.items() if at == path or at.startswith(path + b"/")}
        assert path in gone, f"it is not there: {path!r}"
        for at in gone:
            del self.shape[at]
        return gone


class ByDeltas:
    """Holds a mirror, from each change's `delta`."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror

    def take(self, change: Change) -> None:
        self.mirror.apply_delta(decode_delta(from_text(change["delta"])))

    def listing(self) -> Listing:
        return without_times_of_directories(mirror_listing(self.mirror))
