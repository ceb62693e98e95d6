"""Contents: the lines of files that match, found by a few threads and taken in the order of paths.

The list of files is cut into batches; each thread takes the next one. What is found waits for its turn: up to
PENDING_BYTES, and then the threads wait, but that of the first batch. Nobody waits for a thread: `wake` is called, from
one, when there is something to take.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from typing import Final

from smarttree._grep import Reader, Stop
from smarttree.search.excerpt import Message, Seeker, messages
from smarttree.search.pattern import Pattern
from smarttree.search.scope import FILES, Scope
from smarttree.tree import Tree

CONTEXT_MAX: Final = 20
THREADS: Final = min(os.cpu_count() or 1, 4)
BATCH_FILES: Final = 128
AHEAD: Final = 256  # batches
PENDING_BYTES: Final = 8 << 20
PIECE_MESSAGES: Final = 64  # so many are handed over at a time
PIECES_MAX: Final = 16  # are taken at a time
SKIPPED: Final = ("binary", "large", "unreadable", "gone")


class ContentSearch:
    """One search. Its threads run from `start` until all is read, until `stop`, or until `limit` lines that match were
    taken; the last of them calls `end`.
    """

    def __init__(
        self,
        scope: Scope,
        pattern: Pattern,
        *,
        context: int,
        limit: int,
        wake: Callable[[], None],
        end: Callable[[], None],
    ) -> None:
        """O(entries) of the tree: not for the event loop."""
        self._tree, self._pattern, self._context = scope.tree, pattern, context
        self._ids = scope.entries(FILES)
        self._wake, self._end, self._limit = wake, end, limit
        self._stop = Stop()
        self._turn = threading.Condition()  # guards what follows
        self._batches = -(-len(self._ids) // BATCH_FILES)
        self._next = self._head = self._pending = 0
        self._found: dict[int, deque[list[Message]]] = {}
        self._ended: set[int] = set()
        self._running = 0
        self._threads: list[Future[None]] = []
        self._readers: list[tuple[Reader, Seeker]] = []
        self._file: Message | None = None  # the one whose matches are being taken, and how many lines and matches
        self._file_lines = self._file_matches = 0
        self.lines = self.matches = self.files = 0
        self.limit_reached = False
        self._began = time.monotonic()

    def start(self) -> None:
        self._roots = open_roots(self._tree)
        self._running = THREADS
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="search")
        self._threads = [pool.submit(self._work) for _ in range(THREADS)]
        for thread in self._threads:
            thread.add_done_callback(self._leave)
        pool.shutdown(wait=False)

    def stop(self) -> None:
        """Threads end once they have done with the file they are in. May be called at any time, and twice."""
        self._stop.set()
        with self._turn:
            self._turn.notify_all()

    @property
    def is_complete(self) -> bool:
        """Whether all that was found has been taken."""
        return self._head >= self._batches

    def figures(self) -> dict[str, object]:
        """What was read and found so far, as in ripgrep's summary, and how many files were not searched, by why."""
        readers = [reader for reader, _ in self._readers]
        elapsed_ns = int((time.monotonic() - self._began) * 1e9)
        elapsed = {"secs": elapsed_ns // 10**9, "nanos": elapsed_ns % 10**9, "human": f"{elapsed_ns / 1e9:.6f}s"}
        return {
            "elapsed_total": elapsed,
            "stats": {
                "searches": sum(reader.searched for reader in readers),
                "searches_with_match": self.files,
                "bytes_searched": sum(reader.nbytes for reader in readers),
                "matched_lines": self.lines,
                "matches": self.matches,
            },
            "skipped": {
                **{name: sum(getattr(reader, name) for reader in readers) for name in SKIPPED},
                "long_lines": sum(seeker.long_lines for _, seeker in self._readers),
            },
        }

    # --- whoever asked ------------------------------------------------------------------------------------------------

    def take(self, *, is_last: bool = False) -> tuple[list[Message], bool]:
        """What can be told now, and whether that is the end; it is where it `is_last`. Waits for nobody, and wakes its
        caller again where there is more. Raises what made a thread fail.
        """
        for thread in self._threads:
            if thread.done():
                thread.result()
        told: list[Message] = []
        pieces, is_over = self._taken()
        for message in chain.from_iterable(pieces):
            if not self._tell(message, told):
                self.limit_reached = is_over = True
                break
        if is_over or is_last:
            self.stop()
            self._end_file(told)
        return told, is_over or is_last

    def _taken(self) -> tuple[list[list[Message]], bool]:
        """Some pieces, in their order, and whether those were the last."""
        pieces: list[list[Message]] = []
        with self._turn:
            while self._head < self._batches and len(pieces) < PIECES_MAX:
                waiting = self._found.get(self._head)
                if not waiting:
                    break
                pieces.append(waiting.popleft())
                self._pending -= _weight(pieces[-1])
                self._advance()
            self._turn.notify_all()
            is_over = self._head >= self._batches
        if len(pieces) == PIECES_MAX and not is_over:
            self._wake()
        return pieces, is_over

    def _advance(self) -> bool:
        """Go on to the first batch that has not ended, or of which something waits; whether there is anything to take.
        The lock is held.
        """
        while self._head in self._ended and not self._found.get(self._head):
            self._ended.remove(self._head)
            self._found.pop(self._head, None)
            self._head += 1
        return bool(self._found.get(self._head)) or self._head >= self._batches

    def _tell(self, message: Message, told: list[Message]) -> bool:
        """Add a message, and what must come before it; False where that would be beyond the limit."""
        if message.kind == "match" and self.lines >= self._limit:
            return False
        if message.kind == "begin":
            if self.lines >= self._limit:
                return False
            self._end_file(told)
            self._file = message
            self.files += 1
        elif message.kind == "match":
            self.lines += 1
            self.matches += message.matches
            self._file_lines += 1
            self._file_matches += message.matches
        told.append(message)
        return True

    def _end_file(self, told: list[Message]) -> None:
        if self._file is not None:
            stats = b'{"matched_lines":%d,"matches":%d}' % (self._file_lines, self._file_matches)
            told.append(Message("end", b'%b,"binary_offset":null,"stats":%b}' % (self._file.data[:-1], stats)))
        self._file, self._file_lines, self._file_matches = None, 0, 0

    # --- the threads --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        reader = Reader(self._tree, self._roots, self._pattern.needle, self._stop)
        seeker = Seeker(self._pattern, self._is_stopped)
        with self._turn:
            self._readers.append((reader, seeker))
        with closing(reader):
            self._read(reader, seeker)

    def _read(self, reader: Reader, seeker: Seeker) -> None:
        while (batch := self._next_batch()) is not None:
            self._search(batch, reader, seeker)
            if self._stop.is_set:  # perhaps it did not come to its end
                break
            with self._turn:
                self._ended.add(batch)
                is_due = batch == self._head and self._advance()
                self._turn.notify_all()
            if is_due:
                self._wake()

    def _leave(self, thread: Future[None]) -> None:
        """It has ended, or failed."""
        if thread.exception() is not None:
            self.stop()
        with self._turn:
            self._running -= 1
            is_last = not self._running
        if is_last:
            for _, descriptor in self._roots:
                os.close(descriptor)
            self._end()
        self._wake()

    def _is_stopped(self) -> bool:
        return self._stop.is_set

    def _next_batch(self) -> int | None:
        with self._turn:
            while self._next >= self._head + AHEAD and not self._stop.is_set:
                self._turn.wait()
            if self._stop.is_set or self._next >= self._batches:
                return None
            self._next += 1
            return self._next - 1

    def _search(self, batch: int, reader: Reader, seeker: Seeker) -> None:
        at, end = batch * BATCH_FILES, min((batch + 1) * BATCH_FILES, len(self._ids))
        lines = 0
        piece: list[Message] = []
        while lines <= self._limit and (found := reader.next(self._ids, at, end)) is not None:
            at, data, first = found
            path = self._tree.path(self._ids[at])
            at += 1
            for message in messages(path, data, seeker.lines(data, first), self._context):
                piece.append(message)
                lines += message.kind == "match"
                if len(piece) >= PIECE_MESSAGES:
                    self._put(batch, piece)
                    piece = []
                if lines > self._limit:
                    break
        if piece:
            self._put(batch, piece)

    def _put(self, batch: int, piece: list[Message]) -> None:
        """Hand something over, in time."""
        with self._turn:
            waiting = self._found.setdefault(batch, deque())
            while self._pending > PENDING_BYTES and not (batch == self._head and not waiting) and not self._stop.is_set:
                self._turn.wait()
            waiting.append(piece)
            self._pending += _weight(piece)
            is_due = batch == self._head
        if is_due:
            self._wake()


def _weight(piece: list[Message]) -> int:
    return sum(len(message.data) for message in piece)


def open_roots(tree: Tree) -> Sequence[tuple[int, int]]:
    """The roots that can be opened, each with a descriptor. What is below the others is gone."""
    opened = []
    for root in tree.roots():
        try:
            opened.append((root, os.open(tree.name(root), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)))
        except OSError:
            continue
    return opened
