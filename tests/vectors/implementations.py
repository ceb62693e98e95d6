"""What the suite of vectors asks of an implementation, and the plain codec as one.

Law: an implementation says what a document says as `spec/vectors/README.md` writes it, and refuses with `Refused`; of
any other error the suite knows nothing, so it fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from spec import qtn1, qtn1_parts, vectors
from spec.qtn1_mirror import Mirror

Json = dict[str, Any]


class Refused(Exception):
    """A defect: its code, and where it is."""

    def __init__(self, code: str, offset: int) -> None:
        super().__init__(f"{code} at {offset}")
        self.code, self.offset = code, offset


class Implementation(Protocol):
    """What the suite asks of each."""

    name: str

    def decode_snapshot(self, data: bytes) -> Json: ...

    def decode_manifest(self, data: bytes) -> Json: ...

    def decode_batch(self, data: bytes) -> Json: ...

    def decode_delta(self, data: bytes) -> Json: ...

    def from_text(self, text: str) -> bytes: ...

    def apply(self, before: bytes, told: bytes) -> Json:
        """The snapshot `before` after a batch or a delta."""

    def assemble(self, manifest: bytes, groups: list[bytes]) -> bytes: ...


@contextmanager
def refusing() -> Iterator[None]:
    """A QtnError as what the suite waits for."""
    try:
        yield
    except qtn1.QtnError as error:
        raise Refused(error.code, error.offset) from None


class Plain:
    """The codec beside the page."""

    name = "plain"

    @refusing()
    def decode_snapshot(self, data: bytes) -> Json:
        return vectors.snapshot_json(qtn1.decode_snapshot(data))

    @refusing()
    def decode_manifest(self, data: bytes) -> Json:
        return vectors.manifest_json(qtn1_parts.decode_manifest(data))

    @refusing()
    def decode_batch(self, data: bytes) -> Json:
        return vectors.batch_json(qtn1.decode_batch(data))

    @refusing()
    def decode_delta(self, data: bytes) -> Json:
        return vectors.delta_json(qtn1.decode_delta(data))

    @refusing()
    def from_text(self, text: str) -> bytes:
        return qtn1.from_text(text)

    @refusing()
    def apply(self, before: bytes, told: bytes) -> Json:
        mirror = Mirror()
        mirror.replace([qtn1.decode_snapshot(before)])
        if told[:3] == qtn1.BATCH:
            assert mirror.apply(qtn1.decode_batch(told))
        else:
            mirror.apply_delta(qtn1.decode_delta(told))
        return vectors.snapshot_json(vectors.held(mirror))

    @refusing()
    def assemble(self, manifest: bytes, groups: list[bytes]) -> bytes:
        return qtn1_parts.assemble(manifest, groups)
