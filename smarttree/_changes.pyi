from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Self

TYPES: Final[tuple[str, ...]]
KINDS: Final[tuple[str, ...]]
CONTENTS: Final[tuple[str | None, ...]]

class Change(NamedTuple):
    type: str
    path: bytes
    old_path: bytes | None
    kind: str
    size: int
    delta: bytes
    growth: int
    content: str | None = None

class Changes:
    def __new__(cls, changes: Iterable[Change] = ()) -> Self: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Change]: ...
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def same(self) -> int: ...
    @property
    def packed(self) -> bytes: ...
    @staticmethod
    def unpack(packed: bytes | memoryview, count: int) -> Changes: ...
    def below(self, prefix: bytes) -> tuple[int, int]: ...
    def files(self, prefix: bytes) -> Iterator[bytes]: ...

    __hash__: Final[None]  # type: ignore[assignment]
